// Values and gradients that PyTorch 1.13.1 gave in float64, for what a finite difference cannot
// see: that the right function is computed, and its derivative at the kinks.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/ops.h"

enum { POINTS = 8 };

// What PyTorch saw as x, and its gradient for dy = 2.
static const double x_at[POINTS] = {-3.5, -3, -1.25, 0, 0.75, 2.5, 3, 6.5};

typedef struct stored_activation {
    const snug_op *op, *backward;
    double y[POINTS], dx[POINTS];
} stored_activation;

static const stored_activation activations[] = {
    {&snug_op_relu,
     &snug_op_relu_backward,
     {0, 0, 0, 0, 0.75, 2.5, 3, 6.5},
     {0, 0, 0, 0, 2, 2, 2, 2}},
    {&snug_op_relu6,
     &snug_op_relu6_backward,
     {0, 0, 0, 0, 0.75, 2.5, 3, 6},
     {0, 0, 0, 0, 2, 2, 2, 0}},
    {&snug_op_sigmoid,
     &snug_op_sigmoid_backward,
     {0.0293122307513563, 0.0474258731775668, 0.222700138825309, 0.5, 0.679178699175393,
      0.924141819978757, 0.952574126822433, 0.998498817743263},
     {0.0569060477594711, 0.0903533194618243, 0.346209573984994, 0.5, 0.435789987523628,
      0.140207433090216, 0.090353319461824, 0.00299785741713814}},
    {&snug_op_tanh,
     &snug_op_tanh_backward,
     {-0.998177897611199, -0.99505475368673, -0.848283639957513, 0, 0.635148952387287,
      0.98661429815143, 0.99505475368673, 0.999995479351404},
     {0.00728176944097472, 0.0197320743308803, 0.560829732360865, 2, 1.19317161656266,
      0.0531844533663211, 0.0197320743308803, 1.80825535106567e-05}},
    // PyTorch divides by 6 in float32 here; the derivatives are those of float64.
    {&snug_op_hardsigmoid,
     &snug_op_hardsigmoid_backward,
     {0, 0, 0.291666666666667, 0.5, 0.625, 0.916666666666667, 1, 1},
     {0, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 3, 0, 0}},
    {&snug_op_silu,
     &snug_op_silu_backward,
     {-0.102592807629747, -0.1422776195327, -0.278375173531636, 0, 0.509384024381545,
      2.31035454994689, 2.8577223804673, 6.49024231533121},
     {-0.140546705655436, -0.176208212030339, 0.0126383101693751, 1, 1.68519988899351,
      2.19880222268305, 2.17620821203034, 2.01648370869792}},
    // At -3 PyTorch 1.13.1 gave -1, the slope of the right side; later versions give 0.
    {&snug_op_hardswish,
     &snug_op_hardswish_backward,
     {0, 0, -0.364583333333333, 0, 0.46875, 2.29166666666667, 3, 6.5},
     {0, 0, 0.166666666666667, 1, 1.5, 2.66666666666667, 2, 2}},
    {&snug_op_gelu,
     &snug_op_gelu_backward,
     {-0.00081420177662439, -0.00404969409489031, -0.132062217083569, 0, 0.580029485717349,
      2.48447583668556, 2.99595030590511, 6.49999999973896},
     {-0.00564352070724924, -0.0238912944083678, -0.245323166138844, 1, 1.99845144347847,
      2.07522217181629, 2.02389129440837, 2.0000000033901}},
};

static void check_values(const char *name, const double *found, const double *expected, int count) {
    for (int i = 0; i < count; i++)
        if (!(fabs(found[i] - expected[i]) < 1e-13))
            fail_msg("%s: value %d is %.15g, expected %.15g", name, i, found[i], expected[i]);
}

static void activations_follow_pytorch(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        const stored_activation *stored = &activations[i];
        double x[POINTS], dy[POINTS], y[POINTS], dx[POINTS];
        for (int j = 0; j < POINTS; j++)
            x[j] = x_at[j], dy[j] = 2;
        snug_type type = snug_type_vector(SNUG_F64, POINTS);
        double *saved = stored->op->gradient_inputs & 1 ? x : y;
        snug_view inputs[] = {{x, type}}, outputs[] = {{y, type}};
        snug_view back_inputs[] = {{saved, type}, {dy, type}}, back_outputs[] = {{dx, type}};
        snug_call call = {
            .inputs = inputs, .input_count = 1, .outputs = outputs, .output_count = 1};
        assert_int_equal(stored->op->reference(&call), SNUG_OK);
        check_values(stored->op->name, y, stored->y, POINTS);
        call = (snug_call){
            .inputs = back_inputs, .input_count = 2, .outputs = back_outputs, .output_count = 1};
        assert_int_equal(stored->backward->reference(&call), SNUG_OK);
        check_values(stored->backward->name, dx, stored->dx, POINTS);
    }
}

typedef struct stored_loss {
    const char *name;
    snug_loss_attributes attributes;
    snug_type logits, target;
    int32_t targets[8];
    double loss, dlogits[24];
} stored_loss;

// Logit i in PyTorch's order is 3 sin(1.7 i).
static const stored_loss losses[] = {
    {"mean",
     {.denominator = 0},
     {SNUG_F64, SNUG_ROW_MAJOR, 2, {3, 4}},
     {SNUG_I32, SNUG_ROW_MAJOR, 1, {3}},
     {2, 0, 3},
     2.79132937028026,
     {0.0157856007752024, 0.309232249946072, -0.325999672116442, 0.000981821395167547,
      -0.239580871523416, 0.233639471762535, 0.00260828732236609, 0.00333311243851507,
      0.255900982670972, 0.0639132604119999, 0.00108666422851346, -0.320900907311486}},
    {"smoothed",
     {.label_smoothing = 0.1},
     {SNUG_F64, SNUG_ROW_MAJOR, 2, {3, 4}},
     {SNUG_I32, SNUG_ROW_MAJOR, 1, {3}},
     {2, 0, 3},
     2.80202660360195,
     {0.00745226744186905, 0.300898916612739, -0.300999672116442, -0.00735151193816579,
      -0.214580871523416, 0.225306138429202, -0.00572504601096724, -0.00500022089481826,
      0.247567649337639, 0.0555799270786666, -0.00724666910481987, -0.295900907311486}},
    {"pixels, part of a batch",
     {.label_smoothing = 0.1, .denominator = 16},
     {SNUG_F64, SNUG_CHANNELS_LAST, 4, {2, 3, 2, 2}},
     {SNUG_I32, SNUG_ROW_MAJOR, 3, {2, 2, 2}},
     {0, 1, 2, 0, 1, 1, 2, 0},
     0.89303335503286,
     {-0.0549671881374829, 0.0340857517282618,  0.043075346282123,   -0.0538041667836206,
      0.0127386032397152,  -0.0380728641502264, 0.00982432492481528, 0.00931617981530732,
      0.0422285848977677,  0.00398711242196464, -0.0528996712069382, 0.0444879869683133,
      0.0301296281822183,  0.044926564659829,   0.00375760507702839, -0.0526599662970548,
      -0.0358941342707488, -0.0470947146779309, 0.0100408793862761,  0.0175767702154172,
      0.00576450608853053, 0.00216815001810187, -0.0137984844633044, 0.0350831960816376}},
};

// Memory index of the |i|-th element in PyTorch's order.
static int64_t position(const snug_type *type, int64_t i) {
    int64_t strides[SNUG_MAX_RANK], index = 0;
    snug_type_strides(type, strides);
    for (int j = type->rank - 1; j >= 0; i /= type->dims[j--])
        index += i % type->dims[j] * strides[j];
    return index;
}

static void cross_entropy_follows_pytorch(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        stored_loss stored = losses[i];
        double logits[24], dlogits[24], loss, dloss = 1;
        int count = (int)snug_type_elements(&stored.logits);
        for (int j = 0; j < count; j++)
            logits[position(&stored.logits, j)] = 3 * sin(1.7 * j);
        snug_view inputs[] = {{logits, stored.logits},
                              {stored.targets, stored.target},
                              {&dloss, snug_type_scalar(SNUG_F64)}};
        snug_view output = {&loss, snug_type_scalar(SNUG_F64)};
        snug_call call = {.attributes = &stored.attributes,
                          .inputs = inputs,
                          .input_count = 2,
                          .outputs = &output,
                          .output_count = 1};
        assert_int_equal(snug_op_cross_entropy.reference(&call), SNUG_OK);
        check_values(stored.name, &loss, &stored.loss, 1);
        output = (snug_view){dlogits, stored.logits};
        call.input_count = 3;
        assert_int_equal(snug_op_cross_entropy_backward.reference(&call), SNUG_OK);
        for (int j = 0; j < count; j++)
            check_values(stored.name, &dlogits[position(&stored.logits, j)], &stored.dlogits[j], 1);
    }
}

static void targets_out_of_range(void **unused) {
    (void)unused;
    float logits[6] = {0}, dlogits[6] = {0}, loss = 0, dloss = 1;
    int32_t targets[2] = {0, 3};
    snug_loss_attributes attributes = {0};
    snug_view inputs[] = {{logits, snug_type_matrix(SNUG_F32, 2, 3)},
                          {targets, snug_type_vector(SNUG_I32, 2)},
                          {&dloss, snug_type_scalar(SNUG_F32)}};
    snug_view outputs[] = {{&loss, snug_type_scalar(SNUG_F32)}},
              gradients[] = {{dlogits, snug_type_matrix(SNUG_F32, 2, 3)}};
    snug_call call = {&attributes, inputs, 2, outputs, 1, NULL, NULL};
    snug_call backward = {&attributes, inputs, 3, gradients, 1, NULL, NULL};
    assert_int_equal(snug_op_cross_entropy.reference(&call), SNUG_INVALID);
    assert_int_equal(snug_op_cross_entropy_backward.reference(&backward), SNUG_INVALID);
    assert_int_equal(snug_op_correct.reference(&call), SNUG_OK);
    assert_float_equal(loss, 1, 0);
    // A negative one counts for nothing: the mean is over one row of the two that are divided by.
    targets[1] = -1;
    assert_int_equal(snug_op_cross_entropy.reference(&call), SNUG_OK);
    assert_float_equal(loss, 0.5f * 1.0986123f, 1e-6f);
    assert_int_equal(snug_op_cross_entropy_backward.reference(&backward), SNUG_OK);
    for (int i = 3; i < 6; i++)
        assert_float_equal(dlogits[i], 0, 0);
    assert_float_equal(dlogits[1], 0.5f / 3, 1e-6f);
    assert_int_equal(snug_op_correct.reference(&call), SNUG_OK);
    assert_float_equal(loss, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_follow_pytorch),
        cmocka_unit_test(cross_entropy_follows_pytorch),
        cmocka_unit_test(targets_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
