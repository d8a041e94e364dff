// The trainer: budgets to the byte, micro-batches against the whole batch, failures in mid-step.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "snug/train.h"
#include "support/test.h"

enum { SIDE = 32, IMAGE = 3 * SIDE * SIDE };

// The same samples for every way of cutting the batch: sample |next| and those after it.
typedef struct feed {
    float *input;
    int32_t *target;
    int64_t next, fail_at;
} feed;

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    feed *self = context;
    if (self->fail_at > 0 && self->next >= self->fail_at) return SNUG_IO;
    *input = self->input + self->next * IMAGE;
    *target = self->target + self->next;
    self->next += samples;
    return SNUG_OK;
}

static feed make_feed(int64_t samples) {
    feed self = {.input = malloc((size_t)(samples * IMAGE) * sizeof(float)),
                 .target = malloc((size_t)samples * sizeof(int32_t))};
    for (int64_t i = 0; i < samples * IMAGE; i++)
        self.input[i] = snug_random_uniform(snug_random_at(9, (uint64_t)i, 0).words[0]) - 0.5f;
    for (int64_t i = 0; i < samples; i++)
        self.target[i] = (int32_t)(snug_random_at(9, (uint64_t)i, 1).words[0] % 10);
    return self;
}

static void free_feed(feed *self) {
    free(self->input);
    free(self->target);
}

static snug_plan_request request_for(const char *model, int64_t batch, int64_t micro,
                                     size_t budget) {
    snug_plan_request request = {.model = model,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .classes = 10,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .batch_size = batch,
                                 .micro_batch = micro,
                                 .budget_bytes = budget,
                                 .allow = SNUG_FIDELITY_STATISTICS,
                                 .optimizer = {.momentum = 0.9}};
    return request;
}

// Runs |steps| updates; |losses| receives them. Returns the trainer's measured peak.
static size_t train(snug_device *device, const snug_plan_request *request, int steps, double rate,
                    double *losses) {
    snug_plan *plan;
    snug_trainer *trainer;
    if (snug_plan_make(device, request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(plan, 7, &trainer), SNUG_OK);
    feed samples = make_feed(request->batch_size);
    for (int i = 0; i < steps; i++) {
        samples.next = 0;
        snug_batch_source source = {.next = next_samples, .context = &samples, .most = 5};
        assert_int_equal(snug_trainer_step(trainer, &source, rate, &losses[i]), SNUG_OK);
    }
    size_t measured = snug_trainer_measured_peak(trainer);
    assert_int_equal(measured, snug_plan_chosen(plan)->peak_bytes);
    assert_true(measured <= snug_plan_budget_bytes(plan));
    free_feed(&samples);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    return measured;
}

// The largest distance between losses at micro-batches of 1, 3, 7 and the batch, relative.
static void check_micro_batches(const char *model, double rate) {
    enum { STEPS = 10, BATCH = 64 };
    static const int64_t micro[] = {64, 1, 3, 7};
    double losses[4][STEPS];
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    for (int i = 0; i < 4; i++) {
        snug_plan_request request = request_for(model, BATCH, micro[i], 0);
        request.fixes = "free-early,accumulate";
        request.no_drop = false; // masks follow the sample, not the micro-batch
        request.width_multiplier = strcmp(model, "simple") == 0 ? 1 : 0.125;
        train(device, &request, STEPS, rate, losses[i]);
        for (int j = 0; j < STEPS; j++)
            if (fabs(losses[i][j] - losses[0][j]) > 1e-5 * fabs(losses[0][j]))
                fail_msg("%s, micro-batch %d, step %d: loss %.9g, whole batch %.9g", model,
                         (int)micro[i], j, losses[i][j], losses[0][j]);
    }
    assert_true(losses[0][STEPS - 1] < losses[0][0]);
    snug_device_close(device);
}

static void test_micro_batches_simple(void **state) {
    (void)state;
    check_micro_batches("simple", 0.01);
}

static void test_micro_batches_vgg(void **state) {
    (void)state;
    check_micro_batches("vgg11", 0.05);
}

// At the minimum it runs, a byte below it does not fit and the minimum is named; six budgets up to
// the unfixed need run with the peak that was planned.
static void check_budgets(const char *model) {
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    snug_plan *plan = NULL;
    snug_plan_request request = request_for(model, 8, 0, 1);
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_NO_FIT);
    size_t minimum = snug_plan_minimum_bytes(plan), unfixed = snug_plan_unfixed_bytes(plan);
    assert_null(snug_plan_chosen(plan));
    snug_plan_free(plan);
    char named[32];
    snprintf(named, sizeof named, "%zu bytes", minimum);
    assert_non_null(strstr(snug_error_message(), named));
    request.budget_bytes = minimum - 1;
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_NO_FIT);
    snug_plan_free(plan);
    snug_device_close(device);
    for (int i = 0; i < 6; i++) {
        double losses[3];
        assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
        request.budget_bytes = minimum + (unfixed - minimum) / 5 * (size_t)i;
        train(device, &request, 3, 0.01, losses);
        snug_device_close(device);
    }
}

static void test_budgets(void **state) {
    (void)state;
    static const char *const models[] = {"simple", "mobilenet_v2", "efficientnet_b0", "resnet18",
                                         "googlenet"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check_budgets(models[i]);
}

// The same seed, threads and plan give the same bits.
static void test_deterministic(void **state) {
    (void)state;
    double first[3], second[3];
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    snug_plan_request request = request_for("efficientnet_b0", 8, 4, 0);
    train(device, &request, 3, 0.05, first);
    train(device, &request, 3, 0.05, second);
    assert_memory_equal(first, second, sizeof first);
    snug_device_close(device);
}

// A source that fails in mid-batch leaves the weights, and no gradients behind.
static void test_failing_source(void **state) {
    (void)state;
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    double loss, clean;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    snug_plan_request request = request_for("simple", 16, 4, 0);
    train(device, &request, 1, 0.01, &clean);
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
    assert_int_equal(snug_trainer_new(plan, 7, &trainer), SNUG_OK);
    feed samples = make_feed(16);
    snug_batch_source source = {.next = next_samples, .context = &samples};
    samples.fail_at = 8;
    assert_int_equal(snug_trainer_step(trainer, &source, 0.01, &loss), SNUG_IO);
    assert_int_equal(snug_trainer_steps(trainer), 0);
    samples.fail_at = 0;
    samples.next = 0;
    assert_int_equal(snug_trainer_step(trainer, &source, 0.01, &loss), SNUG_OK);
    assert_true(loss == clean);
    float gradient[10];
    assert_int_equal(snug_trainer_read(trainer, "fc.bias.grad", gradient, sizeof gradient),
                     SNUG_OK);
    for (int i = 0; i < 10; i++)
        assert_true(gradient[i] == 0);
    free_feed(&samples);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
}

// Planning again leaves the kernels of a trainer on the same device alone.
static void test_second_plan(void **state) {
    (void)state;
    enum { BATCH = 8 };
    snug_device *device;
    snug_plan *plan, *second;
    snug_trainer *trainer;
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    snug_plan_request request = request_for("simple", BATCH, 0, 0);
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
    assert_int_equal(snug_trainer_new(plan, 7, &trainer), SNUG_OK);
    feed samples = make_feed(BATCH);
    for (int i = 0; i < 2; i++) {
        double loss;
        samples.next = 0;
        snug_batch_source source = {.next = next_samples, .context = &samples};
        assert_int_equal(snug_trainer_step(trainer, &source, 0.01, &loss), SNUG_OK);
        request.precision = SNUG_PRECISION_BFLOAT16;
        assert_int_equal(snug_plan_make(device, &request, &second), SNUG_OK);
        snug_plan_free(second);
    }
    free_feed(&samples);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
}

static void test_bad_requests(void **state) {
    (void)state;
    static const struct {
        const char *model, *fixes, *message;
        int64_t batch, micro, height;
        snug_status status;
    } cases[] = {
        {"mobilnet_v2", NULL, "did you mean mobilenet_v2?", 8, 0, 32, SNUG_NOT_FOUND},
        {"resnet18", "free-early,nonsense", "unknown fix 'nonsense'", 8, 0, 32, SNUG_INVALID},
        {"resnet18", NULL, "batch size of -1", -1, 0, 32, SNUG_INVALID},
        {"resnet18", NULL, "micro-batch of 9", 8, 9, 32, SNUG_INVALID},
        {"vgg11", NULL, "at least 32x32", 8, 0, 16, SNUG_INVALID},
        {"unet", NULL, "multiple of 16", 8, 0, 40, SNUG_INVALID},
    };
    snug_device *device;
    assert_int_equal(snug_device_open("cpu", 1, &device), SNUG_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_plan_request request = request_for(cases[i].model, cases[i].batch, cases[i].micro, 0);
        request.fixes = cases[i].fixes;
        request.height = cases[i].height;
        snug_plan *plan;
        assert_int_equal(snug_plan_make(device, &request, &plan), cases[i].status);
        if (!strstr(snug_error_message(), cases[i].message))
            fail_msg("'%s' is not in '%s'", cases[i].message, snug_error_message());
        assert_null(plan);
    }
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_micro_batches_simple),
        cmocka_unit_test(test_micro_batches_vgg),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_failing_source),
        cmocka_unit_test(test_second_plan),
        cmocka_unit_test(test_bad_requests),
    };
    return cmocka_run_group_tests_name("trainer", tests, NULL, NULL);
}
