// Layer norm over the last dimension: (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps), times a
// value for each of the dimension, plus one, as far as these are there.
#include "onnx/patterns.h"

// |id| is the mean of the last dimension, kept, of what is returned.
static snug_tensor_id averaged(const snug_pattern_view *view, snug_tensor_id id) {
    const snug_node *mean = snug_pattern_inner(view, id, &snug_op_reduce_mean);
    if (!mean) return SNUG_NO_TENSOR;
    snug_reduce_attributes reduce;
    memcpy(&reduce, mean->attributes, sizeof reduce);
    const snug_type *type = snug_pattern_type(view, mean->inputs[0]);
    bool is_last = reduce.axes == INT64_C(1) << (type->rank - 1) && reduce.keepdims &&
                   type->layout == SNUG_ROW_MAJOR;
    return is_last ? mean->inputs[0] : SNUG_NO_TENSOR;
}

// |id| is |centred|^2, which the pattern alone reads: there, and as the numerator.
static bool is_square(const snug_pattern_view *view, snug_tensor_id id, snug_tensor_id centred) {
    const snug_node *product = snug_pattern_inner(view, id, &snug_op_multiply);
    const snug_node *power = snug_pattern_inner(view, id, &snug_op_power);
    double exponent;
    if (product)
        return product->inputs[0] == centred && product->inputs[1] == centred &&
               view->readers[centred] == 3;
    return power && power->inputs[0] == centred && view->readers[centred] == 2 &&
           snug_pattern_number(view, power->inputs[1], &exponent) && exponent == 2;
}

// |id| is the deviation of |centred|.
static bool is_deviation(const snug_pattern_view *view, snug_tensor_id id, snug_tensor_id centred,
                         double *eps) {
    const snug_node *root = snug_pattern_inner(view, id, &snug_op_sqrt);
    const snug_node *sum = root ? snug_pattern_inner(view, root->inputs[0], &snug_op_add) : NULL;
    snug_tensor_id behind = sum ? snug_pattern_beside_number(view, sum, true, eps) : SNUG_NO_TENSOR;
    return is_square(view, averaged(view, behind), centred);
}

static void set(snug_pattern_match *out, snug_tensor_id x, snug_tensor_id scale,
                snug_tensor_id shift, double eps) {
    snug_layer_norm_attributes norm = {.eps = eps, .axes = 1};
    const snug_tensor_id leaves[] = {x, scale, shift};
    memcpy(out->attributes, &norm, sizeof norm);
    memcpy(out->leaves, leaves, sizeof leaves);
    out->leaf_count = 3;
}

static bool match_norm(const snug_pattern_view *view, const snug_node *root,
                       snug_pattern_match *out) {
    bool divides = root->op == &snug_op_divide;
    for (int i = 0; i < (divides ? 1 : 2); i++) {
        double eps = 0;
        snug_tensor_id centred = root->inputs[i];
        const snug_node *inverse =
            snug_pattern_inner(view, root->inputs[1 - i], &snug_op_reciprocal);
        const snug_node *difference = snug_pattern_made_by(view, centred, &snug_op_subtract);
        if (!difference || (!divides && !inverse)) continue;
        snug_tensor_id x = difference->inputs[0];
        snug_tensor_id deviation = divides ? root->inputs[1] : inverse->inputs[0];
        if (averaged(view, difference->inputs[1]) != x ||
            !is_deviation(view, deviation, centred, &eps))
            continue;
        set(out, x, SNUG_NO_TENSOR, SNUG_NO_TENSOR, eps);
        return snug_type_equal(snug_pattern_type(view, x), &out->type);
    }
    return false;
}

static bool match_affine(const snug_pattern_view *view, const snug_node *root,
                         snug_pattern_match *out) {
    bool scales = root->op == &snug_op_multiply;
    int rank = out->type.rank;
    for (int i = 0; i < 2 && rank > 0; i++) {
        const snug_node *norm = snug_pattern_inner(view, root->inputs[i], &snug_op_layer_norm);
        double scale, shift;
        if (!norm || !snug_pattern_number(view, norm->inputs[2], &shift) || shift != 0) continue;
        bool is_unscaled = snug_pattern_number(view, norm->inputs[1], &scale) && scale == 1;
        snug_layer_norm_attributes attributes;
        memcpy(&attributes, norm->attributes, sizeof attributes);
        snug_tensor_id vector = snug_pattern_vector(view, root->inputs[1 - i], rank, rank - 1,
                                                    out->type.dims[rank - 1]);
        if (vector == SNUG_NO_TENSOR || attributes.axes != 1 || (scales && !is_unscaled)) continue;
        set(out, norm->inputs[0], scales ? vector : norm->inputs[1],
            scales ? norm->inputs[2] : vector, attributes.eps);
        return snug_type_equal(snug_pattern_type(view, norm->outputs[0]), &out->type);
    }
    return false;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    bool multiplies = root->op == &snug_op_multiply;
    if ((multiplies || root->op == &snug_op_divide) && match_norm(view, root, out)) return true;
    return (multiplies || root->op == &snug_op_add) && match_affine(view, root, out);
}

static snug_tensor_id emit(snug_graph *graph, const snug_pattern_match *match,
                           const snug_tensor_id *leaves) {
    snug_tensor_id affine[2] = {leaves[1], leaves[2]};
    for (int i = 0; i < 2; i++) {
        snug_fill_attributes fill = {
            .value = i == 0 ? 1 : 0, .rank = 1, .dtype = match->type.dtype};
        fill.dims[0] = match->type.dims[match->type.rank - 1];
        affine[i] = affine[i] == SNUG_NO_TENSOR ? SNUG_EMIT_NONE(graph, &snug_op_fill, &fill)
                                                : snug_pattern_flat(graph, affine[i]);
    }
    return SNUG_EMIT(graph, &snug_op_layer_norm, match->attributes, leaves[0], affine[0],
                     affine[1]);
}

const snug_onnx_pattern snug_onnx_pattern_layer_norm = {
    .name = "layer norm", .match = match, .emit = emit};
