// What translators of networks' operators share: short forms of common nodes.
#ifndef SNUG_ONNX_OPERATORS_EMIT_H
#define SNUG_ONNX_OPERATORS_EMIT_H

#include "onnx/import.h"
#include "ops/ops.h"

static inline const snug_type *snug_emit_type(const snug_onnx_call *call, snug_tensor_id x) {
    return snug_graph_type(call->graph, x);
}

// |x| under another shape, without moving an element.
static inline snug_tensor_id snug_emit_reshape(const snug_onnx_call *call, snug_tensor_id x,
                                               snug_layout layout, int rank, const int64_t *dims) {
    if (x == SNUG_NO_TENSOR) return x;
    const snug_type *type = snug_emit_type(call, x);
    snug_type target = snug_type_make(type->dtype, layout, rank, dims);
    if (rank < 3) target.layout = SNUG_ROW_MAJOR;
    if (snug_type_equal(type, &target)) return x;
    snug_reshape_attributes shape = {.rank = rank, .layout = target.layout};
    for (int i = 0; i < rank; i++)
        shape.dims[i] = dims[i];
    return SNUG_EMIT(call->graph, &snug_op_reshape, &shape, x);
}

// A tensor of one |value|.
static inline snug_tensor_id snug_emit_full(const snug_onnx_call *call, const snug_type *type,
                                            double value) {
    snug_fill_attributes fill = {.value = value, .rank = type->rank, .dtype = type->dtype};
    for (int i = 0; i < type->rank; i++)
        fill.dims[i] = type->dims[i];
    return snug_onnx_to_layout(call, SNUG_EMIT_NONE(call->graph, &snug_op_fill, &fill),
                               type->layout);
}

// A scalar of the element type of |like|.
static inline snug_tensor_id snug_emit_number(const snug_onnx_call *call, snug_tensor_id like,
                                              double value) {
    return snug_onnx_scalar(call, snug_emit_type(call, like)->dtype, value);
}

static inline snug_tensor_id snug_emit_unary(const snug_onnx_call *call, const snug_op *op,
                                             snug_tensor_id x) {
    return SNUG_EMIT(call->graph, op, NULL, x);
}

static inline snug_tensor_id snug_emit_binary(const snug_onnx_call *call, const snug_op *op,
                                              snug_tensor_id a, snug_tensor_id b) {
    return SNUG_EMIT(call->graph, op, NULL, a, b);
}

// |x| with a number: op(x, value). Nothing for x * 1 and x + 0.
static inline snug_tensor_id snug_emit_with(const snug_onnx_call *call, const snug_op *op,
                                            snug_tensor_id x, double value) {
    if (op == &snug_op_multiply && value == 1) return x;
    if (op == &snug_op_add && value == 0) return x;
    return snug_emit_binary(call, op, x, snug_emit_number(call, x, value));
}

static inline snug_tensor_id snug_emit_cast(const snug_onnx_call *call, snug_tensor_id x,
                                            snug_dtype dtype) {
    if (x == SNUG_NO_TENSOR || snug_emit_type(call, x)->dtype == dtype) return x;
    snug_cast_attributes cast = {.dtype = dtype};
    return SNUG_EMIT(call->graph, &snug_op_cast, &cast, x);
}

// Over the dimensions in |axes| (bit i: dimension i), which stay as extents of 1.
static inline snug_tensor_id snug_emit_reduce(const snug_onnx_call *call, const snug_op *op,
                                              snug_tensor_id x, uint32_t axes) {
    snug_reduce_attributes reduce = {.axes = axes, .keepdims = 1};
    return SNUG_EMIT(call->graph, op, &reduce, x);
}

// |x| repeated to |dims|, of a rank not below its own: numpy's broadcasting of one operand.
static inline snug_tensor_id snug_emit_expand(const snug_onnx_call *call, snug_tensor_id x,
                                              int rank, const int64_t *dims) {
    if (x == SNUG_NO_TENSOR) return x;
    snug_type type = *snug_emit_type(call, x);
    int64_t ones[SNUG_MAX_RANK];
    for (int i = 0; i < rank; i++)
        ones[i] = i < rank - type.rank ? 1 : type.dims[i - (rank - type.rank)];
    x = snug_emit_reshape(call, snug_onnx_to_layout(call, x, SNUG_ROW_MAJOR), SNUG_ROW_MAJOR, rank,
                          ones);
    snug_broadcast_to_attributes expand = {.rank = rank, .scale = 1};
    for (int i = 0; i < rank; i++) {
        expand.dims[i] = ones[i] == 1 ? dims[i] : ones[i];
        if (ones[i] == 1 && dims[i] != 1) expand.reduced |= INT64_C(1) << i;
    }
    return expand.reduced ? SNUG_EMIT(call->graph, &snug_op_broadcast_to, &expand, x) : x;
}

static inline snug_tensor_id snug_emit_slice(const snug_onnx_call *call, snug_tensor_id x,
                                             int64_t axis, int64_t start, int64_t length) {
    snug_axis_attributes slice = {.axis = axis, .start = start, .length = length};
    return SNUG_EMIT(call->graph, &snug_op_slice, &slice, x);
}

static inline snug_tensor_id snug_emit_concat(const snug_onnx_call *call, snug_tensor_id a,
                                              snug_tensor_id b, int64_t axis) {
    snug_axis_attributes concat = {.axis = axis};
    return SNUG_EMIT(call->graph, &snug_op_concat, &concat, a, b);
}

// Dimension i of the result is dimension perm[i] of |x|; row-major.
static inline snug_tensor_id snug_emit_transpose(const snug_onnx_call *call, snug_tensor_id x,
                                                 const int64_t *perm) {
    int rank = snug_emit_type(call, x)->rank;
    snug_transpose_attributes transpose = {.layout = SNUG_ROW_MAJOR};
    bool moves = false;
    for (int i = 0; i < rank; i++) {
        transpose.perm[i] = perm[i];
        moves = moves || perm[i] != i;
    }
    return moves ? SNUG_EMIT(call->graph, &snug_op_transpose, &transpose, x) : x;
}

// A vector with one value a channel, shaped to broadcast over (N, C, ...) of |rank| in |layout|.
static inline snug_tensor_id snug_emit_channels(const snug_onnx_call *call, snug_tensor_id vector,
                                                int rank, snug_layout layout) {
    int64_t dims[SNUG_MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = i == 1 ? snug_type_elements(snug_emit_type(call, vector)) : 1;
    return snug_emit_reshape(call, vector, layout, rank, dims);
}

// Rank 3 and more lies channels last where operators of images take it.
static inline snug_layout snug_emit_image_layout(int rank) {
    return rank >= 3 ? SNUG_CHANNELS_LAST : SNUG_ROW_MAJOR;
}

// Whether input |index| is there and of a rank from |low| to |high|; SNUG_BAD_FILE says what is
// not.
static inline snug_status snug_onnx_expect_rank(const snug_onnx_call *call, size_t index, int low,
                                                int high) {
    char text[SNUG_TYPE_TEXT];
    if (!snug_onnx_has(call, index)) return snug_fail(SNUG_BAD_FILE, "input %zu is missing", index);
    const snug_type *type = &call->inputs[index].type;
    if (type->rank >= low && type->rank <= high) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "input %zu of %d to %d dimensions expected, found %s", index,
                     low, high, snug_type_print(type, text));
}

#endif
