#include "ops/broadcast.h"

static double apply(double a, double b) {
    return a * b;
}

static snug_status kernel(const snug_call *call) {
    return snug_broadcast_map2(call, apply);
}

// dy * other, summed back to the shape of |type|; fused unless |other| repeats too.
static snug_tensor_id operand_gradient(snug_graph *graph, const snug_type *type, snug_tensor_id dy,
                                       snug_tensor_id other) {
    const snug_type *dy_type = snug_graph_type(graph, dy);
    snug_sum_to_attributes shape = snug_sum_to_shape(type);
    bool repeats = !snug_type_same_shape(type, dy_type);
    if (repeats && snug_type_equal(snug_graph_type(graph, other), dy_type))
        return SNUG_EMIT(graph, &snug_op_multiply_sum_to, &shape, dy, other);
    snug_tensor_id product = SNUG_EMIT(graph, &snug_op_multiply, NULL, dy, other);
    return repeats ? SNUG_EMIT(graph, &snug_op_sum_to, &shape, product) : product;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    for (int i = 0; i < 2; i++)
        if (snug_backward_wants(backward, node, i))
            snug_backward_give(backward, node, i,
                               operand_gradient(graph, snug_graph_type(graph, node->inputs[i]), dy,
                                                node->inputs[1 - i]));
    return SNUG_OK;
}

const snug_op snug_op_multiply = {
    .name = "multiply",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = snug_infer_broadcast,
    .gradient = gradient,
    .gradient_inputs = 3,
    .overwrites = 3,
    .flops = snug_flops_output,
    .reference = kernel,
    .onnx = "Mul",
    SNUG_SAMPLES(snug_broadcast_samples),
};

static const snug_op *const ops[] = {&snug_op_multiply, NULL};
const snug_op_file snug_ops_multiply = {ops};
