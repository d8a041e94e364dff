// Images stay channels last through what takes them in either layout: functions element by element,
// and group norm. Exporters write a norm between two convolutions as reshapes of rows, for which
// images are copied into rows and back. A change to channels last moves up, one to rows moves down,
// and where they meet both go.
#include "onnx/patterns.h"

// Whether |node| computes the same in another layout.
static bool is_either(const snug_pattern_view *view, const snug_node *node) {
    if (node->op->mutates || node->op->is_random || node->input_count < 1) return false;
    if (node->op != &snug_op_group_norm) return node->op->is_elementwise && node->output_count == 1;
    return view->readers[node->outputs[1]] == 0 && view->readers[node->outputs[2]] == 0;
}

// The images behind |id|, if it is a copy of them in rows.
static snug_tensor_id images_of(const snug_pattern_view *view, snug_tensor_id id) {
    const snug_node *change = snug_pattern_made_by(view, id, &snug_op_to_layout);
    bool is_copy = change && snug_pattern_type(view, id)->layout == SNUG_ROW_MAJOR;
    return is_copy ? change->inputs[0] : SNUG_NO_TENSOR;
}

// Whether all who read |id| do without it once they have moved: a norm, and what adds its operand.
static bool is_for_movers(const snug_pattern_view *view, snug_tensor_id id) {
    int32_t found = 0;
    for (size_t i = 0; i < view->graph->node_count && view->readers[id] > 1; i++) {
        const snug_node *node = view->graph->nodes[i];
        for (int j = 0; j < node->input_count; j++)
            found += node->inputs[j] == id && is_either(view, node);
    }
    return view->readers[id] == 1 || found == view->readers[id];
}

static void set(snug_pattern_match *out, const snug_node *node) {
    out->op = node->op;
    memcpy(out->attributes, node->attributes, sizeof out->attributes);
    memcpy(out->leaves, node->inputs, (size_t)node->input_count * sizeof *out->leaves);
    out->leaf_count = node->input_count;
}

// A change to channels last behind a function of one operand, or behind its inverse.
static bool match_up(const snug_pattern_view *view, const snug_node *root,
                     snug_pattern_match *out) {
    snug_node_id producer = view->graph->tensors[root->inputs[0]]->producer;
    if (out->type.layout != SNUG_CHANNELS_LAST || producer == SNUG_NO_NODE) return false;
    out->leaves[0] = images_of(view, root->inputs[0]);
    out->leaf_count = 1;
    if (out->leaves[0] != SNUG_NO_TENSOR) return true;
    const snug_node *node = view->graph->nodes[producer];
    bool is_single = node->input_count == 1 || node->op == &snug_op_group_norm;
    if (!is_single || view->readers[root->inputs[0]] != 1 || !is_either(view, node) ||
        node->outputs[0] != root->inputs[0])
        return false;
    set(out, node);
    return snug_type_same_shape(snug_pattern_type(view, node->inputs[0]), &out->type);
}

// A function of images that were copied into rows for it, or such; other operands are small.
static bool match_down(const snug_pattern_view *view, const snug_node *root,
                       snug_pattern_match *out) {
    enum { small = 1 << 14 };
    int found = 0;
    if (out->type.layout != SNUG_ROW_MAJOR || out->type.rank < 3 || !is_either(view, root) ||
        root->input_count > SNUG_PATTERN_LEAVES)
        return false;
    set(out, root);
    int operands = root->op == &snug_op_group_norm ? 1 : root->input_count;
    for (int i = 0; i < operands; i++) {
        const snug_type *type = snug_pattern_type(view, root->inputs[i]);
        snug_tensor_id images = images_of(view, root->inputs[i]);
        bool is_whole = snug_type_same_shape(type, &out->type);
        if (is_whole && images != SNUG_NO_TENSOR && is_for_movers(view, root->inputs[i])) {
            out->leaves[i] = images;
            found++;
        } else if (is_whole || type->rank != out->type.rank || snug_type_elements(type) > small) {
            return false;
        }
    }
    return found > 0;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    return root->op == &snug_op_to_layout ? match_up(view, root, out) : match_down(view, root, out);
}

static snug_tensor_id in_layout(snug_graph *graph, snug_tensor_id x, snug_layout layout) {
    snug_to_layout_attributes attributes = {.layout = layout};
    if (snug_graph_type(graph, x)->layout == layout) return x;
    return SNUG_EMIT(graph, &snug_op_to_layout, &attributes, x);
}

static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    snug_tensor_id inputs[SNUG_PATTERN_LEAVES];
    if (!match->op) return leaves[0];
    int operands = match->op == &snug_op_group_norm ? 1 : match->leaf_count;
    for (int i = 0; i < match->leaf_count; i++)
        inputs[i] = i < operands ? in_layout(graph, leaves[i], SNUG_CHANNELS_LAST) : leaves[i];
    snug_tensor_id y =
        snug_graph_emit(graph, match->op, match->attributes, inputs, match->leaf_count);
    return in_layout(graph, y, match->type.layout);
}

const snug_onnx_pattern snug_onnx_pattern_layout = {
    .name = "layouts", .match = match, .emit = emit};
