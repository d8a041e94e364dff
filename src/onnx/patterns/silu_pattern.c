// SiLU, x * sigmoid(x), which keeps x alone.
#include "onnx/patterns.h"

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    for (int i = 0; i < 2 && root->op == &snug_op_multiply; i++) {
        const snug_node *sigmoid = snug_pattern_inner(view, root->inputs[i], &snug_op_sigmoid);
        if (!sigmoid || sigmoid->inputs[0] != root->inputs[1 - i]) continue;
        out->op = &snug_op_silu;
        out->leaves[out->leaf_count++] = sigmoid->inputs[0];
        return true;
    }
    return false;
}

const snug_onnx_pattern snug_onnx_pattern_silu = {.name = "SiLU", .match = match};
