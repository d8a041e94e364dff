// log(softmax(x)) without the softmax, which may underflow; and the hard maximum.
#include <math.h>

#include "graph/autodiff.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_axis_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_axis_attributes *along = attributes;
    SNUG_TRY(snug_axis_check(&inputs[0], along->axis));
    return snug_infer_equal(attributes, inputs, input_count, outputs);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_log_softmax_backward, node->attributes,
                                 node->outputs[0], snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_axis_attributes *along = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    snug_axis axis = snug_axis_of(&x->type, along->axis);
    for (int64_t line = 0; line < axis.lines; line++) {
        int64_t start = snug_axis_start(&axis, line);
        int64_t end = start + axis.length * axis.stride;
        double highest = -INFINITY, sum = 0;
        for (int64_t i = start; i < end; i += axis.stride)
            highest = fmax(highest, snug_view_get(x, i));
        for (int64_t i = start; i < end; i += axis.stride)
            sum += exp(snug_view_get(x, i) - highest);
        for (int64_t i = start; i < end; i += axis.stride)
            snug_view_set(y, i, snug_view_get(x, i) - highest - log(sum));
    }
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_axis_attributes *along = call->attributes;
    const snug_view *y = &call->inputs[0], *dy = &call->inputs[1], *dx = &call->outputs[0];
    snug_axis axis = snug_axis_of(&y->type, along->axis);
    for (int64_t line = 0; line < axis.lines; line++) {
        int64_t start = snug_axis_start(&axis, line);
        int64_t end = start + axis.length * axis.stride;
        double sum = 0;
        for (int64_t i = start; i < end; i += axis.stride)
            sum += snug_view_get(dy, i);
        for (int64_t i = start; i < end; i += axis.stride)
            snug_view_set(dx, i, snug_view_get(dy, i) - exp(snug_view_get(y, i)) * sum);
    }
    return SNUG_OK;
}

static snug_status hard_kernel(const snug_call *call) {
    const snug_axis_attributes *along = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    snug_axis axis = snug_axis_of(&x->type, along->axis);
    for (int64_t line = 0; line < axis.lines; line++) {
        int64_t start = snug_axis_start(&axis, line), best = start;
        int64_t end = start + axis.length * axis.stride;
        for (int64_t i = start; i < end; i += axis.stride)
            if (snug_view_get(x, i) > snug_view_get(x, best)) best = i;
        for (int64_t i = start; i < end; i += axis.stride)
            snug_view_set(y, i, i == best);
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 5 * snug_flops_output(attributes, inputs, outputs);
}

static const snug_axis_attributes first = {.axis = 0}, second = {.axis = 1}, third = {.axis = 2};

#define SAMPLE(label, settings, count, ...)                                                        \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = (count), .inputs = {            \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ROWS SNUG_SAMPLE_ROW_MAJOR
static const snug_sample samples[] = {
    SAMPLE("rows", second, 1, ROWS(5, 7)),
    SAMPLE("columns", first, 1, ROWS(5, 7)),
    SAMPLE("attention", third, 1, ROWS(2, 3, 4)),
    SAMPLE("channels", second, 1, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("rows", second, 2, ROWS(5, 7), ROWS(5, 7)),
    SAMPLE("attention", third, 2, ROWS(2, 3, 4), ROWS(2, 3, 4)),
    SAMPLE("channels", second, 2, SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
};

#define OP(stem, inputs_, gradient_function, read, may, function, onnx_name, sample_array)         \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = (inputs_),                                                                   \
        .max_inputs = (inputs_),                                                                   \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_axis_attributes),                                           \
        .infer = infer,                                                                            \
        .gradient = (gradient_function),                                                           \
        .gradient_outputs = (read),                                                                \
        .overwrites = (may),                                                                       \
        .precision = SNUG_PRECISION_FULL,                                                          \
        .flops = flops,                                                                            \
        .reference = (function),                                                                   \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(sample_array),                                                                \
    }
OP(log_softmax, 1, gradient, 1, 1, kernel, "LogSoftmax", samples);
OP(log_softmax_backward, 2, NULL, 0, 3, backward_kernel, NULL, backward_samples);
OP(hardmax, 1, NULL, 0, 0, hard_kernel, "Hardmax", samples);

static const snug_op *const ops[] = {&snug_op_log_softmax, &snug_op_log_softmax_backward,
                                     &snug_op_hardmax, NULL};
const snug_op_file snug_ops_log_softmax = {ops};
