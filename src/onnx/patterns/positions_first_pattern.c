// Attention between two exchanges of heads and positions, which its operands and its result need
// not be copied for: attention takes them either way.
#include "onnx/patterns.h"

static const snug_transpose_attributes exchange = {.perm = {0, 2, 1, 3}};

static bool exchanges(const snug_node *node) {
    return node && memcmp(node->attributes, &exchange, sizeof exchange) == 0;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    if (root->op != &snug_op_transpose || out->type.rank != 4 || !exchanges(root)) return false;
    const snug_node *attention = snug_pattern_inner(view, root->inputs[0], &snug_op_attention);
    snug_attention_attributes attributes;
    if (!attention) return false;
    memcpy(&attributes, attention->attributes, sizeof attributes);
    if (attributes.positions_first) return false;
    attributes.positions_first = 1;
    memcpy(out->attributes, &attributes, sizeof attributes);
    out->leaf_count = attention->input_count;
    memcpy(out->leaves, attention->inputs, (size_t)out->leaf_count * sizeof *out->leaves);
    return true;
}

// What the operand |id| is made of, if by an exchange; else it is exchanged.
static snug_tensor_id exchanged(snug_graph *graph, snug_tensor_id id) {
    snug_node_id producer = graph->tensors[id]->producer;
    const snug_node *node = producer == SNUG_NO_NODE ? NULL : graph->nodes[producer];
    bool moves = node && (node->op == &snug_op_transpose || node->op == &snug_op_relabel);
    bool is_stored = moves && snug_graph_type(graph, node->inputs[0])->layout == SNUG_ROW_MAJOR;
    if (is_stored && exchanges(node)) return node->inputs[0];
    return SNUG_EMIT(graph, &snug_op_transpose, &exchange, id);
}

static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    snug_tensor_id inputs[4];
    for (int i = 0; i < match->leaf_count; i++)
        inputs[i] = i < 3 ? exchanged(graph, leaves[i]) : leaves[i];
    return snug_graph_emit(graph, &snug_op_attention, match->attributes, inputs, match->leaf_count);
}

const snug_onnx_pattern snug_onnx_pattern_positions_first = {
    .name = "positions first", .match = match, .emit = emit};
