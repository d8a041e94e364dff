#include "graph/autodiff.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_axis_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_axis_attributes *along = attributes;
    SNUG_TRY(snug_axis_check(&inputs[0], along->axis));
    outputs[0] = inputs[0];
    for (int i = 1; i < input_count; i++) {
        snug_type resized = inputs[i];
        if (resized.rank > along->axis) resized.dims[along->axis] = inputs[0].dims[along->axis];
        if (!snug_type_equal(&inputs[0], &resized)) {
            char first[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
            return snug_fail(SNUG_INVALID,
                             "inputs like %s but along axis %lld expected, found %s as input %d",
                             snug_type_print(&inputs[0], first), (long long)along->axis,
                             snug_type_print(&inputs[i], other), i);
        }
        outputs[0].dims[along->axis] += inputs[i].dims[along->axis];
    }
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    const snug_axis_attributes *along = (const void *)node->attributes;
    snug_axis_attributes part = {.axis = along->axis};
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    for (int i = 0; i < node->input_count; i++) {
        part.length = snug_graph_type(backward->graph, node->inputs[i])->dims[along->axis];
        if (snug_backward_wants(backward, node, i))
            snug_backward_give(backward, node, i,
                               SNUG_EMIT(backward->graph, &snug_op_slice, &part, dy));
        part.start += part.length;
    }
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_axis_attributes *along = call->attributes;
    int64_t start = 0;
    for (int i = 0; i < call->input_count; i++) {
        snug_axis_copy(&call->outputs[0], along->axis, start, &call->inputs[i], true);
        start += call->inputs[i].type.dims[along->axis];
    }
    return SNUG_OK;
}

static const snug_axis_attributes first = {.axis = 0}, second = {.axis = 1}, third = {.axis = 2};

static const snug_sample samples[] = {
    {.name = "channels",
     .attributes = &second,
     .input_count = 3,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 1, 3, 4),
                SNUG_SAMPLE_IMAGE(2, 2, 3, 4)}},
    {.name = "height",
     .attributes = &third,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 3, 1, 4), SNUG_SAMPLE_IMAGE(2, 3, 3, 4)}},
    {.name = "rows",
     .attributes = &first,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 7), SNUG_SAMPLE_ROW_MAJOR(3, 7)}},
    {.name = "columns",
     .attributes = &second,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 2), SNUG_SAMPLE_ROW_MAJOR(5, 3)}},
    {.name = "one",
     .attributes = &first,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 7)}},
};

const snug_op snug_op_concat = {
    .name = "concat",
    .min_inputs = 1,
    .max_inputs = -1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_axis_attributes),
    .infer = infer,
    .gradient = gradient,
    .reference = kernel,
    .onnx = "Concat",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_concat, NULL};
const snug_op_file snug_ops_concat = {ops};
