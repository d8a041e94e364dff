// Root mean square normalisation over the last dimension, as torch.nn.RMSNorm (Zhang and Sennrich,
// 2019).
#include <math.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_rms_norm_attributes, eps, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

// Checks x and gamma; |rows| is the type of the statistics.
static snug_status check(const snug_type *inputs, snug_type *rows) {
    const snug_type *x = &inputs[0], *gamma = &inputs[1];
    char text[SNUG_TYPE_TEXT];
    if (x->rank < 1 || x->layout != SNUG_ROW_MAJOR || gamma->rank != 1 ||
        gamma->dims[0] != x->dims[x->rank - 1])
        return snug_fail(SNUG_INVALID, "a scale for each of the last dimension expected, found %s",
                         snug_type_print(gamma, text));
    *rows = snug_type_make(gamma->dtype, SNUG_ROW_MAJOR, x->rank - 1, x->dims);
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)attributes, (void)input_count;
    outputs[0] = inputs[0];
    return check(inputs, &outputs[1]);
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)attributes, (void)input_count;
    snug_type rows;
    SNUG_TRY(check(inputs, &rows));
    outputs[0] = inputs[0];
    outputs[1] = inputs[1];
    if (!snug_type_equal(&inputs[0], &inputs[3]) || !snug_type_same_shape(&rows, &inputs[2]))
        return snug_fail(SNUG_INVALID, "dy of x's type and a statistic a row expected");
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    const snug_tensor_id inputs[] = {node->inputs[0], node->inputs[1], node->outputs[1],
                                     snug_backward_of(backward, node, 0)};
    snug_backward_emit(backward, node, &snug_op_rms_norm_backward, inputs, 4);
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_rms_norm_attributes *norm = call->attributes;
    const snug_view *x = &call->inputs[0];
    int64_t length = snug_type_elements(&call->inputs[1].type);
    for (int64_t row = 0; row < snug_type_elements(&call->outputs[1].type); row++) {
        double squares = 0;
        for (int64_t i = row * length; i < (row + 1) * length; i++)
            squares += snug_view_get(x, i) * snug_view_get(x, i);
        double inverse = 1 / sqrt(squares / (double)length + norm->eps);
        for (int64_t i = 0; i < length; i++)
            snug_view_set(&call->outputs[0], row * length + i,
                          snug_view_get(x, row * length + i) * inverse *
                              snug_view_get(&call->inputs[1], i));
        snug_view_set(&call->outputs[1], row, inverse);
    }
    return SNUG_OK;
}

// dx = rstd * (gamma * dy - xhat * mean(gamma * dy * xhat)).
static snug_status backward_kernel(const snug_call *call) {
    const snug_view *in = call->inputs, *out = call->outputs;
    int64_t length = snug_type_elements(&in[1].type);
    for (int64_t i = 0; i < length; i++)
        snug_view_set(&out[1], i, 0);
    for (int64_t row = 0; row < snug_type_elements(&in[2].type); row++) {
        double inverse = snug_view_get(&in[2], row), sum = 0;
        for (int64_t i = 0; i < length; i++) {
            double normal = snug_view_get(&in[0], row * length + i) * inverse;
            double part = snug_view_get(&in[3], row * length + i) * normal;
            sum += part * snug_view_get(&in[1], i);
            snug_view_set(&out[1], i, snug_view_get(&out[1], i) + part);
        }
        for (int64_t i = 0; i < length; i++) {
            double normal = snug_view_get(&in[0], row * length + i) * inverse;
            double scaled = snug_view_get(&in[3], row * length + i) * snug_view_get(&in[1], i);
            snug_view_set(&out[0], row * length + i,
                          inverse * (scaled - normal * sum / (double)length));
        }
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes, (void)outputs;
    return 5 * (double)snug_type_elements(&inputs[0]);
}

static const snug_rms_norm_attributes usual = {.eps = 1e-6};

#define ROWS SNUG_SAMPLE_ROW_MAJOR
static const snug_sample samples[] = {
    {.name = "rows",
     .attributes = &usual,
     .input_count = 2,
     .inputs = {ROWS(2, 3, 6), ROWS(6)},
     .low = -1,
     .high = 2},
};
static const snug_sample backward_samples[] = {
    {.name = "rows",
     .attributes = &usual,
     .input_count = 4,
     .inputs = {ROWS(2, 3, 6), ROWS(6), ROWS(2, 3), ROWS(2, 3, 6)}},
    {.name = "many rows",
     .attributes = &usual,
     .input_count = 4,
     .inputs = {ROWS(300, 20), ROWS(20), ROWS(300), ROWS(300, 20)}},
};

#define SHARED                                                                                     \
    .outputs = 2, .attributes = attributes_table,                                                  \
    .attributes_size = sizeof(snug_rms_norm_attributes), .precision = SNUG_PRECISION_FULL,         \
    .flops = flops

const snug_op snug_op_rms_norm = {
    .name = "rms_norm",
    SHARED,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .gradient_outputs = 2,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_SCALE},
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_rms_norm_backward = {
    .name = "rms_norm_backward",
    SHARED,
    .min_inputs = 4,
    .max_inputs = 4,
    .infer = infer_backward,
    .overwrites = 8,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_rms_norm, &snug_op_rms_norm_backward, NULL};
const snug_op_file snug_ops_rms_norm = {ops};
