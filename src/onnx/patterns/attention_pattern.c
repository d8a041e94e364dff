// Attention: softmax(scale * q k^T + mask) v, of which the exporters write every step. The mask is
// one that does not learn; rows without a key may be made 0 by asking for NaNs. The scale is a
// number, of the product or of its operands.
#include <math.h>

#include "onnx/patterns.h"

typedef struct settings {
    snug_attention_attributes attention;
    bool is_swapped; // keys have positions last
    // The mask is one of bools, which says where scores count for nothing, or where they count.
    bool hides, shows;
} settings;

// |id| as its operand, times numbers that go into |*scale|.
static snug_tensor_id without_numbers(const snug_pattern_view *view, snug_tensor_id id,
                                      double *scale) {
    for (;;) {
        const snug_node *product = snug_pattern_inner(view, id, &snug_op_multiply);
        const snug_node *quotient = snug_pattern_inner(view, id, &snug_op_divide);
        const snug_node *node = product ? product : quotient;
        double number;
        snug_tensor_id x =
            node ? snug_pattern_beside_number(view, node, product, &number) : SNUG_NO_TENSOR;
        if (x == SNUG_NO_TENSOR || number == 0 ||
            !snug_type_equal(snug_pattern_type(view, x), snug_pattern_type(view, id)))
            return id;
        *scale = product ? *scale * number : *scale / number;
        id = x;
    }
}

// |id| asks where the largest element of each row of |*mask| is -infinity.
static bool finds_hidden(const snug_pattern_view *view, snug_tensor_id id, snug_tensor_id *mask) {
    const snug_node *equal = snug_pattern_inner(view, id, &snug_op_equal);
    double lowest = 0;
    snug_tensor_id highest =
        equal ? snug_pattern_beside_number(view, equal, false, &lowest) : SNUG_NO_TENSOR;
    const snug_node *largest = snug_pattern_inner(view, highest, &snug_op_reduce_max);
    if (!largest || lowest != -INFINITY) return false;
    snug_reduce_attributes reduce;
    memcpy(&reduce, largest->attributes, sizeof reduce);
    *mask = largest->inputs[0];
    return reduce.axes == INT64_C(1) << (snug_pattern_type(view, *mask)->rank - 1);
}

// The softmax that |id| is, which nobody else reads; also where rows that the mask hides altogether
// are made 0 afterwards, by asking for NaNs or, then |*hidden| is it, by looking at the mask.
static const snug_node *softmax_of(const snug_pattern_view *view, snug_tensor_id id,
                                   snug_tensor_id *hidden) {
    const snug_node *where = snug_pattern_inner(view, id, &snug_op_where);
    double zero;
    *hidden = SNUG_NO_TENSOR;
    if (!where) return snug_pattern_inner(view, id, &snug_op_softmax);
    snug_tensor_id shares = where->inputs[2];
    if (!snug_pattern_number(view, where->inputs[1], &zero) || zero != 0) return NULL;
    const snug_node *asks = snug_pattern_inner(view, where->inputs[0], &snug_op_is_nan);
    if (asks && asks->inputs[0] == shares && view->readers[shares] == 2)
        return snug_pattern_made_by(view, shares, &snug_op_softmax);
    return finds_hidden(view, where->inputs[0], hidden)
               ? snug_pattern_inner(view, shares, &snug_op_softmax)
               : NULL;
}

static bool is_plain(const snug_pattern_view *view, const snug_tensor_id *ids, int count,
                     int rank) {
    for (int i = 0; i < count; i++) {
        const snug_type *type = snug_pattern_type(view, ids[i]);
        if (type->rank != rank || type->layout != SNUG_ROW_MAJOR || type->dtype != SNUG_F32)
            return false;
    }
    return true;
}

static snug_matmul_attributes attributes_of(const snug_node *node) {
    snug_matmul_attributes product;
    memcpy(&product, node->attributes, sizeof product);
    return product;
}

// The keys behind the second operand of |product|. |*is_swapped|: they have positions last.
static snug_tensor_id keys_of(const snug_pattern_view *view, const snug_node *product,
                              double *scale, bool *is_swapped) {
    snug_tensor_id keys = without_numbers(view, product->inputs[1], scale);
    *is_swapped = !attributes_of(product).transpose_b;
    snug_tensor_id stored = *is_swapped ? snug_pattern_transposed(view, keys) : SNUG_NO_TENSOR;
    if (stored == SNUG_NO_TENSOR) return keys;
    *is_swapped = false;
    return without_numbers(view, stored, scale);
}

// The mask before it is repeated for every sample or head.
static snug_tensor_id unrepeated(const snug_pattern_view *view, snug_tensor_id mask) {
    const snug_node *repeat = snug_pattern_made_by(view, mask, &snug_op_broadcast_to);
    if (!repeat) return mask;
    snug_broadcast_to_attributes broadcast;
    memcpy(&broadcast, repeat->attributes, sizeof broadcast);
    const snug_type *type = snug_pattern_type(view, repeat->inputs[0]);
    bool is_same =
        type->rank == broadcast.rank && broadcast.scale == 1 && type->layout == SNUG_ROW_MAJOR;
    return is_same ? repeat->inputs[0] : mask;
}

// The product that |id| is, times |*scale|.
static const snug_node *product_of(const snug_pattern_view *view, snug_tensor_id id,
                                   double *scale) {
    *scale = 1;
    const snug_node *product =
        snug_pattern_inner(view, without_numbers(view, id, scale), &snug_op_matmul);
    return product && !attributes_of(product).transpose_a ? product : NULL;
}

// The scores, whose mask goes into |*mask|: one that is added, or one of bools that puts what
// weighs nothing in their place.
static const snug_node *scores_of(const snug_pattern_view *view, snug_tensor_id id, double *scale,
                                  snug_tensor_id *mask, settings *found) {
    static const double nothing = -1e30;
    const snug_node *sum = snug_pattern_inner(view, id, &snug_op_add);
    const snug_node *where = snug_pattern_inner(view, id, &snug_op_where);
    *mask = SNUG_NO_TENSOR;
    if (!sum && !where) return product_of(view, id, scale);
    for (int i = 0; i < 2; i++) {
        const snug_tensor_id *operands = sum ? sum->inputs : where->inputs + 1;
        const snug_node *product = product_of(view, operands[i], scale);
        double number;
        bool is_masked =
            sum || (snug_pattern_number(view, operands[1 - i], &number) && number <= nothing);
        if (!product || !is_masked) continue;
        *mask = sum ? operands[1 - i] : where->inputs[0];
        found->shows = where && i == 0;
        found->hides = where && i == 1;
        return product;
    }
    return NULL;
}

// Whether all of |mask|'s dimensions, aligned at the end, are 1 or the scores'.
static bool masks(const snug_pattern_view *view, snug_tensor_id mask, snug_dtype dtype,
                  const snug_type *scores) {
    const snug_type *type = snug_pattern_type(view, mask);
    if (mask == SNUG_NO_TENSOR) return true;
    if (view->learns[mask] || type->dtype != dtype || type->layout != SNUG_ROW_MAJOR ||
        type->rank > scores->rank)
        return false;
    for (int i = 1; i <= type->rank; i++) {
        int64_t extent = type->dims[type->rank - i];
        if (extent != 1 && extent != scores->dims[scores->rank - i]) return false;
    }
    return true;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    if (root->op != &snug_op_matmul || attributes_of(root).transpose_a ||
        attributes_of(root).transpose_b)
        return false;
    snug_tensor_id mask, hidden;
    settings found = {.attention = {.scale = 1}};
    const snug_node *softmax = softmax_of(view, root->inputs[0], &hidden);
    if (!softmax) return false;
    snug_axis_attributes along;
    memcpy(&along, softmax->attributes, sizeof along);
    double scale = 1, key_scale = 1;
    const snug_type *shares = snug_pattern_type(view, softmax->outputs[0]);
    const snug_node *product = scores_of(view, softmax->inputs[0], &scale, &mask, &found);
    snug_dtype dtype = found.hides || found.shows ? SNUG_BOOL : SNUG_F32;
    if (!product || along.axis != shares->rank - 1 || !masks(view, mask, dtype, shares) ||
        (hidden != SNUG_NO_TENSOR && hidden != mask))
        return false;
    const snug_tensor_id leaves[] = {without_numbers(view, product->inputs[0], &scale),
                                     keys_of(view, product, &key_scale, &found.is_swapped),
                                     root->inputs[1], unrepeated(view, mask)};
    memcpy(out->leaves, leaves, sizeof leaves);
    out->leaf_count = 4;
    found.attention.scale = scale * key_scale;
    memcpy(out->attributes, &found, sizeof found);
    int rank = out->type.rank;
    return (rank == 3 || rank == 4) && is_plain(view, leaves, 3, rank) &&
           snug_type_same_shape(shares, snug_pattern_type(view, product->outputs[0]));
}

// With one head where there is no dimension for it.
static snug_tensor_id with_heads(snug_graph *graph, snug_tensor_id id, bool is_mask, int rank) {
    if (id == SNUG_NO_TENSOR) return id;
    const snug_type *type = snug_graph_type(graph, id);
    int64_t dims[] = {1, 1, 1, 1};
    for (int i = 0; i < type->rank; i++)
        dims[(is_mask ? 4 - type->rank : 0) + i] = type->dims[i];
    if (rank == 3) {
        bool has_batch = type->rank == 3;
        dims[0] = has_batch ? type->dims[0] : 1;
        dims[1] = 1;
        for (int i = 1; i <= 2; i++)
            dims[4 - i] = i <= type->rank ? type->dims[type->rank - i] : 1;
    }
    snug_type made = snug_type_make(type->dtype, SNUG_ROW_MAJOR, 4, dims);
    return snug_pattern_reshape(graph, id, &made);
}

// 0 where scores count, and what makes them nothing where they do not.
static snug_tensor_id as_numbers(snug_graph *graph, snug_tensor_id bools, bool hides) {
    snug_fill_attributes fill = {.rank = snug_graph_type(graph, bools)->rank};
    snug_tensor_id sides[2] = {SNUG_NO_TENSOR, SNUG_NO_TENSOR};
    for (int i = 0; i < fill.rank; i++)
        fill.dims[i] = 1;
    for (int i = 0; i < 2; i++) {
        fill.value = hides == (i == 0) ? -INFINITY : 0;
        sides[i] = SNUG_EMIT_NONE(graph, &snug_op_fill, &fill);
    }
    return SNUG_EMIT(graph, &snug_op_where, NULL, bools, sides[0], sides[1]);
}

static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    snug_tensor_id inputs[4] = {SNUG_NO_TENSOR, SNUG_NO_TENSOR, SNUG_NO_TENSOR, SNUG_NO_TENSOR};
    static const snug_transpose_attributes swap = {.perm = {0, 1, 3, 2}};
    bool is_masked = match->leaves[3] != SNUG_NO_TENSOR;
    settings found;
    memcpy(&found, match->attributes, sizeof found);
    for (int i = 0; i < (is_masked ? 4 : 3); i++)
        inputs[i] = with_heads(graph, leaves[i], i == 3, match->type.rank);
    if (found.hides || found.shows) inputs[3] = as_numbers(graph, inputs[3], found.hides);
    if (found.is_swapped) inputs[1] = SNUG_EMIT(graph, &snug_op_transpose, &swap, inputs[1]);
    snug_tensor_id y =
        snug_graph_emit(graph, &snug_op_attention, &found.attention, inputs, is_masked ? 4 : 3);
    return snug_pattern_reshape(graph, y, &match->type);
}

const snug_onnx_pattern snug_onnx_pattern_attention = {
    .name = "dot-product attention", .match = match, .emit = emit};
