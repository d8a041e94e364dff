// Weights that do not learn: what they keep, and what they cost. Losses of numbers: micro-batches
// against the whole batch.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "snug/train.h"
#include "support/test.h"

enum { BATCH = 12, SIDE = 32, CLASSES = 10 };

typedef struct feed {
    const snug_sample_type *sample;
    float *input, *numbers;
    int32_t *classes;
    int64_t next;
} feed;

static float draw(int64_t index, uint64_t stream) {
    return snug_random_uniform(snug_random_at(3, (uint64_t)index, stream).words[0]);
}

static snug_status give(void *context, int64_t samples, const void **inputs, const void **target) {
    feed *self = context;
    size_t image = self->sample->inputs[0].bytes / sizeof(float);
    inputs[0] = self->input + (size_t)self->next * image;
    bool is_class = strcmp(self->sample->target.type, "int32") == 0;
    *target = is_class ? (const void *)(self->classes + self->next)
                       : (const void *)(self->numbers + self->next * CLASSES);
    self->next += samples;
    return SNUG_OK;
}

static feed make_feed(const snug_plan *plan) {
    feed self = {.sample = snug_plan_sample(plan)};
    int64_t elements = (int64_t)(self.sample->inputs[0].bytes / sizeof(float)) * BATCH;
    self.input = malloc((size_t)elements * sizeof *self.input);
    self.numbers = malloc(sizeof *self.numbers * BATCH * CLASSES);
    self.classes = malloc(sizeof *self.classes * BATCH);
    for (int64_t i = 0; i < elements; i++)
        self.input[i] = draw(i, 0) - 0.5f;
    for (int64_t i = 0; i < BATCH * CLASSES; i++)
        self.numbers[i] = draw(i, 1);
    for (int64_t i = 0; i < BATCH; i++)
        self.classes[i] = (int32_t)(draw(i, 2) * CLASSES);
    return self;
}

static void free_feed(feed *self) {
    free(self->input);
    free(self->numbers);
    free(self->classes);
}

static snug_plan_request request_for(const char *model) {
    return (snug_plan_request){.model = model,
                               .cost = SNUG_COST_SOURCE_MODEL,
                               .classes = CLASSES,
                               .height = SIDE,
                               .width = SIDE,
                               .batch_size = BATCH,
                               .allow = SNUG_FIDELITY_STATISTICS,
                               .optimizer = {.momentum = 0.9}};
}

static snug_plan *make(snug_device *device, const snug_plan_request *request) {
    snug_plan *plan;
    if (snug_plan_make(device, request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    return plan;
}

static snug_device *open_device(void) {
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    return device;
}

// Two steps and an evaluation over a number of samples that no pass divides.
static void run(snug_trainer *trainer, feed *samples, double results[4]) {
    snug_batch_source source = {.next = give, .context = samples, .most = 5};
    for (int i = 0; i < 2; i++) {
        samples->next = 0;
        assert_int_equal(snug_trainer_step(trainer, &source, 0.01, &results[i]), SNUG_OK);
    }
    samples->next = 0;
    assert_int_equal(snug_trainer_evaluate(trainer, &source, BATCH - 1, &results[2], &results[3]),
                     SNUG_OK);
    assert_int_equal(snug_trainer_measured_peak(trainer), snug_trainer_planned_peak(trainer));
}

static void check_loss(snug_device *device, snug_loss loss) {
    static const int64_t micro_batches[] = {BATCH, 5, 1};
    double results[3][4];
    for (int i = 0; i < 3; i++) {
        snug_plan_request request = request_for("simple");
        request.loss = loss;
        request.micro_batch = micro_batches[i];
        snug_plan *plan = make(device, &request);
        snug_trainer *trainer;
        assert_int_equal(snug_trainer_new(plan, 1, &trainer), SNUG_OK);
        feed samples = make_feed(plan);
        run(trainer, &samples, results[i]);
        for (int j = 0; j < 3; j++)
            if (fabs(results[i][j] - results[0][j]) > 1e-5 * fabs(results[0][j]))
                fail_msg("%s in parts of %d: %.9g, whole %.9g", snug_loss_name(loss),
                         (int)micro_batches[i], results[i][j], results[0][j]);
        assert_true(results[i][1] < results[i][0]);
        assert_int_equal(isfinite(results[i][3]), loss != SNUG_LOSS_MSE);
        assert_int_equal(snug_plan_has_accuracy(plan), loss != SNUG_LOSS_MSE);
        free_feed(&samples);
        snug_trainer_free(trainer);
        snug_plan_free(plan);
    }
}

static void test_losses(void **state) {
    (void)state;
    snug_device *device = open_device();
    check_loss(device, SNUG_LOSS_CROSS_ENTROPY);
    check_loss(device, SNUG_LOSS_MSE);
    check_loss(device, SNUG_LOSS_BCE);
    snug_device_close(device);
}

// All of a trainer's tensors that are saved, one after another; the caller frees.
static float *read_all(snug_trainer *trainer, bool statistics, const char *except, size_t *count) {
    float *values = NULL;
    *count = 0;
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        bool is_wanted = statistics ? info.is_statistic : info.is_weight;
        if (!is_wanted || (except && strncmp(info.name, except, strlen(except)) == 0)) continue;
        values = realloc(values, *count + info.bytes);
        assert_int_equal(snug_trainer_read(trainer, info.name, (char *)values + *count, info.bytes),
                         SNUG_OK);
        *count += info.bytes;
    }
    return values;
}

static void check_frozen(snug_device *device, int64_t micro_batch, bool freeze_bn) {
    snug_plan_request request = request_for("resnet18");
    request.train = "fc";
    request.micro_batch = micro_batch;
    request.freeze_bn = freeze_bn;
    snug_plan *plan = make(device, &request);
    int64_t all, learning;
    snug_plan_parameters(plan, &all, &learning);
    assert_int_equal(learning, 512 * CLASSES + CLASSES);
    assert_true(all > learning);
    snug_trainer *trainer;
    assert_int_equal(snug_trainer_new(plan, 1, &trainer), SNUG_OK);
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++)
        if (!info.is_weight && !info.is_statistic && strncmp(info.name, "fc.", 3) != 0)
            fail_msg("%s is kept for a frozen weight", info.name);
    size_t bytes[3];
    float *weights = read_all(trainer, false, "fc.", &bytes[0]);
    float *statistics = read_all(trainer, true, NULL, &bytes[1]);
    float *head = read_all(trainer, false, NULL, &bytes[2]);
    feed samples = make_feed(plan);
    double results[4];
    run(trainer, &samples, results);
    float *weights_after = read_all(trainer, false, "fc.", &bytes[0]);
    float *statistics_after = read_all(trainer, true, NULL, &bytes[1]);
    float *head_after = read_all(trainer, false, NULL, &bytes[2]);
    assert_memory_equal(weights, weights_after, bytes[0]);
    assert_memory_not_equal(head, head_after, bytes[2]);
    // As in PyTorch, where train() and requires_grad have nothing to do with each other.
    assert_int_equal(memcmp(statistics, statistics_after, bytes[1]) == 0, freeze_bn);
    float *const held[] = {weights, statistics, head, weights_after, statistics_after, head_after};
    for (int i = 0; i < 6; i++)
        free(held[i]);
    free_feed(&samples);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
}

static void test_frozen_weights_stay(void **state) {
    (void)state;
    snug_device *device = open_device();
    check_frozen(device, BATCH, false);
    check_frozen(device, 5, true);
    snug_device_close(device);
}

// The memory of a plan without recomputation or micro-batches.
static size_t need(snug_device *device, snug_plan_request request) {
    request.fixes = "free-early";
    snug_plan *plan = make(device, &request);
    size_t peak = snug_plan_chosen(plan)->peak_bytes;
    snug_plan_free(plan);
    return peak;
}

static void test_frozen_memory(void **state) {
    (void)state;
    static const char *const models[] = {"resnet18", "mobilenet_v2", "vgg11_bn"};
    static const char *const last[] = {"fc", "classifier.1", "classifier.6"};
    snug_device *device = open_device();
    for (int i = 0; i < 3; i++) {
        snug_plan_request request = request_for(models[i]);
        request.height = request.width = 96;
        request.micro_batch = request.batch_size = 16;
        size_t whole = need(device, request);
        request.train = last[i];
        size_t tuned = need(device, request);
        request.train = NULL;
        request.evaluation = true;
        request.micro_batch = 0;
        size_t evaluation = need(device, request);
        printf("  %-14s training %zu, its last layer %zu, evaluation %zu bytes: %+.1f %%\n",
               models[i], whole, tuned, evaluation, 100 * ((double)tuned / (double)evaluation - 1));
        assert_true((double)tuned <= 1.15 * (double)evaluation);
        assert_true(tuned < whole);
    }
    snug_device_close(device);
}

static void test_what_cannot_be_meant(void **state) {
    (void)state;
    snug_device *device = open_device();
    snug_plan *plan;
    snug_plan_request request = request_for("resnet18");
    request.train = "fc,laier4.*";
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_INVALID);
    assert_non_null(strstr(snug_error_message(), "laier4"));
    request.train = NULL;
    request.freeze = "*";
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_INVALID);
    request.freeze = NULL;
    request.output = "logits";
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_INVALID);
    request.model = "missing.onnx";
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_BAD_FILE);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_frozen_weights_stay),
        cmocka_unit_test(test_frozen_memory),
        cmocka_unit_test(test_what_cannot_be_meant),
    };
    return cmocka_run_group_tests_name("fine-tuning", tests, NULL, NULL);
}
