// What changes nothing: plus 0, times 1, their inverses, and views of views.
#include "onnx/patterns.h"

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    bool adds = root->op == &snug_op_add, multiplies = root->op == &snug_op_multiply;
    bool subtracts = root->op == &snug_op_subtract, divides = root->op == &snug_op_divide;
    double number;
    if (root->op == &snug_op_reshape) {
        const snug_node *first = snug_pattern_made_by(view, root->inputs[0], &snug_op_reshape);
        snug_tensor_id x = first ? first->inputs[0] : root->inputs[0];
        out->leaves[out->leaf_count++] = x;
        return first || snug_type_equal(snug_pattern_type(view, x), &out->type);
    }
    if (!adds && !multiplies && !subtracts && !divides) return false;
    if (!snug_dtype_is_float(out->type.dtype)) return false;
    snug_tensor_id x = snug_pattern_beside_number(view, root, adds || multiplies, &number);
    if (x == SNUG_NO_TENSOR || number != (adds || subtracts ? 0 : 1)) return false;
    out->leaves[out->leaf_count++] = x;
    return snug_type_equal(snug_pattern_type(view, x), &out->type);
}

static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    return snug_pattern_reshape(graph, leaves[0], &match->type);
}

const snug_onnx_pattern snug_onnx_pattern_neutral = {
    .name = "neutral", .match = match, .emit = emit};
