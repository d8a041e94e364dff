// Transpositions that are written as several movements: read in another layout and stored in the
// first again, one after the other, or between reshapes that join leading dimensions and part them.
#include "onnx/patterns.h"

static snug_transpose_attributes attributes_of(const snug_node *node) {
    snug_transpose_attributes transpose;
    memcpy(&transpose, node->attributes, sizeof transpose);
    return transpose;
}

static void set(snug_pattern_match *out, snug_tensor_id x,
                const snug_transpose_attributes *transpose) {
    out->op = &snug_op_transpose;
    out->leaves[0] = x;
    out->leaf_count = 1;
    memcpy(out->attributes, transpose, sizeof *transpose);
}

// to_layout(relabel(x))
static bool match_layout(const snug_pattern_view *view, const snug_node *root,
                         snug_pattern_match *out) {
    const snug_node *relabel = snug_pattern_made_by(view, root->inputs[0], &snug_op_relabel);
    if (!relabel) return false;
    snug_transpose_attributes transpose = attributes_of(relabel);
    transpose.layout = out->type.layout;
    set(out, relabel->inputs[0], &transpose);
    return true;
}

// The last two dimensions change places, the others stay.
static bool swaps_last(const snug_transpose_attributes *transpose, int rank) {
    for (int i = 0; i + 2 < rank; i++)
        if (transpose->perm[i] != i) return false;
    return rank >= 2 && transpose->perm[rank - 2] == rank - 1;
}

// reshape(transpose(x)) that joins or parts leading dimensions alone, where the last two change
// places: the reshape goes first, to meet another one.
static bool match_joined(const snug_pattern_view *view, const snug_node *root,
                         snug_pattern_match *out) {
    const snug_node *inner = snug_pattern_inner(view, root->inputs[0], &snug_op_transpose);
    if (!inner) return false;
    const snug_type *y = &out->type, *joined = snug_pattern_type(view, inner->inputs[0]);
    snug_transpose_attributes transpose = attributes_of(inner);
    int rank = y->rank, last = joined->rank - 1;
    bool is_plain = y->layout == SNUG_ROW_MAJOR && joined->layout == SNUG_ROW_MAJOR &&
                    transpose.layout == SNUG_ROW_MAJOR;
    if (!is_plain || rank < 2 || !swaps_last(&transpose, joined->rank) ||
        y->dims[rank - 1] != joined->dims[last - 1] || y->dims[rank - 2] != joined->dims[last])
        return false;
    transpose = (snug_transpose_attributes){.layout = SNUG_ROW_MAJOR};
    for (int i = 0; i < rank; i++)
        transpose.perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    set(out, inner->inputs[0], &transpose);
    return true;
}

// transpose(transpose(x))
static bool match_twice(const snug_pattern_view *view, const snug_node *root,
                        snug_pattern_match *out) {
    const snug_node *first = snug_pattern_inner(view, root->inputs[0], &snug_op_transpose);
    if (!first) return false;
    snug_transpose_attributes both = attributes_of(root), inner = attributes_of(first);
    for (int i = 0; i < out->type.rank; i++)
        both.perm[i] = inner.perm[both.perm[i]];
    set(out, first->inputs[0], &both);
    return true;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    if (root->op == &snug_op_to_layout) return match_layout(view, root, out);
    if (root->op == &snug_op_reshape) return match_joined(view, root, out);
    if (root->op == &snug_op_transpose) return match_twice(view, root, out);
    return false;
}

// In the shape that the transposition takes, which may be none.
static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    snug_transpose_attributes transpose;
    memcpy(&transpose, match->attributes, sizeof transpose);
    snug_type before = {.dtype = match->type.dtype, .rank = match->type.rank};
    bool moves = false;
    for (int i = 0; i < before.rank; i++) {
        before.dims[transpose.perm[i]] = match->type.dims[i];
        moves = moves || transpose.perm[i] != i;
    }
    before.layout = snug_graph_type(graph, leaves[0])->layout;
    snug_tensor_id x = snug_pattern_reshape(graph, leaves[0], &before);
    if (!moves && before.layout == match->type.layout) return x;
    bool is_view = snug_transpose_moves_nothing(&before, &transpose);
    return SNUG_EMIT(graph, is_view ? &snug_op_relabel : &snug_op_transpose, &transpose, x);
}

const snug_onnx_pattern snug_onnx_pattern_transpose = {
    .name = "transpositions", .match = match, .emit = emit};
