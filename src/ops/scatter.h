// What scatter_elements and scatter_nd share: putting an update onto an element, and the gradient.
#ifndef SNUG_OPS_SCATTER_H
#define SNUG_OPS_SCATTER_H

#include <math.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"

static const snug_attribute snug_scatter_table[] = {
    SNUG_ATTRIBUTE(snug_scatter_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_scatter_attributes, batch, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_scatter_attributes, reduction, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static inline snug_status snug_scatter_check(const snug_scatter_attributes *scatter) {
    if (scatter->reduction >= SNUG_SCATTER_NONE && scatter->reduction <= SNUG_SCATTER_MAX)
        return SNUG_OK;
    return snug_fail(SNUG_INVALID, "a reduction of scattered elements expected, found %lld",
                     (long long)scatter->reduction);
}

// |data| starts as a copy of the first input; in place it is one already.
static inline void snug_scatter_begin(const snug_call *call) {
    const snug_view *data = &call->inputs[0], *y = &call->outputs[0];
    size_t bytes = snug_type_bytes(&y->type);
    if (bytes && y->data != data->data) memcpy(y->data, data->data, bytes);
}

static inline double snug_scatter_reals(double old, double update, int64_t reduction) {
    switch (reduction) {
    case SNUG_SCATTER_ADD:
        return old + update;
    case SNUG_SCATTER_MUL:
        return old * update;
    case SNUG_SCATTER_MIN:
        return update < old || isnan(update) ? update : old;
    default:
        return update > old || isnan(update) ? update : old;
    }
}

static inline snug_wide snug_scatter_wholes(snug_wide old, snug_wide update, int64_t reduction) {
    switch (reduction) {
    case SNUG_SCATTER_ADD:
        return old + update;
    case SNUG_SCATTER_MUL:
        return (int64_t)((uint64_t)old * (uint64_t)update);
    case SNUG_SCATTER_MIN:
        return update < old ? update : old;
    default:
        return update > old ? update : old;
    }
}

static inline void snug_scatter_put(const snug_view *y, int64_t to, const snug_view *updates,
                                    int64_t from, int64_t reduction) {
    snug_dtype dtype = y->type.dtype;
    if (reduction == SNUG_SCATTER_NONE)
        snug_view_copy(y, to, updates, from);
    else if (snug_dtype_is_float(dtype))
        snug_view_set(
            y, to,
            snug_scatter_reals(snug_view_get(y, to), snug_view_get(updates, from), reduction));
    else
        snug_reference_store_whole(
            y->data, dtype, to,
            snug_scatter_wholes(snug_reference_load_whole(y->data, dtype, to),
                                snug_reference_load_whole(updates->data, dtype, from), reduction));
}

// A tensor of zeros, for gradients to be scattered into.
static inline snug_tensor_id snug_scatter_zeros(snug_graph *graph, const snug_type *type) {
    snug_fill_attributes zeros = {.rank = type->rank, .dtype = type->dtype};
    memcpy(zeros.dims, type->dims, sizeof zeros.dims);
    return SNUG_EMIT_NONE(graph, &snug_op_fill, &zeros);
}

// Of (data, indices, updates): what was put hides what was there. PyTorch, too, expects indices
// that do not repeat here.
static inline snug_status snug_scatter_gradient(snug_backward *backward, const snug_node *node,
                                                const snug_op *gather, const snug_op *scatter) {
    snug_graph *graph = backward->graph;
    const snug_scatter_attributes *forward = (const void *)node->attributes;
    snug_tensor_id dy = snug_backward_of(backward, node, 0), indices = node->inputs[1];
    if (forward->reduction > SNUG_SCATTER_ADD)
        return snug_fail(SNUG_UNSUPPORTED,
                         "scattering has a gradient where updates are put or added, not where they "
                         "are multiplied or compared");
    if (snug_backward_wants(backward, node, 0)) {
        snug_tensor_id rest = dy;
        if (forward->reduction == SNUG_SCATTER_NONE) {
            snug_tensor_id zeros =
                snug_scatter_zeros(graph, snug_graph_type(graph, node->inputs[2]));
            rest = SNUG_EMIT(graph, scatter, forward, dy, indices, zeros);
        }
        snug_backward_give(backward, node, 0, rest);
    }
    if (snug_backward_wants(backward, node, 2))
        snug_backward_give(backward, node, 2, SNUG_EMIT(graph, gather, forward, dy, indices));
    return SNUG_OK;
}

// Of (x, indices): added up where it came from.
static inline snug_status snug_gather_gradient(snug_backward *backward, const snug_node *node,
                                               const snug_op *scatter) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_graph *graph = backward->graph;
    snug_scatter_attributes back = *(const snug_scatter_attributes *)(const void *)node->attributes;
    back.reduction = SNUG_SCATTER_ADD;
    snug_tensor_id zeros = snug_scatter_zeros(graph, snug_graph_type(graph, node->inputs[0]));
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(graph, scatter, &back, zeros, node->inputs[1],
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

#define SNUG_SCATTER_OP(stem, count, infer_function, gradient_function, read, may, function,       \
                        onnx_name, sample_array)                                                   \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = (count),                                                                     \
        .max_inputs = (count),                                                                     \
        .outputs = 1,                                                                              \
        .attributes = snug_scatter_table,                                                          \
        .attributes_size = sizeof(snug_scatter_attributes),                                        \
        .infer = (infer_function),                                                                 \
        .gradient = (gradient_function),                                                           \
        .gradient_inputs = (read),                                                                 \
        .overwrites = (may),                                                                       \
        .reference = (function),                                                                   \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(sample_array),                                                                \
    }

#endif
