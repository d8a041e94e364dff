#include "graph/autodiff.h"
#include "ops/groups.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_reduce_attributes, axes, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_reduce_attributes, keepdims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_reduce_attributes *reduce = attributes;
    return snug_groups_infer(&inputs[0], reduce->axes, reduce->keepdims, &outputs[0]);
}

// Elements of |x| that make one of the result.
static double terms(const snug_reduce_attributes *reduce, const snug_type *x) {
    double count = 1;
    for (int i = 0; i < x->rank; i++)
        if (reduce->axes >> i & 1) count *= (double)x->dims[i];
    return count;
}

static snug_status give_gradient(snug_backward *backward, const snug_node *node, bool mean) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    const snug_reduce_attributes *reduce = (const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    snug_broadcast_to_attributes back = {.rank = x->rank,
                                         .layout = x->layout,
                                         .reduced = reduce->axes,
                                         .scale = mean ? 1 / terms(reduce, x) : 1};
    for (int i = 0; i < x->rank; i++)
        back.dims[i] = x->dims[i];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_broadcast_to, &back, dy));
    return SNUG_OK;
}

static snug_status sum_gradient(snug_backward *backward, const snug_node *node) {
    return give_gradient(backward, node, false);
}

static snug_status mean_gradient(snug_backward *backward, const snug_node *node) {
    return give_gradient(backward, node, true);
}

static snug_status sum_kernel(const snug_call *call) {
    const snug_reduce_attributes *reduce = call->attributes;
    snug_reference_sum(call, (uint32_t)reduce->axes, 1);
    return SNUG_OK;
}

static snug_status mean_kernel(const snug_call *call) {
    const snug_reduce_attributes *reduce = call->attributes;
    snug_reference_sum(call, (uint32_t)reduce->axes, 1 / terms(reduce, &call->inputs[0].type));
    return SNUG_OK;
}

static const snug_reduce_attributes all = {.axes = 15}, pixels = {.axes = 12},
                                    kept_pixels = {.axes = 12, .keepdims = 1}, bias = {.axes = 13},
                                    rows = {.axes = 1}, columns = {.axes = 2, .keepdims = 1};

static const snug_sample samples[] = {
    {.name = "all of an image",
     .attributes = &all,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "pixels",
     .attributes = &pixels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "pixels kept",
     .attributes = &kept_pixels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "all but channels",
     .attributes = &bias,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "rows",
     .attributes = &rows,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "columns kept",
     .attributes = &columns,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "samples of an image",
     .attributes = &rows,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

const snug_op snug_op_reduce_sum = {
    .name = "reduce_sum",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_reduce_attributes),
    .infer = infer,
    .gradient = sum_gradient,
    .rows = {.inputs = 1, .sums = true},
    .precision = SNUG_PRECISION_FULL,
    .flops = snug_flops_input,
    .reference = sum_kernel,
    .onnx = "ReduceSum",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_reduce_mean = {
    .name = "reduce_mean",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_reduce_attributes),
    .infer = infer,
    .gradient = mean_gradient,
    .flops = snug_flops_input,
    .reference = mean_kernel,
    .onnx = "ReduceMean",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_reduce_sum, &snug_op_reduce_mean, NULL};
const snug_op_file snug_ops_reduce = {ops};
