// y = x weight' + bias, as torch.nn.Linear on (N, K).
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)attributes;
    const snug_type *x = &inputs[0], *weight = &inputs[1];
    char found[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    if (x->rank != 2 || weight->rank != 2 || x->dims[1] != weight->dims[1])
        return snug_fail(SNUG_INVALID, "x (N, K) and a weight (O, K) expected, found %s and %s",
                         snug_type_print(x, found), snug_type_print(weight, other));
    if (input_count == 3 && inputs[2].rank != 0 &&
        (inputs[2].rank != 1 || inputs[2].dims[0] != weight->dims[0]))
        return snug_fail(SNUG_INVALID, "a bias of %lld elements expected, found %s",
                         (long long)weight->dims[0], snug_type_print(&inputs[2], found));
    outputs[0] = snug_type_matrix(x->dtype, x->dims[0], weight->dims[0]);
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    static const snug_matmul_attributes plain = {0, 0}, dy_transposed = {1, 0};
    static const snug_reduce_attributes over_rows = {.axes = 1};
    snug_graph *graph = backward->graph;
    snug_tensor_id x = node->inputs[0], weight = node->inputs[1];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    if (snug_backward_wants(backward, node, 1))
        snug_backward_give(backward, node, 1,
                           SNUG_EMIT(graph, &snug_op_matmul, &dy_transposed, dy, x));
    if (snug_backward_wants(backward, node, 2))
        snug_backward_give(backward, node, 2,
                           SNUG_EMIT(graph, &snug_op_reduce_sum, &over_rows, dy));
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(backward, node, 0,
                           SNUG_EMIT(graph, &snug_op_matmul, &plain, dy, weight));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_view *x = &call->inputs[0], *weight = &call->inputs[1], *y = &call->outputs[0];
    bool has_bias = call->input_count == 3 && call->inputs[2].data;
    int64_t rows = x->type.dims[0], depth = x->type.dims[1], columns = weight->type.dims[0];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            double sum = has_bias ? snug_view_get(&call->inputs[2], j) : 0;
            for (int64_t k = 0; k < depth; k++)
                sum += snug_view_get(x, i * depth + k) * snug_view_get(weight, j * depth + k);
            snug_view_set(y, i * columns + j, sum);
        }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes;
    return 2.0 * (double)snug_type_elements(&outputs[0]) * (double)inputs[0].dims[1];
}

#define MATRIX SNUG_SAMPLE_ROW_MAJOR
static const snug_sample samples[] = {
    {.name = "bias", .input_count = 3, .inputs = {MATRIX(4, 5), MATRIX(3, 5), MATRIX(3)}},
    {.name = "no bias", .input_count = 2, .inputs = {MATRIX(1, 7), MATRIX(2, 7)}},
};

const snug_op snug_op_linear = {
    .name = "linear",
    .min_inputs = 2,
    .max_inputs = 3,
    .outputs = 1,
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_WEIGHT, SNUG_INPUT_BIAS},
    .rows = {.inputs = 1},
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops,
    .reference = kernel,
    .onnx = "Gemm",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_linear, NULL};
const snug_op_file snug_ops_linear = {ops};
