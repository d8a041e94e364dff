// The reductions, and what else looks along a dimension.
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

// The dimensions, as bits: an attribute before |as_input|, then an input. |*given| is false when
// there are none.
static snug_status read_axes(const snug_onnx_call *call, int64_t as_input, int64_t *out,
                             bool *given) {
    int64_t axes[SNUG_MAX_RANK];
    size_t count = 0;
    *out = 0;
    if (call->opset < as_input)
        SNUG_TRY(snug_onnx_integers(call, "axes", axes, SNUG_MAX_RANK, &count));
    else if (snug_onnx_has(call, 1))
        SNUG_TRY(snug_onnx_known_integers(call, 1, axes, SNUG_MAX_RANK, &count));
    *given = count > 0;
    for (size_t i = 0; i < count; i++) {
        SNUG_TRY(snug_onnx_axis(axes[i], call->inputs[0].type.rank, &axes[i]));
        *out |= INT64_C(1) << axes[i];
    }
    return SNUG_OK;
}

// Reducing nothing is nothing for some; others still take roots and magnitudes.
static bool is_idle(const snug_op *op) {
    return op == &snug_op_reduce_sum || op == &snug_op_reduce_mean || op == &snug_op_reduce_max ||
           op == &snug_op_reduce_min || op == &snug_op_reduce_prod;
}

static snug_status set_reduction(const snug_onnx_call *call, const snug_op *op, int64_t as_input) {
    snug_reduce_attributes reduce = {.keepdims = snug_onnx_integer(call, "keepdims", 1) != 0};
    bool given, stays = snug_onnx_integer(call, "noop_with_empty_axes", 0) != 0;
    SNUG_TRY(read_axes(call, as_input, &reduce.axes, &given));
    if (!given && !stays) reduce.axes = (INT64_C(1) << call->inputs[0].type.rank) - 1;
    if (reduce.axes == 0 && is_idle(op))
        snug_onnx_pass(call, 0, 0);
    else
        snug_onnx_set(call, 0, SNUG_EMIT(call->graph, op, &reduce, snug_onnx_use(call, 0)));
    return SNUG_OK;
}

#define REDUCTION(stem, as_input)                                                                  \
    static snug_status translate_##stem(const snug_onnx_call *call) {                              \
        return set_reduction(call, &snug_op_reduce_##stem, as_input);                              \
    }
REDUCTION(sum, 13)
REDUCTION(mean, 18)
REDUCTION(max, 18)
REDUCTION(min, 18)
REDUCTION(prod, 18)
REDUCTION(l1, 18)
REDUCTION(l2, 18)
REDUCTION(log_sum, 18)
REDUCTION(log_sum_exp, 18)
REDUCTION(sum_square, 18)

static snug_status set_arg(const snug_onnx_call *call, const snug_op *op) {
    snug_arg_attributes arg = {.keepdims = snug_onnx_integer(call, "keepdims", 1) != 0,
                               .last = snug_onnx_integer(call, "select_last_index", 0) != 0};
    SNUG_TRY(
        snug_onnx_axis(snug_onnx_integer(call, "axis", 0), call->inputs[0].type.rank, &arg.axis));
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, op, &arg, snug_onnx_use(call, 0)));
    return SNUG_OK;
}

static snug_status translate_arg_max(const snug_onnx_call *call) {
    return set_arg(call, &snug_op_arg_max);
}

static snug_status translate_arg_min(const snug_onnx_call *call) {
    return set_arg(call, &snug_op_arg_min);
}

static snug_status set_cumulative(const snug_onnx_call *call, const snug_op *op) {
    snug_cumulative_attributes along = {.exclusive = snug_onnx_integer(call, "exclusive", 0) != 0,
                                        .reverse = snug_onnx_integer(call, "reverse", 0) != 0};
    int64_t axis = 0;
    size_t count;
    SNUG_TRY(snug_onnx_known_integers(call, 1, &axis, 1, &count));
    if (count != 1) return snug_fail(SNUG_BAD_FILE, "one axis expected");
    SNUG_TRY(snug_onnx_axis(axis, call->inputs[0].type.rank, &along.axis));
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, op, &along, snug_onnx_use(call, 0)));
    return SNUG_OK;
}

static snug_status translate_cumulative_sum(const snug_onnx_call *call) {
    return set_cumulative(call, &snug_op_cumulative_sum);
}

static snug_status translate_cumulative_product(const snug_onnx_call *call) {
    return set_cumulative(call, &snug_op_cumulative_product);
}

// k is an attribute before opset 10.
static snug_status translate_top_k(const snug_onnx_call *call) {
    snug_top_k_attributes top = {.k = snug_onnx_integer(call, "k", -1),
                                 .largest = snug_onnx_integer(call, "largest", 1) != 0};
    size_t count = 1;
    if (call->opset >= 10) SNUG_TRY(snug_onnx_known_integers(call, 1, &top.k, 1, &count));
    if (count != 1) return snug_fail(SNUG_BAD_FILE, "one k expected");
    SNUG_TRY(
        snug_onnx_axis(snug_onnx_integer(call, "axis", -1), call->inputs[0].type.rank, &top.axis));
    snug_tensor_id x = snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR), outputs[SNUG_MAX_OUTPUTS];
    snug_graph_node(call->graph, &snug_op_top_k, &top, &x, 1, outputs);
    snug_onnx_set(call, 0, outputs[0]);
    snug_onnx_set(call, 1, outputs[1]);
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"ReduceSum", "", 1, 2, translate_sum},
    {"ReduceMean", "", 1, 2, translate_mean},
    {"ReduceMax", "", 1, 2, translate_max},
    {"ReduceMin", "", 1, 2, translate_min},
    {"ReduceProd", "", 1, 2, translate_prod},
    {"ReduceL1", "", 1, 2, translate_l1},
    {"ReduceL2", "", 1, 2, translate_l2},
    {"ReduceLogSum", "", 1, 2, translate_log_sum},
    {"ReduceLogSumExp", "", 1, 2, translate_log_sum_exp},
    {"ReduceSumSquare", "", 1, 2, translate_sum_square},
    {"ArgMax", "", 1, 1, translate_arg_max},
    {"ArgMin", "", 1, 1, translate_arg_min},
    {"CumSum", "", 2, 2, translate_cumulative_sum},
    {"CumProd", "", 2, 2, translate_cumulative_product},
    {"TopK", "", 1, 2, translate_top_k},
};
const snug_onnx_operators snug_onnx_operators_reduce = {rows, sizeof rows / sizeof *rows};
