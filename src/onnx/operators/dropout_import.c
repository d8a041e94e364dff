// Dropout: the identity unless the network is trained, whatever form the file has.
#include "onnx/operators/emit.h"

// Since opset 12 the share that is dropped is an input; before, an attribute.
static snug_status read_share(const snug_onnx_call *call, double *share) {
    *share = snug_onnx_real(call, "ratio", 0.5);
    if (call->opset >= 12 && snug_onnx_has(call, 1)) {
        size_t count;
        SNUG_TRY(snug_onnx_known_reals(call, 1, share, 1, &count));
        if (count != 1) return snug_fail(SNUG_BAD_FILE, "one ratio expected, found %zu", count);
    }
    if (!(*share >= 0 && *share < 1))
        return snug_fail(SNUG_BAD_FILE, "a ratio from 0 to below 1 expected, found %g", *share);
    return SNUG_OK;
}

// What the file itself says, for those who want that to the letter.
static snug_status read_mode(const snug_onnx_call *call, bool *trains) {
    *trains = false;
    if (call->opset < 12 || !snug_onnx_has(call, 2)) return SNUG_OK;
    int64_t mode;
    size_t count;
    SNUG_TRY(snug_onnx_known_integers(call, 2, &mode, 1, &count));
    *trains = count == 1 && mode != 0;
    return SNUG_OK;
}

// The mask of what is left is what the same random numbers leave of ones.
static void emit(const snug_onnx_call *call, double share) {
    // Nodes are told apart by their place in the graph, which is the same however often it is
    // built.
    snug_dropout_attributes drop = {.p = share, .salt = (int64_t)call->graph->node_count};
    snug_tensor_id x = snug_onnx_use(call, 0);
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_dropout, &drop, x));
    if (!snug_onnx_is_used(call, 1)) return;
    snug_tensor_id left = snug_emit_full(call, snug_emit_type(call, x), 1);
    left = SNUG_EMIT(call->graph, &snug_op_dropout, &drop, left);
    snug_tensor_id is_dropped = snug_emit_with(call, &snug_op_equal, left, 0);
    snug_onnx_set(call, 1, snug_emit_unary(call, &snug_op_logical_not, is_dropped));
}

static snug_status translate(const snug_onnx_call *call) {
    bool trains = call->training && !call->no_drop;
    double share = 0;
    if (call->as_written) SNUG_TRY(read_mode(call, &trains));
    if (trains) SNUG_TRY(read_share(call, &share));
    if (share > 0 && call->as_written)
        return snug_fail(SNUG_UNSUPPORTED, "the random numbers of another program");
    if (share > 0) {
        emit(call, share);
        return SNUG_OK;
    }
    snug_onnx_pass(call, 0, 0);
    if (snug_onnx_is_used(call, 1)) {
        snug_type mask = call->inputs[0].type;
        if (call->opset >= 10) mask.dtype = SNUG_BOOL;
        snug_onnx_set(call, 1, snug_emit_full(call, &mask, 1));
    }
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {{"Dropout", "", 1, 3, translate}};
const snug_onnx_operators snug_onnx_operators_dropout = {rows, 1};
