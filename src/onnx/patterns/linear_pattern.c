// Products with a transposed operand, which is stored as it is then and not copied; with a weight
// of PyTorch's linear layers, and the bias that follows, they are one operator.
#include "onnx/patterns.h"

static bool match_product(const snug_pattern_view *view, const snug_node *root,
                          snug_pattern_match *out) {
    snug_matmul_attributes product;
    memcpy(&product, root->attributes, sizeof product);
    bool is_changed = false;
    out->leaf_count = 2;
    for (int i = 0; i < 2; i++) {
        out->leaves[i] = root->inputs[i];
        snug_tensor_id stored = snug_pattern_transposed(view, root->inputs[i]);
        if (stored == SNUG_NO_TENSOR) continue;
        out->leaves[i] = stored;
        int64_t *flag = i == 0 ? &product.transpose_a : &product.transpose_b;
        *flag = !*flag;
        is_changed = true;
    }
    bool is_linear = snug_pattern_type(view, out->leaves[0])->rank == 2 && !product.transpose_a &&
                     product.transpose_b && view->learns[out->leaves[1]];
    out->op = is_linear ? &snug_op_linear : &snug_op_matmul;
    if (!is_linear) memcpy(out->attributes, &product, sizeof product);
    return is_linear || is_changed;
}

// A vector that is added along the last dimension of a product without a bias.
static bool match_bias(const snug_pattern_view *view, const snug_node *root,
                       snug_pattern_match *out) {
    for (int i = 0; i < 2; i++) {
        snug_tensor_id behind = snug_pattern_behind(view, root->inputs[i]);
        const snug_node *linear = snug_pattern_inner(view, behind, &snug_op_linear);
        const snug_type *sum = snug_pattern_type(view, root->inputs[i]);
        if (!linear || (linear->input_count > 2 && linear->inputs[2] != SNUG_NO_TENSOR)) continue;
        int64_t length = snug_pattern_type(view, behind)->dims[1];
        bool fits = snug_type_equal(sum, &out->type) && sum->layout == SNUG_ROW_MAJOR &&
                    sum->rank >= 2 && sum->dims[sum->rank - 1] == length;
        snug_tensor_id bias =
            snug_pattern_vector(view, root->inputs[1 - i], sum->rank, sum->rank - 1, length);
        if (!fits || bias == SNUG_NO_TENSOR || root->inputs[0] == root->inputs[1]) continue;
        const snug_tensor_id leaves[] = {linear->inputs[0], linear->inputs[1], bias};
        memcpy(out->leaves, leaves, sizeof leaves);
        out->leaf_count = 3;
        return true;
    }
    return false;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    if (root->op == &snug_op_matmul) return match_product(view, root, out);
    if (root->op == &snug_op_add) return match_bias(view, root, out);
    return false;
}

static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    if (match->op) return snug_graph_emit(graph, match->op, match->attributes, leaves, 2);
    snug_tensor_id y = SNUG_EMIT(graph, &snug_op_linear, NULL, leaves[0], leaves[1],
                                 snug_pattern_flat(graph, leaves[2]));
    return snug_pattern_reshape(graph, y, &match->type);
}

const snug_onnx_pattern snug_onnx_pattern_linear = {
    .name = "linear layer", .match = match, .emit = emit};
