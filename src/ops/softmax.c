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
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_softmax_backward, node->attributes,
                                 node->outputs[0], dy));
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
            snug_view_set(y, i, exp(snug_view_get(x, i) - highest) / sum);
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
        double dot = 0;
        for (int64_t i = start; i < end; i += axis.stride)
            dot += snug_view_get(y, i) * snug_view_get(dy, i);
        for (int64_t i = start; i < end; i += axis.stride)
            snug_view_set(dx, i, snug_view_get(y, i) * (snug_view_get(dy, i) - dot));
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 5 * snug_flops_output(attributes, inputs, outputs);
}

static const snug_axis_attributes first = {.axis = 0}, second = {.axis = 1}, third = {.axis = 2};

static const snug_sample samples[] = {
    {.name = "rows",
     .attributes = &second,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)},
     .low = -10,
     .high = 10},
    {.name = "columns",
     .attributes = &first,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "attention",
     .attributes = &third,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 3, 4)}},
    {.name = "channels",
     .attributes = &second,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

static const snug_sample backward_samples[] = {
    {.name = "rows",
     .attributes = &second,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "attention",
     .attributes = &third,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 3, 4), SNUG_SAMPLE_ROW_MAJOR(2, 3, 4)}},
    {.name = "channels",
     .attributes = &second,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

const snug_op snug_op_softmax = {
    .name = "softmax",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_axis_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_outputs = 1,
    .overwrites = 1,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = kernel,
    .onnx = "Softmax",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_softmax_backward = {
    .name = "softmax_backward",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_axis_attributes),
    .infer = infer,
    .overwrites = 3,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_softmax, &snug_op_softmax_backward, NULL};
const snug_op_file snug_ops_softmax = {ops};
