#include "ops/broadcast.h"

static double in_reals(const double *x, const double *parameters) {
    (void)parameters;
    return x[0] + x[1];
}

static snug_wide in_wholes(const snug_wide *x) {
    return x[0] + x[1];
}

static snug_status kernel(const snug_call *call) {
    return snug_reference_elementwise(call, in_reals, in_wholes);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    for (int i = 0; i < 2; i++)
        if (snug_backward_wants(backward, node, i))
            snug_backward_give(
                backward, node, i,
                snug_broadcast_back(graph, snug_graph_type(graph, node->inputs[i]), dy));
    return SNUG_OK;
}

const snug_op snug_op_add = {
    .name = "add",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = snug_infer_broadcast,
    .gradient = gradient,
    .overwrites = 3,
    .rows = {.inputs = 3},
    .is_elementwise = true,
    .flops = snug_flops_output,
    .reference = kernel,
    .onnx = "Add",
    SNUG_SAMPLES(snug_broadcast_samples),
};

static const snug_op *const ops[] = {&snug_op_add, NULL};
const snug_op_file snug_ops_add = {ops};
