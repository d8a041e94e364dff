// Loss scaling: the rule's every transition, the underflow that it mends, and a run that overflows
// float16 and recovers by itself.
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "models/layers.h"
#include "plan/plan.h"
#include "snug/train.h"
#include "support/test.h"
#include "train/loss_scaler.h"

static void test_transitions(void **state) {
    (void)state;
    snug_loss_scaler scaler = snug_loss_scaler_start(0);
    assert_true(scaler.scale == 65536 && scaler.good_steps == 0 && scaler.skipped_steps == 0);
    // One step short of the interval nothing changes; the step that completes it doubles.
    for (int i = 0; i < 1999; i++)
        assert_true(snug_loss_scaler_update(&scaler, true));
    assert_true(scaler.scale == 65536 && scaler.good_steps == 1999);
    assert_true(snug_loss_scaler_update(&scaler, true));
    assert_true(scaler.scale == 131072 && scaler.good_steps == 0);
    // A gradient that is not finite halves, skips, and starts the count again.
    for (int i = 0; i < 1999; i++)
        assert_true(snug_loss_scaler_update(&scaler, true));
    assert_false(snug_loss_scaler_update(&scaler, false));
    assert_true(scaler.scale == 65536 && scaler.good_steps == 0 && scaler.skipped_steps == 1);
    assert_false(snug_loss_scaler_update(&scaler, false));
    assert_true(scaler.scale == 32768 && scaler.skipped_steps == 2);
    for (int i = 0; i < 1999; i++)
        assert_true(snug_loss_scaler_update(&scaler, true));
    assert_true(scaler.scale == 32768);
    assert_true(snug_loss_scaler_update(&scaler, true));
    assert_true(scaler.scale == 65536 && scaler.skipped_steps == 2);
}

static void test_growth_stays_finite(void **state) {
    (void)state;
    snug_loss_scaler scaler = snug_loss_scaler_start(0);
    for (int i = 0; i < 200 * 2000; i++)
        assert_true(snug_loss_scaler_update(&scaler, true));
    assert_true(scaler.scale == 0x1p127 && (float)scaler.scale <= FLT_MAX);
    assert_false(snug_loss_scaler_update(&scaler, false));
    assert_true(scaler.scale == 0x1p126);
}

static void test_fixed_scale(void **state) {
    (void)state;
    snug_loss_scaler scaler = snug_loss_scaler_start(8);
    for (int i = 0; i < 4001; i++)
        assert_true(snug_loss_scaler_update(&scaler, true));
    assert_false(snug_loss_scaler_update(&scaler, false));
    assert_true(scaler.scale == 8 && scaler.skipped_steps == 1);
}

// A convolution whose output is averaged over the whole image, before a linear layer of small
// weights: each gradient of it is the mean's divided by the pixels and by the batch, some 1e-8,
// less than half of float16's least number.
enum { SIDE = 64, IMAGE = 3 * SIDE * SIDE, BATCH = 32, CHANNELS = 32, CLASSES = 10 };

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    (void)model;
    snug_layers layers = snug_layers_begin(graph, options, training);
    snug_conv_shape shape = {.out = CHANNELS, .kernel = 3, .stride = 1, .padding = 1, .groups = 1};
    x = snug_layers_conv(&layers, "features", x, shape, true);
    x = snug_layers_activate(&layers, &snug_op_relu, x);
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 1));
    return snug_layers_linear(&layers, "fc", x, options->classes);
}

static const snug_model averaged = {.name = "averaged",
                                    .family = "averaged",
                                    .summary = "a convolution and its mean",
                                    .default_size = SIDE,
                                    .minimum_size = 1,
                                    .size_multiple = 1,
                                    .default_classes = CLASSES,
                                    .build = build};

typedef struct feed {
    float *input;
    int32_t *target;
    int64_t next;
} feed;

static snug_status next_samples(void *context, int64_t samples, const void **input,
                                const void **target) {
    feed *self = context;
    *input = self->input + self->next * IMAGE;
    *target = self->target + self->next;
    self->next += samples;
    return SNUG_OK;
}

enum { WEIGHTS = CHANNELS * 3 * 9 };

typedef struct outcome {
    float moved[WEIGHTS]; // of the convolution's weights by the first step
    double first_loss, last_loss, scale;
    int64_t skipped, done;
} outcome;

// |steps| updates on inputs of magnitude |amplitude|; |scale| as snug_trainer_set_loss_scale().
static void train(snug_precision precision, double scale, float amplitude, int64_t micro_batch,
                  int steps, double rate, outcome *out) {
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    snug_plan_request request = {.cost = SNUG_COST_SOURCE_MODEL,
                                 .batch_size = BATCH,
                                 .micro_batch = micro_batch,
                                 .precision = precision,
                                 .allow = SNUG_FIDELITY_STATISTICS};
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    assert_int_equal(snug_plan_make_of(device, &request, &averaged, &plan), SNUG_OK);
    assert_int_equal(snug_trainer_new(plan, 3, &trainer), SNUG_OK);
    if (scale > 0) assert_int_equal(snug_trainer_set_loss_scale(trainer, scale), SNUG_OK);
    *out = (outcome){0};
    feed samples = {.input = malloc(sizeof(float) * BATCH * IMAGE),
                    .target = malloc(sizeof(int32_t) * BATCH)};
    for (int i = 0; i < BATCH; i++)
        samples.target[i] = i % 10;
    for (int64_t i = 0; i < BATCH * IMAGE; i++)
        samples.input[i] =
            amplitude * ((float)samples.target[i / IMAGE] / 5 +
                         snug_random_uniform(snug_random_at(9, (uint64_t)i, 0).words[0]) - 1);
    float before[WEIGHTS], after[WEIGHTS], head[CLASSES * CHANNELS];
    assert_int_equal(snug_trainer_read(trainer, "fc.weight", head, sizeof head), SNUG_OK);
    for (int i = 0; i < CLASSES * CHANNELS; i++)
        head[i] /= 100;
    assert_int_equal(snug_trainer_write(trainer, "fc.weight", head, sizeof head), SNUG_OK);
    assert_int_equal(snug_trainer_read(trainer, "features.weight", before, sizeof before), SNUG_OK);
    for (int i = 0; i < steps; i++) {
        double loss;
        samples.next = 0;
        snug_batch_source source = {.next = next_samples, .context = &samples, .most = 5};
        assert_int_equal(snug_trainer_step(trainer, &source, rate, &loss), SNUG_OK);
        if (i == 0) {
            assert_int_equal(snug_trainer_read(trainer, "features.weight", after, sizeof after),
                             SNUG_OK);
            out->first_loss = loss;
        }
        out->last_loss = loss;
    }
    for (int i = 0; i < WEIGHTS; i++)
        out->moved[i] = after[i] - before[i];
    out->scale = snug_trainer_loss_scale(trainer);
    out->skipped = snug_trainer_skipped_steps(trainer);
    out->done = snug_trainer_steps(trainer);
    assert_int_equal(snug_trainer_measured_peak(trainer), snug_plan_chosen(plan)->peak_bytes);
    free(samples.input);
    free(samples.target);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
}

static double length(const float *values, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    return sqrt(sum);
}

// Gradients below float16's numbers are lost without scaling, and right with it.
static void test_underflow(void **state) {
    (void)state;
    outcome exact, plain, scaled;
    for (int64_t micro = BATCH; micro >= 8; micro /= 4) {
        train(SNUG_PRECISION_FLOAT32, 0, 1, micro, 1, 1, &exact);
        train(SNUG_PRECISION_FLOAT16, 1, 1, micro, 1, 1, &plain);
        train(SNUG_PRECISION_FLOAT16, 0, 1, micro, 1, 1, &scaled);
        assert_true(exact.scale == 0 && plain.scale == 1 && scaled.scale == 65536);
        assert_int_equal(scaled.skipped, 0);
        float lost[WEIGHTS], left[WEIGHTS];
        for (int i = 0; i < WEIGHTS; i++) {
            lost[i] = plain.moved[i] - exact.moved[i];
            left[i] = scaled.moved[i] - exact.moved[i];
        }
        double whole = length(exact.moved, WEIGHTS);
        print_message("micro-batch %d: off by %.1f %% with --loss-scale 1, %.3f %% scaled\n",
                      (int)micro, 100 * length(lost, WEIGHTS) / whole,
                      100 * length(left, WEIGHTS) / whole);
        assert_true(length(lost, WEIGHTS) > 0.5 * whole);
        assert_true(length(left, WEIGHTS) < 0.01 * whole);
    }
}

// Inputs so large that scaled gradients pass 65504: steps are skipped whole, the scale falls until
// they fit, and the run learns.
static void test_overflow_recovers(void **state) {
    (void)state;
    for (int64_t micro = BATCH; micro >= 8; micro /= 4) {
        outcome found;
        train(SNUG_PRECISION_FLOAT16, 0, 2000, micro, 40, 1e-7, &found);
        print_message("%d of 40 steps skipped, scale %g, loss %g to %g\n", (int)found.skipped,
                      found.scale, found.first_loss, found.last_loss);
        assert_true(found.skipped > 0 && found.skipped < 20);
        assert_int_equal(found.done, 40 - found.skipped);
        assert_true(found.scale == 65536 * pow(0.5, (double)found.skipped));
        // The first step was skipped: not a bit changed.
        for (int i = 0; i < WEIGHTS; i++)
            assert_true(found.moved[i] == 0);
        assert_true(isfinite(found.last_loss) && found.last_loss < found.first_loss);
    }
}

static void test_only_float16_scales(void **state) {
    (void)state;
    snug_device *device;
    snug_plan *plan;
    snug_trainer *trainer;
    snug_plan_request request = {.cost = SNUG_COST_SOURCE_MODEL,
                                 .batch_size = 2,
                                 .precision = SNUG_PRECISION_BFLOAT16,
                                 .allow = SNUG_FIDELITY_PRECISION};
    assert_int_equal(snug_device_open("cpu", 2, &device), SNUG_OK);
    assert_int_equal(snug_plan_make_of(device, &request, &averaged, &plan), SNUG_OK);
    assert_int_equal(snug_trainer_new(plan, 3, &trainer), SNUG_OK);
    assert_true(snug_trainer_loss_scale(trainer) == 0);
    assert_int_equal(snug_trainer_set_loss_scale(trainer, 2), SNUG_INVALID);
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),       cmocka_unit_test(test_growth_stays_finite),
        cmocka_unit_test(test_fixed_scale),       cmocka_unit_test(test_underflow),
        cmocka_unit_test(test_overflow_recovers), cmocka_unit_test(test_only_float16_scales),
    };
    return cmocka_run_group_tests_name("loss scaling", tests, NULL, NULL);
}
