// Operators that choose between values: where and PReLU.
#include "ops/elementwise_op.h"

static double where_real(const double *x, const double *p) {
    (void)p;
    return x[0] != 0 ? x[1] : x[2];
}

static snug_wide where_whole(const snug_wide *x) {
    return x[0] ? x[1] : x[2];
}
SNUG_ELEMENTWISE_KERNEL(where, where_whole)
SNUG_ELEMENTWISE_REAL(prelu, a < 0 ? a * b : a)
SNUG_ELEMENTWISE_WHOLE(prelu, a < 0 ? a * b : a)
SNUG_ELEMENTWISE_KERNEL(prelu, prelu_whole)
SNUG_ELEMENTWISE_REAL(prelu_backward, a < 0 ? x[2] * b : x[2])
SNUG_ELEMENTWISE_KERNEL(prelu_backward, NULL)

static snug_status infer_where(const void *attributes, const snug_type *inputs, int input_count,
                               snug_type *outputs) {
    (void)attributes;
    if (inputs[0].dtype != SNUG_BOOL)
        return snug_fail(SNUG_INVALID, "a condition of bools expected, found %s",
                         snug_dtype_name(inputs[0].dtype));
    if (inputs[1].dtype != inputs[2].dtype) return snug_broadcast_mismatch(&inputs[1], &inputs[2]);
    SNUG_TRY(snug_broadcast_shape(inputs, input_count, &outputs[0]));
    outputs[0].dtype = inputs[1].dtype;
    return SNUG_OK;
}

static snug_status where_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_fill_attributes none = {.dtype = snug_graph_type(graph, dy)->dtype};
    snug_tensor_id zero = SNUG_EMIT_NONE(graph, &snug_op_fill, &none);
    for (int i = 1; i < 3; i++) {
        if (!snug_backward_wants(backward, node, i)) continue;
        snug_tensor_id whole = SNUG_EMIT(graph, &snug_op_where, NULL, node->inputs[0],
                                         i == 1 ? dy : zero, i == 1 ? zero : dy);
        snug_backward_give(
            backward, node, i,
            snug_broadcast_back(graph, snug_graph_type(graph, node->inputs[i]), whole));
    }
    return SNUG_OK;
}

static snug_status prelu_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id x = node->inputs[0], slope = node->inputs[1];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(
            backward, node, 0,
            snug_broadcast_back(graph, snug_graph_type(graph, x),
                                SNUG_EMIT(graph, &snug_op_prelu_backward, NULL, x, slope, dy)));
    if (snug_backward_wants(backward, node, 1)) {
        snug_fill_attributes none = {.dtype = snug_graph_type(graph, dy)->dtype};
        snug_tensor_id negative = SNUG_EMIT(graph, &snug_op_minimum, NULL, x,
                                            SNUG_EMIT_NONE(graph, &snug_op_fill, &none));
        snug_backward_give(
            backward, node, 1,
            snug_broadcast_back_product(graph, snug_graph_type(graph, slope), dy, negative));
    }
    return SNUG_OK;
}

#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define BOOLS(order, ...) SNUG_SAMPLE_TENSOR(SNUG_BOOL, order, __VA_ARGS__)
#define SAMPLE(label, count, ...)                                                                  \
    {                                                                                              \
        .name = (label), .input_count = (count), .inputs = { __VA_ARGS__ }                         \
    }
static const snug_sample where_samples[] = {
    SAMPLE("matrices", 3, BOOLS(SNUG_ROW_MAJOR, 5, 7), ROWS(5, 7), ROWS(5, 7)),
    SAMPLE("attention mask", 3, BOOLS(SNUG_ROW_MAJOR, 4, 5), ROWS(2, 3, 4, 5), SNUG_SAMPLE_SCALAR),
    SAMPLE("all repeat", 3, BOOLS(SNUG_ROW_MAJOR, 3, 1, 1), ROWS(2, 1), ROWS(4)),
    SAMPLE("image", 3, BOOLS(SNUG_CHANNELS_LAST, 2, 1, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4),
           SNUG_SAMPLE_IMAGE(1, 5, 1, 1)),
    SAMPLE("nothing", 3, BOOLS(SNUG_ROW_MAJOR, 0, 7), ROWS(7), SNUG_SAMPLE_SCALAR),
    SAMPLE("int64", 3, BOOLS(SNUG_ROW_MAJOR, 5, 7), SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, 7),
           SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, 5, 1)),
};
static const snug_sample prelu_samples[] = {
    SAMPLE("one slope", 2, ROWS(5, 7), SNUG_SAMPLE_SCALAR),
    SAMPLE("a slope a channel", 2, SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(1, 5, 1, 1)),
    SAMPLE("a slope an element", 2, ROWS(5, 7), ROWS(5, 7)),
};
static const snug_sample prelu_backward_samples[] = {
    SAMPLE("one slope", 3, ROWS(5, 7), SNUG_SAMPLE_SCALAR, ROWS(5, 7)),
    SAMPLE("a slope a channel", 3, SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(1, 5, 1, 1),
           SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
};

SNUG_ELEMENTWISE_OP(where, 3, infer_where, where_gradient, 1, 6, FOLLOW, "Where", where_samples);
SNUG_ELEMENTWISE_OP(prelu, 2, snug_infer_broadcast, prelu_gradient, 3, 3, FOLLOW, "PRelu",
                    prelu_samples);
SNUG_ELEMENTWISE_OP(prelu_backward, 3, snug_infer_broadcast, NULL, 0, 7, FOLLOW, NULL,
                    prelu_backward_samples);

static const snug_op *const ops[] = {&snug_op_where, &snug_op_prelu, &snug_op_prelu_backward, NULL};
const snug_op_file snug_ops_select = {ops};
