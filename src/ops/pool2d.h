// What max_pool2d and avg_pool2d share: PyTorch's output extents and windows.
#ifndef SNUG_OPS_POOL2D_H
#define SNUG_OPS_POOL2D_H

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute snug_pool2d_table[] = {
    SNUG_ATTRIBUTE(snug_pool2d_attributes, kernel, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool2d_attributes, stride, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool2d_attributes, padding, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool2d_attributes, dilation, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool2d_attributes, ceil_mode, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool2d_attributes, count_include_pad, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool2d_attributes, input, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// A dilation of 0 (avg_pool2d has none) reads as 1.
static inline int64_t snug_pool2d_dilation(const snug_pool2d_attributes *pool, int axis) {
    return pool->dilation[axis] ? pool->dilation[axis] : 1;
}

static inline int64_t snug_pool2d_extent(const snug_pool2d_attributes *pool, int axis,
                                         int64_t input) {
    int64_t span = snug_pool2d_dilation(pool, axis) * (pool->kernel[axis] - 1) + 1;
    int64_t room = input + pool->padding[axis] + pool->padding[axis + 2] - span;
    if (room < 0) return 0;
    int64_t extent =
        (room + (pool->ceil_mode ? pool->stride[axis] - 1 : 0)) / pool->stride[axis] + 1;
    // No window starts in the far padding.
    if (pool->ceil_mode && (extent - 1) * pool->stride[axis] >= input + pool->padding[axis])
        extent--;
    return extent;
}

static inline snug_status snug_pool2d_infer(const snug_pool2d_attributes *pool, const snug_type *x,
                                            snug_type *y) {
    char text[SNUG_TYPE_TEXT];
    if (x->rank != 4 || x->layout != SNUG_CHANNELS_LAST)
        return snug_fail(SNUG_INVALID, "images (N, C, H, W) expected, found %s",
                         snug_type_print(x, text));
    for (int i = 0; i < 2; i++)
        if (pool->kernel[i] < 1 || pool->stride[i] < 1 || pool->padding[i] < 0 ||
            pool->padding[i + 2] < 0 || pool->padding[i] >= pool->kernel[i] ||
            pool->padding[i + 2] >= pool->kernel[i])
            return snug_fail(SNUG_INVALID,
                             "kernel and stride of at least 1 and padding below the kernel "
                             "expected, found %lld, %lld, %lld and %lld",
                             (long long)pool->kernel[i], (long long)pool->stride[i],
                             (long long)pool->padding[i], (long long)pool->padding[i + 2]);
    int64_t h = snug_pool2d_extent(pool, 0, x->dims[2]);
    int64_t w = snug_pool2d_extent(pool, 1, x->dims[3]);
    if (h < 1 || w < 1)
        return snug_fail(SNUG_INVALID, "a %lldx%lld window does not fit an image of %lldx%lld",
                         (long long)pool->kernel[0], (long long)pool->kernel[1],
                         (long long)x->dims[2], (long long)x->dims[3]);
    *y = snug_type_image(x->dtype, x->dims[0], x->dims[1], h, w);
    return SNUG_OK;
}

// The type of x from that of dy, checked against the forward's shape rule.
static inline snug_status snug_pool2d_infer_backward(const snug_pool2d_attributes *pool,
                                                     const snug_type *dy, snug_type *x) {
    snug_type y = {0};
    *x = snug_type_image(dy->dtype, dy->dims[0], dy->dims[1], pool->input[0], pool->input[1]);
    if (dy->rank != 4) return snug_fail(SNUG_INVALID, "dy (N, C, H, W) expected");
    SNUG_TRY(snug_pool2d_infer(pool, x, &y));
    if (!snug_type_same_shape(&y, dy))
        return snug_fail(SNUG_INVALID, "dy of %lldx%lld expected, found %lldx%lld",
                         (long long)y.dims[2], (long long)y.dims[3], (long long)dy->dims[2],
                         (long long)dy->dims[3]);
    return SNUG_OK;
}

static inline double snug_pool2d_flops(const void *attributes, const snug_type *inputs,
                                       const snug_type *outputs) {
    const snug_pool2d_attributes *pool = attributes;
    int64_t in = snug_type_elements(&inputs[0]), out = snug_type_elements(&outputs[0]);
    return (double)(in < out ? in : out) * (double)(pool->kernel[0] * pool->kernel[1]);
}

#endif
