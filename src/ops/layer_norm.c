// Layer normalisation over the last dimensions, as torch.nn.LayerNorm (Ba et al., 2016).
#include <math.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_layer_norm_attributes, eps, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_layer_norm_attributes, axes, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// Checks x and gamma; |rows| is the type of the statistics.
static snug_status check(const snug_layer_norm_attributes *norm, const snug_type *x,
                         const snug_type *gamma, snug_type *rows) {
    char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    if (norm->axes < 1 || norm->axes > x->rank || x->layout != SNUG_ROW_MAJOR)
        return snug_fail(SNUG_INVALID, "1 to %d dimensions to normalise expected, found %lld",
                         x->rank, (long long)norm->axes);
    int outer = x->rank - (int)norm->axes;
    snug_type expected = snug_type_make(x->dtype, SNUG_ROW_MAJOR, (int)norm->axes, x->dims + outer);
    if (!snug_type_same_shape(&expected, gamma))
        return snug_fail(SNUG_INVALID, "gamma and beta of %s expected, found %s",
                         snug_type_print(&expected, text), snug_type_print(gamma, other));
    *rows = snug_type_make(gamma->dtype, SNUG_ROW_MAJOR, outer, x->dims);
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    outputs[0] = inputs[0];
    SNUG_TRY(check(attributes, &inputs[0], &inputs[2], &outputs[1]));
    SNUG_TRY(check(attributes, &inputs[0], &inputs[1], &outputs[1]));
    outputs[2] = outputs[1];
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    snug_type rows;
    SNUG_TRY(check(attributes, &inputs[0], &inputs[1], &rows));
    outputs[0] = inputs[0];
    outputs[1] = outputs[2] = inputs[1];
    if (!snug_type_equal(&inputs[0], &inputs[4]) || !snug_type_same_shape(&rows, &inputs[2]))
        return snug_fail(SNUG_INVALID, "dy of x's type and statistics of its rows expected");
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    const snug_tensor_id inputs[] = {node->inputs[0], node->inputs[1], node->outputs[1],
                                     node->outputs[2], snug_backward_of(backward, node, 0)};
    snug_backward_emit(backward, node, &snug_op_layer_norm_backward, inputs, 5);
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_layer_norm_attributes *norm = call->attributes;
    const snug_view *x = &call->inputs[0];
    int64_t length = snug_type_elements(&call->inputs[1].type);
    int64_t rows = snug_type_elements(&call->outputs[1].type);
    for (int64_t row = 0; row < rows; row++) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < length; i++)
            mean += snug_view_get(x, row * length + i);
        mean /= (double)length;
        for (int64_t i = 0; i < length; i++) {
            double distance = snug_view_get(x, row * length + i) - mean;
            variance += distance * distance;
        }
        double inverse = 1 / sqrt(variance / (double)length + norm->eps);
        for (int64_t i = 0; i < length; i++)
            snug_view_set(&call->outputs[0], row * length + i,
                          (snug_view_get(x, row * length + i) - mean) * inverse *
                                  snug_view_get(&call->inputs[1], i) +
                              snug_view_get(&call->inputs[2], i));
        snug_view_set(&call->outputs[1], row, mean);
        snug_view_set(&call->outputs[2], row, inverse);
    }
    return SNUG_OK;
}

// Adds one row's part to dgamma and dbeta; |sums| receives the row's sums of gamma * dy and of
// gamma * dy * xhat.
static void reduce_row(const snug_call *call, int64_t row, int64_t length, double sums[2]) {
    double mean = snug_view_get(&call->inputs[2], row);
    double inverse = snug_view_get(&call->inputs[3], row);
    sums[0] = sums[1] = 0;
    for (int64_t i = 0; i < length; i++) {
        double dy = snug_view_get(&call->inputs[4], row * length + i);
        double normal = (snug_view_get(&call->inputs[0], row * length + i) - mean) * inverse;
        double scaled = dy * snug_view_get(&call->inputs[1], i);
        sums[0] += scaled;
        sums[1] += scaled * normal;
        const snug_view *dgamma = &call->outputs[1], *dbeta = &call->outputs[2];
        snug_view_set(dgamma, i, snug_view_get(dgamma, i) + dy * normal);
        snug_view_set(dbeta, i, snug_view_get(dbeta, i) + dy);
    }
}

static snug_status backward_kernel(const snug_call *call) {
    int64_t length = snug_type_elements(&call->inputs[1].type);
    int64_t rows = snug_type_elements(&call->inputs[2].type);
    for (int64_t i = 0; i < length; i++) {
        snug_view_set(&call->outputs[1], i, 0);
        snug_view_set(&call->outputs[2], i, 0);
    }
    for (int64_t row = 0; row < rows; row++) {
        double sums[2], mean = snug_view_get(&call->inputs[2], row);
        double inverse = snug_view_get(&call->inputs[3], row);
        reduce_row(call, row, length, sums);
        for (int64_t i = 0; i < length; i++) {
            int64_t at = row * length + i;
            double normal = (snug_view_get(&call->inputs[0], at) - mean) * inverse;
            double scaled =
                snug_view_get(&call->inputs[4], at) * snug_view_get(&call->inputs[1], i);
            snug_view_set(&call->outputs[0], at,
                          inverse * (scaled - (sums[0] + normal * sums[1]) / (double)length));
        }
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes, (void)outputs;
    return 8 * (double)snug_type_elements(&inputs[0]);
}

static const snug_layer_norm_attributes last = {.eps = 1e-5, .axes = 1},
                                        last_two = {.eps = 1e-6, .axes = 2};

#define ROWS SNUG_SAMPLE_ROW_MAJOR
static const snug_sample samples[] = {
    {.name = "last dimension",
     .attributes = &last,
     .input_count = 3,
     .inputs = {ROWS(2, 3, 6), ROWS(6), ROWS(6)}},
    {.name = "two dimensions",
     .attributes = &last_two,
     .input_count = 3,
     .inputs = {ROWS(3, 4, 2), ROWS(4, 2), ROWS(4, 2)}},
};
static const snug_sample backward_samples[] = {
    {.name = "last dimension",
     .attributes = &last,
     .input_count = 5,
     .inputs = {ROWS(2, 3, 6), ROWS(6), ROWS(2, 3), ROWS(2, 3), ROWS(2, 3, 6)}},
};

#define SHARED                                                                                     \
    .outputs = 3, .attributes = attributes_table,                                                  \
    .attributes_size = sizeof(snug_layer_norm_attributes), .precision = SNUG_PRECISION_FULL,       \
    .flops = flops

const snug_op snug_op_layer_norm = {
    .name = "layer_norm",
    SHARED,
    .min_inputs = 3,
    .max_inputs = 3,
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .gradient_outputs = 6,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_SCALE, SNUG_INPUT_SHIFT},
    .reference = kernel,
    .onnx = "LayerNormalization",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_layer_norm_backward = {
    .name = "layer_norm_backward",
    SHARED,
    .min_inputs = 5,
    .max_inputs = 5,
    .infer = infer_backward,
    .overwrites = 16,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_layer_norm, &snug_op_layer_norm_backward, NULL};
const snug_op_file snug_ops_layer_norm = {ops};
