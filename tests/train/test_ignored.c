// Targets that do not count: the loss is the mean over the others, as PyTorch's cross-entropy with
// its ignore_index takes it, however the batch is split, and with every optimizer's update.
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "snug/train.h"
#include "support/test.h"

enum { BATCH = 6, PIXELS = 3 * 32 * 32, MOST = 1 << 20 };

typedef struct samples {
    float pixels[BATCH][PIXELS]; // in the order that the network takes
    int32_t targets[BATCH];
    int64_t count, next;
} samples;

static snug_status next_samples(void *context, int64_t count, const void **input,
                                const void **target) {
    samples *self = context;
    assert_true(count <= self->count - self->next);
    *input = self->pixels[self->next];
    *target = &self->targets[self->next];
    self->next = (self->next + count) % self->count;
    return SNUG_OK;
}

// Six samples of which three count, or those three alone.
static void make(samples *self, bool counted_alone) {
    static const int32_t targets[BATCH] = {4, -100, -100, 7, 2, -100};
    *self = (samples){0};
    for (int i = 0; i < BATCH; i++) {
        if (counted_alone && targets[i] < 0) continue;
        for (int j = 0; j < PIXELS; j++)
            self->pixels[self->count][j] = sinf((float)(i * 37 + j * (i + 1)));
        self->targets[self->count++] = targets[i];
    }
}

typedef struct outcome {
    double loss, evaluated, accuracy;
    float weights[MOST];
    size_t elements;
} outcome;

static void read_weights(snug_trainer *trainer, outcome *out) {
    snug_tensor_info info;
    for (size_t i = 0; snug_trainer_tensor(trainer, i, &info) == SNUG_OK; i++) {
        if (!info.is_weight) continue;
        assert_true(out->elements + info.bytes / sizeof(float) <= MOST);
        assert_int_equal(
            snug_trainer_read(trainer, info.name, out->weights + out->elements, info.bytes),
            SNUG_OK);
        out->elements += info.bytes / sizeof(float);
    }
}

// Two steps on |data|, in micro-batches of |micro|, and the evaluation before them.
static outcome *run(const char *device_name, samples *data, int64_t micro, const char *fixes,
                    snug_optimizer optimizer) {
    snug_device *device = NULL;
    snug_plan *plan = NULL;
    snug_trainer *trainer = NULL;
    outcome *out = NULL;
    assert_int_equal(SNUG_NEW(&out, 1), SNUG_OK);
    snug_plan_request request = {.model = "vgg11",
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .fixes = fixes,
                                 .classes = 10,
                                 .height = 32,
                                 .width = 32,
                                 .width_multiplier = 0.03125,
                                 .no_drop = true,
                                 .batch_size = data->count,
                                 .micro_batch = micro,
                                 .allow = SNUG_FIDELITY_PRECISION,
                                 .optimizer = optimizer};
    snug_batch_source source = {.next = next_samples, .context = data};
    assert_int_equal(snug_device_open(device_name, 2, &device), SNUG_OK);
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) fail_msg("%s", snug_error_message());
    assert_int_equal(snug_trainer_new(plan, 3, &trainer), SNUG_OK);
    assert_int_equal(
        snug_trainer_evaluate(trainer, &source, data->count, &out->evaluated, &out->accuracy),
        SNUG_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(snug_trainer_step(trainer, &source, 0.05, &out->loss), SNUG_OK);
    read_weights(trainer, out);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    return out;
}

static void expect_equal(outcome *a, outcome *b, double tolerance) {
    double worst = 0;
    assert_int_equal(a->elements, b->elements);
    assert_true(isfinite(a->loss) && a->loss > 0);
    assert_true(fabs(a->loss - b->loss) <= tolerance * b->loss);
    assert_true(fabs(a->evaluated - b->evaluated) <= tolerance * b->evaluated);
    assert_true(fabs(a->accuracy - b->accuracy) < 1e-12);
    for (size_t i = 0; i < a->elements; i++)
        worst = fmax(worst, fabs((double)a->weights[i] - (double)b->weights[i]));
    if (!(worst <= tolerance)) fail_msg("weights differ by %g", worst);
    snug_memory_free(a);
    snug_memory_free(b);
}

static void check(const char *device, const char *fixes, snug_optimizer optimizer,
                  double tolerance) {
    static samples all, alone;
    make(&all, false);
    make(&alone, true);
    // Micro-batches of two hold one, one and one that counts; of four, two and one; of one, none.
    static const int64_t micro[] = {6, 4, 2, 1};
    for (size_t i = 0; i < sizeof micro / sizeof *micro; i++)
        expect_equal(run(device, &all, micro[i], fixes, optimizer),
                     run(device, &alone, 3, fixes, optimizer), tolerance);
}

static const snug_optimizer sgd = {.momentum = 0.9, .weight_decay = 0.01},
                            adam = {.kind = SNUG_OPTIMIZER_ADAM,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .eps = 1e-2,
                                    .weight_decay = 0.01};

static void test_cpu(void **state) {
    (void)state;
    check("cpu", "free-early,accumulate", sgd, 1e-6);
    check("cpu", "free-early,accumulate", (snug_optimizer){0}, 1e-6);
    check("cpu", "free-early,accumulate", adam, 1e-5);
}

static void test_reference(void **state) {
    (void)state;
    check("reference", "free-early,accumulate", sgd, 1e-6);
    check("reference", "free-early,accumulate", adam, 1e-5);
}

// Without a target that counts there is nothing to learn: the loss is 0 and no gradient is.
static void test_none(void **state) {
    (void)state;
    static samples all;
    make(&all, false);
    for (int i = 0; i < BATCH; i++)
        all.targets[i] = -100;
    outcome *found = run("cpu", &all, 6, "free-early", (snug_optimizer){0});
    assert_true(found->loss == 0 && found->evaluated == 0 && found->accuracy == 0);
    for (size_t i = 0; i < found->elements; i++)
        assert_true(isfinite(found->weights[i]));
    snug_memory_free(found);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpu), cmocka_unit_test(test_reference),
                                       cmocka_unit_test(test_none)};
    return cmocka_run_group_tests_name("targets that do not count", tests, NULL, NULL);
}
