// The optimizers' reference kernels against PyTorch 1.13.1: four steps of three weights in float64.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/ops.h"

enum { WEIGHTS = 3, STEPS = 4 };

typedef struct trajectory {
    const char *name;
    const snug_op *op;
    const void *attributes;
    int input_count;
    double expected[STEPS][WEIGHTS];
} trajectory;

// The gradients that PyTorch was given.
static void gradients_at(int step, double out[WEIGHTS]) {
    out[0] = 0.1 * (step + 1);
    out[1] = -0.2;
    out[2] = step % 2 ? -0.3 : 0.3;
}

static void check_trajectory(const trajectory *self) {
    double tensors[4][WEIGHTS] = {{1, -2, 0.5}};
    // SGD takes its momentum from the first gradient, whatever the buffer holds.
    if (self->op == &snug_op_sgd_update) tensors[2][0] = NAN;
    snug_view inputs[4];
    for (int i = 0; i < 4; i++)
        inputs[i] = (snug_view){tensors[i], snug_type_vector(SNUG_F64, WEIGHTS)};
    for (int step = 0; step < STEPS; step++) {
        gradients_at(step, tensors[1]);
        snug_run_state state = {.step = (uint64_t)step, .learning_rate = 0.1};
        snug_call call = {.attributes = self->attributes,
                          .inputs = inputs,
                          .input_count = self->input_count,
                          .state = &state};
        assert_int_equal(self->op->reference(&call), SNUG_OK);
        for (int i = 0; i < WEIGHTS; i++) {
            if (fabs(tensors[0][i] - self->expected[step][i]) < 1e-13) continue;
            fail_msg("%s: weight %d after step %d is %.15g, expected %.15g", self->name, i, step,
                     tensors[0][i], self->expected[step][i]);
        }
    }
}

static void sgd_follows_pytorch(void **unused) {
    (void)unused;
    const snug_sgd_attributes plain = {0}, momentum = {.momentum = 0.9},
                              dampened = {.momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01},
                              nesterov = {.momentum = 0.9, .nesterov = 1, .weight_decay = 0.01};
    const trajectory cases[] = {
        {"plain",
         &snug_op_sgd_update,
         &plain,
         2,
         {{0.99, -1.98, 0.47}, {0.97, -1.96, 0.5}, {0.94, -1.94, 0.47}, {0.9, -1.92, 0.5}}},
        {"momentum",
         &snug_op_sgd_update,
         &momentum,
         3,
         {{0.99, -1.98, 0.47},
          {0.961, -1.942, 0.473},
          {0.9049, -1.8878, 0.4457},
          {0.81441, -1.81902, 0.45113}}},
        {"dampened",
         &snug_op_sgd_update,
         &dampened,
         3,
         {{0.989, -1.978, 0.4695},
          {0.9686055, -1.947211, 0.45681525},
          {0.93476614725, -1.9085272945, 0.430170567375},
          {0.883843346701375, -1.86275769590275, 0.420975267728812}}},
        {"nesterov",
         &snug_op_sgd_update,
         &nesterov,
         3,
         {{0.9791, -1.9582, 0.44205},
          {0.93032971, -1.89865942, 0.473505105},
          {0.846550012551, -1.823227825102, 0.4173128848005},
          {0.721377136562053, -1.73358405030411, 0.450373146734329}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_trajectory(&cases[i]);
}

static void adam_follows_pytorch(void **unused) {
    (void)unused;
    const snug_adam_attributes
        plain = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
        decayed = {.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.01},
        decoupled = {
            .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1, .decoupled = 1};
    const trajectory cases[] = {
        {"Adam",
         &snug_op_adam_update,
         &plain,
         4,
         {{0.900000009999999, -1.900000005, 0.400000003333333},
          {0.803481813521253, -1.80000001, 0.405263161052631},
          {0.707681695544843, -1.700000015, 0.371683826378585},
          {0.611640672126418, -1.60000002, 0.376946984097883}}},
        {"decayed Adam",
         &snug_op_adam_update,
         &decayed,
         4,
         {{0.900900900900901, -1.90045248868778, 0.400326797385621},
          {0.803390620562181, -1.80092557379749, 0.409910565782612},
          {0.705416034494386, -1.70143215696387, 0.374371037889127},
          {0.606202258068701, -1.60198482888511, 0.384070284197747}}},
        {"AdamW",
         &snug_op_adam_update,
         &decoupled,
         4,
         {{0.890000009999999, -1.880000005, 0.395000003333333},
          {0.784581813421253, -1.76120000995, 0.396313161019298},
          {0.68093587731063, -1.6435880148505, 0.358770694735058},
          {0.578085495119099, -1.527152139702, 0.360446145507006}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_trajectory(&cases[i]);
}

static void wrong_operands_are_named(void **unused) {
    (void)unused;
    snug_type inputs[4], outputs[SNUG_MAX_OUTPUTS];
    for (int i = 0; i < 4; i++)
        inputs[i] = snug_type_vector(SNUG_F32, WEIGHTS);
    const snug_sgd_attributes momentum = {.momentum = 0.9}, alone = {.nesterov = 1};
    assert_int_equal(snug_op_sgd_update.infer(&momentum, inputs, 3, outputs), SNUG_OK);
    assert_int_equal(snug_op_sgd_update.infer(&momentum, inputs, 2, outputs), SNUG_INVALID);
    assert_int_equal(snug_op_sgd_update.infer(&alone, inputs, 2, outputs), SNUG_INVALID);
    const snug_adam_attributes adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
                               stuck = {.beta1 = 1, .beta2 = 1};
    assert_int_equal(snug_op_adam_update.infer(&adam, inputs, 4, outputs), SNUG_OK);
    assert_int_equal(snug_op_adam_update.infer(&stuck, inputs, 4, outputs), SNUG_INVALID);
    inputs[3].dims[0]++;
    assert_int_equal(snug_op_adam_update.infer(&adam, inputs, 4, outputs), SNUG_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_follows_pytorch),
        cmocka_unit_test(adam_follows_pytorch),
        cmocka_unit_test(wrong_operands_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
