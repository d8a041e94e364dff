// The attributes of convolutions and pooling: kernel_shape, strides, dilations, pads, auto_pad.
#ifndef SNUG_ONNX_OPERATORS_WINDOW_H
#define SNUG_ONNX_OPERATORS_WINDOW_H

#include <string.h>

#include "onnx/operators/emit.h"

enum { SNUG_WINDOW_AXES = 3 };

// Along each of |axes| dimensions. |spare| leading ones are of extent 1: signals are images of one
// row, and images volumes of one slice.
typedef struct snug_window {
    int axes, spare;
    int64_t input[SNUG_WINDOW_AXES], kernel[SNUG_WINDOW_AXES], stride[SNUG_WINDOW_AXES],
        dilation[SNUG_WINDOW_AXES], begin[SNUG_WINDOW_AXES], end[SNUG_WINDOW_AXES];
} snug_window;

// Bounds that keep all products of a file's numbers far from overflow.
static const int64_t snug_window_most = INT64_C(1) << 30;

// Attribute |name|, |count| numbers from |least| on, into |out|, which keeps what it has when there
// is no such attribute.
static inline snug_status snug_window_read(const snug_onnx_call *call, const char *name,
                                           int64_t least, int count, int64_t *out) {
    int64_t found[2 * SNUG_WINDOW_AXES];
    size_t length;
    SNUG_TRY(snug_onnx_integers(call, name, found, 2 * SNUG_WINDOW_AXES, &length));
    if (length == 0) return SNUG_OK;
    if (length != (size_t)count)
        return snug_fail(SNUG_BAD_FILE, "%s: %d numbers expected, found %zu", name, count, length);
    for (int i = 0; i < count; i++) {
        if (found[i] < least || found[i] > snug_window_most)
            return snug_fail(SNUG_BAD_FILE, "%s: a number from %lld on expected, found %lld", name,
                             (long long)least, (long long)found[i]);
        out[i] = found[i];
    }
    return SNUG_OK;
}

static inline int64_t snug_window_span(const snug_window *window, int axis) {
    return window->dilation[axis] * (window->kernel[axis] - 1) + 1;
}

// Shares |total| (0 when it is negative) between both ends.
static inline void snug_window_share(snug_window *window, int axis, int64_t total,
                                     bool more_begins) {
    if (total < 0) total = 0;
    window->begin[axis] = more_begins ? total - total / 2 : total / 2;
    window->end[axis] = total - window->begin[axis];
}

static inline bool snug_window_is_same(const snug_onnx_call *call) {
    return strncmp(snug_onnx_text(call, "auto_pad", "NOTSET"), "SAME", 4) == 0;
}

static inline bool snug_window_is_lower(const snug_onnx_call *call) {
    return strcmp(snug_onnx_text(call, "auto_pad", "NOTSET"), "SAME_LOWER") == 0;
}

// Reads the attributes for |x| (N, C, ...). |weight|, of a convolution, says what the kernel is.
// Padding by auto_pad is left at 0 for the caller.
static inline snug_status snug_window_read_all(const snug_onnx_call *call, const snug_type *x,
                                               const snug_type *weight, int axes,
                                               snug_window *window) {
    *window = (snug_window){.axes = axes, .spare = axes - (x->rank - 2)};
    int spare = window->spare, own = x->rank - 2;
    for (int i = 0; i < axes; i++)
        window->input[i] = window->kernel[i] = window->stride[i] = window->dilation[i] = 1;
    for (int i = 0; i < own; i++) {
        window->input[spare + i] = x->dims[2 + i];
        window->kernel[spare + i] = weight ? weight->dims[2 + i] : 0;
        if (x->dims[2 + i] > snug_window_most || (weight && weight->dims[2 + i] < 1))
            return snug_fail(SNUG_BAD_FILE, "an empty kernel or an extent beyond 2^30");
    }
    int64_t pads[2 * SNUG_WINDOW_AXES] = {0};
    SNUG_TRY(snug_window_read(call, "kernel_shape", 1, own, window->kernel + spare));
    SNUG_TRY(snug_window_read(call, "strides", 1, own, window->stride + spare));
    SNUG_TRY(snug_window_read(call, "dilations", 1, own, window->dilation + spare));
    const char *automatic = snug_onnx_text(call, "auto_pad", "NOTSET");
    if (strcmp(automatic, "NOTSET") == 0)
        SNUG_TRY(snug_window_read(call, "pads", 0, 2 * own, pads));
    for (int i = 0; i < own; i++) {
        window->begin[spare + i] = pads[i];
        window->end[spare + i] = pads[own + i];
        if (window->kernel[spare + i] == 0)
            return snug_fail(SNUG_BAD_FILE, "kernel_shape is missing");
        if (weight && window->kernel[spare + i] != weight->dims[2 + i])
            return snug_fail(SNUG_BAD_FILE, "kernel_shape is not that of the weight");
        if (window->dilation[spare + i] > snug_window_most / window->kernel[spare + i])
            return snug_fail(SNUG_BAD_FILE, "a kernel beyond 2^30 elements");
    }
    return SNUG_OK;
}

// Padding that makes as many windows as the input has strides.
static inline void snug_window_pad_same(const snug_onnx_call *call, snug_window *window) {
    for (int i = window->spare; i < window->axes && snug_window_is_same(call); i++) {
        int64_t count = (window->input[i] + window->stride[i] - 1) / window->stride[i];
        int64_t total =
            (count - 1) * window->stride[i] + snug_window_span(window, i) - window->input[i];
        snug_window_share(window, i, total, snug_window_is_lower(call));
    }
}

// Input |index| (N, C, ...) channels last, with leading dimensions up to |axes| of them.
static inline snug_tensor_id snug_window_use(const snug_onnx_call *call, size_t index, int axes) {
    const snug_type *type = &call->inputs[index].type;
    int64_t dims[SNUG_MAX_RANK] = {type->dims[0], type->dims[1], 1, 1, 1};
    for (int i = 2; i < type->rank; i++)
        dims[axes + 4 - type->rank + i - 2] = type->dims[i];
    return snug_emit_reshape(call, snug_onnx_use_as(call, index, SNUG_CHANNELS_LAST),
                             SNUG_CHANNELS_LAST, axes + 2, dims);
}

// The reverse: |y| without the leading dimensions that a tensor of |rank| lacks.
static inline snug_tensor_id snug_window_result(const snug_onnx_call *call, snug_tensor_id y,
                                                int rank) {
    if (y == SNUG_NO_TENSOR) return y;
    snug_type type = *snug_emit_type(call, y);
    int64_t dims[SNUG_MAX_RANK] = {type.dims[0], type.dims[1]};
    for (int i = 2; i < rank; i++)
        dims[i] = type.dims[type.rank - rank + i];
    return snug_emit_reshape(call, y, SNUG_CHANNELS_LAST, rank, dims);
}

#endif
