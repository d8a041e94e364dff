// RMS norm: x / sqrt(mean(x^2) + eps), times a value for each of the last dimension, where there is
// one. The root is inverted before it is multiplied with, or divided by.
#include "onnx/patterns.h"

// x of |id|, which is x^2: a product, or a power of 2.
static snug_tensor_id squared(const snug_pattern_view *view, snug_tensor_id id) {
    const snug_node *product = snug_pattern_inner(view, id, &snug_op_multiply);
    if (product && product->inputs[0] == product->inputs[1]) return product->inputs[0];
    const snug_node *power = snug_pattern_inner(view, id, &snug_op_power);
    double exponent;
    bool is_square =
        power && snug_pattern_number(view, power->inputs[1], &exponent) && exponent == 2;
    return is_square ? power->inputs[0] : SNUG_NO_TENSOR;
}

// x of |id|, which is sqrt(mean(x^2) + eps) over the last dimension.
static snug_tensor_id root_of(const snug_pattern_view *view, snug_tensor_id id, double *eps) {
    const snug_node *root = snug_pattern_inner(view, id, &snug_op_sqrt);
    const snug_node *sum = root ? snug_pattern_inner(view, root->inputs[0], &snug_op_add) : NULL;
    snug_tensor_id behind = sum ? snug_pattern_beside_number(view, sum, true, eps) : SNUG_NO_TENSOR;
    const snug_node *mean = snug_pattern_inner(view, behind, &snug_op_reduce_mean);
    if (!mean) return SNUG_NO_TENSOR;
    snug_reduce_attributes reduce;
    memcpy(&reduce, mean->attributes, sizeof reduce);
    const snug_type *type = snug_pattern_type(view, mean->inputs[0]);
    if (reduce.axes != INT64_C(1) << (type->rank - 1) || !reduce.keepdims ||
        type->layout != SNUG_ROW_MAJOR)
        return SNUG_NO_TENSOR;
    return squared(view, mean->inputs[0]);
}

static void set(snug_pattern_match *out, snug_tensor_id x, snug_tensor_id scale, double eps) {
    snug_rms_norm_attributes norm = {.eps = eps};
    memcpy(out->attributes, &norm, sizeof norm);
    out->leaves[0] = x;
    out->leaves[1] = scale;
    out->leaf_count = 2;
}

static bool match_norm(const snug_pattern_view *view, const snug_node *root,
                       snug_pattern_match *out) {
    bool divides = root->op == &snug_op_divide;
    for (int i = 0; i < (divides ? 1 : 2); i++) {
        double eps = 0;
        const snug_node *inverse =
            snug_pattern_inner(view, root->inputs[1 - i], &snug_op_reciprocal);
        if (!divides && !inverse) continue;
        snug_tensor_id x = root_of(view, divides ? root->inputs[1] : inverse->inputs[0], &eps);
        if (x == SNUG_NO_TENSOR || x != root->inputs[i]) continue;
        set(out, x, SNUG_NO_TENSOR, eps);
        return snug_type_equal(snug_pattern_type(view, x), &out->type);
    }
    return false;
}

static bool match_scale(const snug_pattern_view *view, const snug_node *root,
                        snug_pattern_match *out) {
    int rank = out->type.rank;
    for (int i = 0; i < 2 && rank > 0; i++) {
        const snug_node *norm = snug_pattern_inner(view, root->inputs[i], &snug_op_rms_norm);
        double scale;
        if (!norm || !snug_pattern_number(view, norm->inputs[1], &scale) || scale != 1) continue;
        snug_tensor_id vector = snug_pattern_vector(view, root->inputs[1 - i], rank, rank - 1,
                                                    out->type.dims[rank - 1]);
        snug_rms_norm_attributes attributes;
        memcpy(&attributes, norm->attributes, sizeof attributes);
        if (vector == SNUG_NO_TENSOR) continue;
        set(out, norm->inputs[0], vector, attributes.eps);
        return snug_type_equal(snug_pattern_type(view, norm->outputs[0]), &out->type);
    }
    return false;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    if (root->op != &snug_op_multiply && root->op != &snug_op_divide) return false;
    if (match_norm(view, root, out)) return true;
    return root->op == &snug_op_multiply && match_scale(view, root, out);
}

static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    snug_tensor_id scale = leaves[1];
    if (scale == SNUG_NO_TENSOR) {
        snug_fill_attributes ones = {.value = 1, .rank = 1, .dtype = match->type.dtype};
        ones.dims[0] = match->type.dims[match->type.rank - 1];
        scale = SNUG_EMIT_NONE(graph, &snug_op_fill, &ones);
    }
    return SNUG_EMIT(graph, &snug_op_rms_norm, match->attributes, leaves[0],
                     snug_pattern_flat(graph, scale));
}

const snug_onnx_pattern snug_onnx_pattern_rms_norm = {
    .name = "RMS norm", .match = match, .emit = emit};
