// Group norm as the exporters have it: a norm over the rows of x read as (samples, groups, rest),
// read as x again, times a value a channel, plus one. Also without the last two. An instance norm,
// that of one sample and channel, has as many groups as channels.
#include "onnx/patterns.h"

// A norm over rows that does not scale or shift them itself.
static const snug_node *plain_norm(const snug_pattern_view *view, snug_tensor_id id) {
    const snug_node *norm = snug_pattern_inner(view, id, &snug_op_layer_norm);
    double scale, shift;
    bool is_plain = norm && view->readers[norm->outputs[1]] == 0 &&
                    view->readers[norm->outputs[2]] == 0 &&
                    snug_pattern_number(view, norm->inputs[1], &scale) && scale == 1 &&
                    snug_pattern_number(view, norm->inputs[2], &shift) && shift == 0;
    return is_plain ? norm : NULL;
}

// Sets x and the attributes from a reshape |root|, whose result is the normalised x.
static bool match_norm(const snug_pattern_view *view, const snug_node *root,
                       snug_pattern_match *out) {
    const snug_node *norm = plain_norm(view, root->inputs[0]);
    const snug_type *y = &out->type;
    if (!norm || y->rank < 3 || y->layout != SNUG_ROW_MAJOR) return false;
    const snug_type *rows = snug_pattern_type(view, norm->inputs[0]);
    snug_layer_norm_attributes attributes;
    memcpy(&attributes, norm->attributes, sizeof attributes);
    if (rows->rank != 3 || attributes.axes != 1 || rows->dims[0] != y->dims[0] ||
        rows->dims[1] < 1 || y->dims[1] % rows->dims[1] != 0)
        return false;
    snug_group_norm_attributes group = {.eps = attributes.eps, .groups = rows->dims[1]};
    memcpy(out->attributes, &group, sizeof group);
    out->leaves[0] = norm->inputs[0];
    out->leaf_count = 1;
    return true;
}

// What |node| (a sum or a product) does to a group norm's result with a value a channel.
static bool match_affine(const snug_pattern_view *view, const snug_node *root,
                         snug_pattern_match *out) {
    bool scales = root->op == &snug_op_multiply;
    for (int i = 0; i < 2; i++) {
        const snug_node *norm = snug_pattern_inner(view, root->inputs[i], &snug_op_group_norm);
        if (!norm || root->inputs[0] == root->inputs[1]) continue;
        snug_group_norm_attributes attributes;
        memcpy(&attributes, norm->attributes, sizeof attributes);
        double scale, shift;
        bool is_unscaled = snug_pattern_number(view, norm->inputs[1], &scale) && scale == 1;
        bool is_unshifted = snug_pattern_number(view, norm->inputs[2], &shift) && shift == 0;
        snug_tensor_id vector =
            snug_pattern_vector(view, root->inputs[1 - i], out->type.rank, 1, out->type.dims[1]);
        if (vector == SNUG_NO_TENSOR || attributes.activation || !is_unshifted ||
            (scales && !is_unscaled) ||
            !snug_type_equal(snug_pattern_type(view, norm->outputs[0]), &out->type))
            continue;
        memcpy(out->attributes, &attributes, sizeof attributes);
        const snug_tensor_id leaves[] = {norm->inputs[0], scales ? vector : norm->inputs[1],
                                         scales ? norm->inputs[2] : vector};
        memcpy(out->leaves, leaves, sizeof leaves);
        out->leaf_count = 3;
        return true;
    }
    return false;
}

// A norm of rows that are channels, times a value a channel: |root| is that product, or a sum. One
// number for all is no scale of an instance norm, but what a group norm's rows are written with.
static bool match_channels(const snug_pattern_view *view, const snug_node *root,
                           snug_pattern_match *out) {
    bool scales = root->op == &snug_op_multiply;
    for (int i = 0; i < 2 && out->type.rank == 3; i++) {
        const snug_node *norm = plain_norm(view, root->inputs[i]);
        snug_tensor_id vector =
            snug_pattern_vector(view, root->inputs[1 - i], 3, 1, out->type.dims[1]);
        double number;
        if (!norm || vector == SNUG_NO_TENSOR || snug_pattern_number(view, vector, &number))
            continue;
        snug_layer_norm_attributes attributes;
        memcpy(&attributes, norm->attributes, sizeof attributes);
        snug_group_norm_attributes group = {.eps = attributes.eps, .groups = out->type.dims[1]};
        memcpy(out->attributes, &group, sizeof group);
        out->leaves[0] = norm->inputs[0];
        out->leaves[1] = scales ? vector : SNUG_NO_TENSOR;
        out->leaves[2] = scales ? SNUG_NO_TENSOR : vector;
        out->leaf_count = 3;
        return attributes.axes == 1 && group.groups > 0 &&
               snug_type_equal(snug_pattern_type(view, norm->outputs[0]), &out->type);
    }
    return false;
}

// A norm whose result is read in another shape, of the same samples and channels.
static bool match_reshaped(const snug_pattern_view *view, const snug_node *root,
                           snug_pattern_match *out) {
    const snug_node *norm = snug_pattern_inner(view, root->inputs[0], &snug_op_group_norm);
    const snug_type *x = norm ? snug_pattern_type(view, norm->inputs[0]) : NULL;
    if (!norm || x->layout != SNUG_ROW_MAJOR || out->type.layout != SNUG_ROW_MAJOR ||
        out->type.rank < 2 || x->dims[0] != out->type.dims[0] || x->dims[1] != out->type.dims[1])
        return false;
    memcpy(out->attributes, norm->attributes, sizeof out->attributes);
    memcpy(out->leaves, norm->inputs, 3 * sizeof *out->leaves);
    out->leaf_count = 3;
    return true;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    if (root->op == &snug_op_reshape)
        return match_norm(view, root, out) || match_reshaped(view, root, out);
    if (root->op == &snug_op_multiply || root->op == &snug_op_add)
        return match_affine(view, root, out) || match_channels(view, root, out);
    return false;
}

// An absent scale is 1, an absent shift 0.
static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    snug_tensor_id inputs[3] = {snug_pattern_reshape(graph, leaves[0], &match->type)};
    for (int i = 1; i < 3; i++) {
        snug_fill_attributes fill = {
            .value = i == 1 ? 1 : 0, .rank = 1, .dtype = match->type.dtype};
        fill.dims[0] = match->type.dims[1];
        bool is_there = i < match->leaf_count && leaves[i] != SNUG_NO_TENSOR;
        inputs[i] = is_there ? snug_pattern_flat(graph, leaves[i])
                             : SNUG_EMIT_NONE(graph, &snug_op_fill, &fill);
    }
    return snug_graph_emit(graph, &snug_op_group_norm, match->attributes, inputs, 3);
}

const snug_onnx_pattern snug_onnx_pattern_group_norm = {
    .name = "group norm", .match = match, .emit = emit};
