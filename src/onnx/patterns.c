// What patterns ask of a graph.
#include "onnx/patterns.h"

#include <math.h>

#include "ops/reference.h"

const snug_node *snug_pattern_made_by(const snug_pattern_view *view, snug_tensor_id id,
                                      const snug_op *op) {
    if (id == SNUG_NO_TENSOR) return NULL;
    snug_node_id producer = view->graph->tensors[id]->producer;
    if (producer == SNUG_NO_NODE) return NULL;
    const snug_node *node = view->graph->nodes[producer];
    return node->op == op && node->outputs[0] == id ? node : NULL;
}

const snug_node *snug_pattern_inner(const snug_pattern_view *view, snug_tensor_id id,
                                    const snug_op *op) {
    const snug_node *node = snug_pattern_made_by(view, id, op);
    return node && view->readers[id] == 1 ? node : NULL;
}

snug_tensor_id snug_pattern_behind(const snug_pattern_view *view, snug_tensor_id id) {
    const snug_node *node = snug_pattern_inner(view, id, &snug_op_reshape);
    for (; node; node = snug_pattern_inner(view, id, &snug_op_reshape))
        id = node->inputs[0];
    return id;
}

snug_tensor_id snug_pattern_transposed(const snug_pattern_view *view, snug_tensor_id id) {
    const snug_node *node = snug_pattern_inner(view, id, &snug_op_transpose);
    if (!node) node = snug_pattern_inner(view, id, &snug_op_relabel);
    if (!node) return SNUG_NO_TENSOR;
    snug_transpose_attributes transpose;
    memcpy(&transpose, node->attributes, sizeof transpose);
    const snug_type *type = snug_pattern_type(view, node->inputs[0]);
    for (int i = 0; i + 2 < type->rank; i++)
        if (transpose.perm[i] != i) return SNUG_NO_TENSOR;
    bool is_swap = type->rank >= 2 && type->layout == SNUG_ROW_MAJOR &&
                   transpose.layout == SNUG_ROW_MAJOR &&
                   transpose.perm[type->rank - 1] == type->rank - 2;
    return is_swap ? node->inputs[0] : SNUG_NO_TENSOR;
}

// Of a constant's own bytes. |most| elements are looked at.
static bool is_uniform(const snug_tensor *tensor, double *out) {
    enum { most = 1 << 22 };
    int64_t count = snug_type_elements(&tensor->type);
    size_t size = snug_dtype_bytes(tensor->type.dtype);
    const char *data = tensor->init.data;
    int64_t first = 0; // of any alignment
    if (count < 1 || count > most || !data) return false;
    memcpy(&first, data, size);
    *out = snug_reference_load(&first, tensor->type.dtype, 0);
    return memcmp(data, data + size, (size_t)(count - 1) * size) == 0;
}

// Arithmetic of numbers, such as the root of a head's size.
static bool is_computed(const snug_pattern_view *view, const snug_node *node, int depth,
                        double *out);

static bool is_number(const snug_pattern_view *view, snug_tensor_id id, int depth, double *out) {
    enum { most_depth = 32 };
    if (id == SNUG_NO_TENSOR || depth > most_depth) return false;
    const snug_tensor *tensor = view->graph->tensors[id];
    if (tensor->producer == SNUG_NO_NODE) {
        *out = tensor->init.a;
        return tensor->role == SNUG_ROLE_CONSTANT &&
               (tensor->init.kind == SNUG_INIT_CONSTANT ||
                (tensor->init.kind == SNUG_INIT_DATA && is_uniform(tensor, out)));
    }
    const snug_node *node = view->graph->nodes[tensor->producer];
    snug_broadcast_to_attributes broadcast;
    memcpy(&broadcast, node->attributes, sizeof broadcast);
    bool repeats = node->op == &snug_op_broadcast_to && broadcast.scale == 1;
    bool is_same = repeats || node->op->is_view || node->op == &snug_op_to_layout ||
                   node->op == &snug_op_transpose;
    if (is_same) return is_number(view, node->inputs[0], depth + 1, out);
    snug_fill_attributes fill;
    memcpy(&fill, node->attributes, sizeof fill);
    *out = fill.value;
    return node->op == &snug_op_fill || is_computed(view, node, depth, out);
}

static bool is_computed(const snug_pattern_view *view, const snug_node *node, int depth,
                        double *out) {
    double a, b = 0;
    if (node->input_count < 1 || node->input_count > 2 ||
        !is_number(view, node->inputs[0], depth + 1, &a))
        return false;
    if (node->input_count == 2 && !is_number(view, node->inputs[1], depth + 1, &b)) return false;
    bool is_float = snug_dtype_is_float(snug_pattern_type(view, node->outputs[0])->dtype);
    if (node->op == &snug_op_sqrt)
        *out = sqrt(a);
    else if (node->op == &snug_op_cast && is_float)
        *out = a;
    else if (node->op == &snug_op_reciprocal)
        *out = 1 / a;
    else if (node->op == &snug_op_multiply && is_float)
        *out = a * b;
    else if (node->op == &snug_op_divide && is_float)
        *out = a / b;
    else
        return false;
    return isfinite(*out);
}

bool snug_pattern_number(const snug_pattern_view *view, snug_tensor_id id, double *out) {
    return is_number(view, id, 0, out);
}

snug_tensor_id snug_pattern_beside_number(const snug_pattern_view *view, const snug_node *node,
                                          bool commutes, double *number) {
    if (snug_pattern_number(view, node->inputs[1], number)) return node->inputs[0];
    if (commutes && snug_pattern_number(view, node->inputs[0], number)) return node->inputs[1];
    return SNUG_NO_TENSOR;
}

bool snug_pattern_near(double a, double b) {
    return fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

snug_tensor_id snug_pattern_vector(const snug_pattern_view *view, snug_tensor_id id, int rank,
                                   int axis, int64_t count) {
    const snug_type *type = snug_pattern_type(view, id);
    int at = axis - (rank - type->rank); // numpy's rule: trailing dimensions align
    if (id == SNUG_NO_TENSOR || snug_type_elements(type) != count || at < 0 || at >= type->rank ||
        type->dims[at] != count)
        return SNUG_NO_TENSOR;
    return id;
}

snug_tensor_id snug_pattern_flat(snug_graph *graph, snug_tensor_id id) {
    snug_type flat = snug_type_vector(snug_graph_type(graph, id)->dtype,
                                      snug_type_elements(snug_graph_type(graph, id)));
    return snug_pattern_reshape(graph, id, &flat);
}

snug_tensor_id snug_pattern_reshape(snug_graph *graph, snug_tensor_id id, const snug_type *type) {
    if (id == SNUG_NO_TENSOR || snug_type_equal(snug_graph_type(graph, id), type)) return id;
    snug_reshape_attributes view = {.rank = type->rank, .layout = type->layout};
    memcpy(view.dims, type->dims, sizeof view.dims);
    return SNUG_EMIT(graph, &snug_op_reshape, &view, id);
}
