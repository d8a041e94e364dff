// The masks of dropout and stochastic depth: the same for a sample in every micro-batch, at the
// wanted rate, and gone in no other way than by a zero.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/ops.h"

// 37 pixels of 3 channels: the last block of four numbers of a sample is not used up.
enum { SAMPLES = 12, PER_SAMPLE = 3 * 37, ELEMENTS = SAMPLES * PER_SAMPLE };

// Drops ones: |y| then holds the mask, scaled.
static void run(const snug_op *op, double p, int64_t salt, const snug_run_state *state,
                int64_t samples, float *y) {
    static float ones[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++)
        ones[i] = 1;
    snug_type type = snug_type_image(SNUG_F32, samples, 3, 1, 37);
    snug_dropout_attributes attributes = {.p = p, .salt = salt};
    snug_view input = {ones, type}, output = {y, type};
    snug_call call = {.attributes = &attributes,
                      .inputs = &input,
                      .input_count = 1,
                      .outputs = &output,
                      .output_count = 1,
                      .state = state};
    assert_int_equal(op->reference(&call), SNUG_OK);
}

static const snug_op *const droppers[] = {&snug_op_dropout, &snug_op_stochastic_depth};

static void micro_batches_see_the_same_masks(void **unused) {
    (void)unused;
    for (int i = 0; i < 2; i++) {
        float whole[ELEMENTS], parts[ELEMENTS];
        snug_run_state state = {.seed = 7, .step = 3};
        run(droppers[i], 0.3, 5, &state, SAMPLES, whole);
        for (int64_t micro_batch = 1; micro_batch < SAMPLES; micro_batch++) {
            for (int64_t first = 0; first < SAMPLES; first += micro_batch) {
                int64_t left = SAMPLES - first;
                state.first_sample = first;
                run(droppers[i], 0.3, 5, &state, left < micro_batch ? left : micro_batch,
                    parts + first * PER_SAMPLE);
            }
            state.first_sample = 0;
            assert_memory_equal(whole, parts, sizeof whole);
        }
    }
}

static void masks_differ_elsewhere(void **unused) {
    (void)unused;
    float base[ELEMENTS], other[ELEMENTS];
    const snug_run_state states[] = {
        {.seed = 7, .step = 3}, {.seed = 8, .step = 3}, {.seed = 7, .step = 4}};
    run(&snug_op_dropout, 0.5, 1, &states[0], SAMPLES, base);
    for (int i = 1; i < 3; i++) {
        run(&snug_op_dropout, 0.5, 1, &states[i], SAMPLES, other);
        assert_memory_not_equal(base, other, sizeof base);
    }
    run(&snug_op_dropout, 0.5, 2, &states[0], SAMPLES, other);
    assert_memory_not_equal(base, other, sizeof base);
    assert_memory_not_equal(base, base + PER_SAMPLE, PER_SAMPLE * sizeof *base);
}

// Elements of |y| that are left; each must have the scale that keeps the mean.
static int count_kept(const float *y, double p) {
    int kept = 0;
    for (int i = 0; i < ELEMENTS; i++) {
        if (y[i] == 0) continue;
        assert_float_equal(y[i], 1 / (1 - p), 1e-6);
        kept++;
    }
    return kept;
}

static void rate_and_scale_are_as_asked(void **unused) {
    (void)unused;
    for (double p = 0.1; p < 0.95; p += 0.2) {
        double total = 0, rounds = 40, count = rounds * ELEMENTS;
        for (int round = 0; round < rounds; round++) {
            float y[ELEMENTS];
            snug_run_state state = {.seed = 11, .step = (uint64_t)round};
            run(&snug_op_dropout, p, 0, &state, SAMPLES, y);
            total += count_kept(y, p);
        }
        double deviation = sqrt(count * p * (1 - p));
        assert_true(fabs(total - count * (1 - p)) < 4 * deviation);
    }
}

static void stochastic_depth_drops_whole_samples(void **unused) {
    (void)unused;
    int kept = 0, rounds = 200;
    for (int round = 0; round < rounds; round++) {
        float y[ELEMENTS];
        snug_run_state state = {.seed = 11, .step = (uint64_t)round};
        run(&snug_op_stochastic_depth, 0.25, 0, &state, SAMPLES, y);
        for (int n = 0; n < SAMPLES; n++)
            for (int i = 1; i < PER_SAMPLE; i++)
                assert_true(y[n * PER_SAMPLE] == y[n * PER_SAMPLE + i]);
        kept += count_kept(y, 0.25) / PER_SAMPLE;
    }
    double count = rounds * SAMPLES;
    assert_true(fabs(kept - 0.75 * count) < 4 * sqrt(count * 0.25 * 0.75));
}

static void ends_of_the_range(void **unused) {
    (void)unused;
    snug_run_state state = {.seed = 1};
    for (int i = 0; i < 2; i++) {
        float y[ELEMENTS];
        run(droppers[i], 0, 0, &state, SAMPLES, y);
        assert_int_equal(count_kept(y, 0), ELEMENTS);
        run(droppers[i], 1, 0, &state, SAMPLES, y);
        for (int j = 0; j < ELEMENTS; j++)
            assert_true(y[j] == 0);
        snug_type type = snug_type_vector(SNUG_F32, 4), out;
        const snug_dropout_attributes wrong[] = {{.p = -0.1}, {.p = 1.1}, {.p = NAN}};
        for (int j = 0; j < 3; j++)
            assert_int_equal(droppers[i]->infer(&wrong[j], &type, 1, &out), SNUG_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(micro_batches_see_the_same_masks),
        cmocka_unit_test(masks_differ_elsewhere),
        cmocka_unit_test(rate_and_scale_are_as_asked),
        cmocka_unit_test(stochastic_depth_drops_whole_samples),
        cmocka_unit_test(ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
