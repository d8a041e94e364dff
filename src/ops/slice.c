#include <string.h>

#include "graph/autodiff.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_axis_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_axis_attributes, start, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_axis_attributes, length, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_axis_attributes, extent, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status check_range(const snug_axis_attributes *slice, int64_t extent) {
    if (slice->start >= 0 && slice->length >= 0 && slice->start <= extent &&
        slice->length <= extent - slice->start)
        return SNUG_OK;
    return snug_fail(SNUG_INVALID, "a slice within %lld elements expected, found %lld from %lld",
                     (long long)extent, (long long)slice->length, (long long)slice->start);
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_axis_attributes *slice = attributes;
    SNUG_TRY(snug_axis_check(&inputs[0], slice->axis));
    SNUG_TRY(check_range(slice, inputs[0].dims[slice->axis]));
    outputs[0] = inputs[0];
    outputs[0].dims[slice->axis] = slice->length;
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    const snug_axis_attributes *slice = attributes;
    SNUG_TRY(snug_axis_check(&inputs[0], slice->axis));
    SNUG_TRY(check_range(slice, slice->extent));
    if (inputs[0].dims[slice->axis] != slice->length)
        return snug_fail(SNUG_INVALID, "an extent of %lld expected along axis %lld, found %lld",
                         (long long)slice->length, (long long)slice->axis,
                         (long long)inputs[0].dims[slice->axis]);
    outputs[0] = inputs[0];
    outputs[0].dims[slice->axis] = slice->extent;
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_axis_attributes back = *(const snug_axis_attributes *)(const void *)node->attributes;
    back.extent = snug_graph_type(backward->graph, node->inputs[0])->dims[back.axis];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_slice_backward, &back, dy));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_axis_attributes *slice = call->attributes;
    snug_axis_copy(&call->inputs[0], slice->axis, slice->start, &call->outputs[0], false);
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_axis_attributes *slice = call->attributes;
    size_t bytes = snug_type_bytes(&call->outputs[0].type);
    if (bytes) memset(call->outputs[0].data, 0, bytes);
    snug_axis_copy(&call->outputs[0], slice->axis, slice->start, &call->inputs[0], true);
    return SNUG_OK;
}

static const snug_axis_attributes channels = {.axis = 1, .start = 2, .length = 3, .extent = 6},
                                  rows = {.axis = 0, .start = 0, .length = 2, .extent = 5},
                                  columns = {.axis = 1, .start = 5, .length = 2, .extent = 7},
                                  width = {.axis = 3, .start = 1, .length = 2, .extent = 4};

static const snug_sample samples[] = {
    {.name = "channels",
     .attributes = &channels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 6, 3, 4)}},
    {.name = "width",
     .attributes = &width,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 6, 3, 4)}},
    {.name = "rows",
     .attributes = &rows,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "columns",
     .attributes = &columns,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
};

static const snug_sample backward_samples[] = {
    {.name = "channels",
     .attributes = &channels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 3, 3, 4)}},
    {.name = "width",
     .attributes = &width,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 6, 3, 2)}},
    {.name = "rows",
     .attributes = &rows,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 7)}},
};

const snug_op snug_op_slice = {
    .name = "slice",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_axis_attributes),
    .infer = infer,
    .gradient = gradient,
    .reference = kernel,
    .onnx = "Slice",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_slice_backward = {
    .name = "slice_backward",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_axis_attributes),
    .infer = infer_backward,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_slice, &snug_op_slice_backward, NULL};
const snug_op_file snug_ops_slice = {ops};
