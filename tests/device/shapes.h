// Shapes at which a device's fast kernels are tested beside the operators' samples: large enough
// for several threads and odd enough to leave remainders.
#ifndef SNUG_TESTS_DEVICE_SHAPES_H
#define SNUG_TESTS_DEVICE_SHAPES_H

#include "ops/ops.h"
#include "ops/sample.h"

#define IMAGE SNUG_SAMPLE_IMAGE
#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define CONV(s, pt, pl, pb, pr, d, g, h, w, k)                                                     \
    &(const snug_conv2d_attributes) {                                                              \
        .stride = {s, s}, .padding = {pt, pl, pb, pr}, .dilation = {d, d}, .groups = (g),          \
        .input = {h, w}, .kernel = {k, k},                                                         \
    }
#define SHAPE(operator, label, values, count, ...)                                                 \
    {                                                                                              \
        .op = (operator), .sample = {                                                              \
            .name = (label),                                                                       \
            .attributes = (values),                                                                \
            .input_count = (count),                                                                \
            .inputs = {__VA_ARGS__}                                                                \
        }                                                                                          \
    }
// The three convolutions of one layer: n samples of c x h x w to o x p x q.
#define LAYER(label, s, p0, p1, d, g, n, c, h, w, k, o, p, q)                                      \
    SHAPE("conv2d", label, CONV(s, p0, p0, p1, p1, d, g, h, w, k), 2, IMAGE(n, c, h, w),           \
          ROWS(o, (c) / (g), k, k)),                                                               \
        SHAPE("conv2d_backward_input", label, CONV(s, p0, p0, p1, p1, d, g, h, w, k), 2,           \
              IMAGE(n, o, p, q), ROWS(o, (c) / (g), k, k)),                                        \
        SHAPE("conv2d_backward_weight", label, CONV(s, p0, p0, p1, p1, d, g, h, w, k), 2,          \
              IMAGE(n, c, h, w), IMAGE(n, o, p, q))

typedef struct snug_test_shape {
    const char *op;
    snug_sample sample;
} snug_test_shape;

static const snug_test_shape snug_test_shapes[] = {
    LAYER("depthwise 96", 1, 1, 1, 1, 96, 2, 96, 24, 24, 3, 96, 24, 24),
    LAYER("depthwise 96, stride 2", 2, 1, 1, 1, 96, 2, 96, 24, 24, 3, 96, 12, 12),
    LAYER("depthwise 40 of 5x5", 2, 2, 2, 1, 40, 1, 40, 13, 13, 5, 40, 7, 7),
    LAYER("pointwise 16 to 96", 1, 0, 0, 1, 1, 2, 16, 24, 24, 1, 96, 24, 24),
    LAYER("pointwise 96 to 24", 1, 0, 0, 1, 1, 2, 96, 12, 12, 1, 24, 12, 12),
    LAYER("pointwise 37 to 19", 1, 0, 0, 1, 1, 3, 37, 5, 7, 1, 19, 5, 7),
    LAYER("first, stride 2", 2, 1, 1, 1, 1, 2, 3, 32, 32, 3, 32, 16, 16),
    LAYER("first of one channel", 1, 1, 1, 1, 1, 2, 1, 28, 28, 3, 16, 28, 28),
    LAYER("7x7, stride 2", 2, 3, 3, 1, 1, 1, 3, 32, 32, 7, 64, 16, 16),
    LAYER("dense 64", 1, 1, 1, 1, 1, 1, 64, 14, 14, 3, 64, 14, 14),
    LAYER("downsampling 32 to 64", 2, 0, 0, 1, 1, 2, 32, 14, 14, 1, 64, 7, 7),
    LAYER("grouped", 1, 1, 1, 1, 4, 2, 32, 9, 9, 3, 64, 9, 9),
    LAYER("dilated", 1, 2, 2, 2, 1, 1, 16, 12, 12, 3, 24, 12, 12),
    LAYER("lopsided", 2, 0, 1, 1, 1, 2, 16, 14, 14, 3, 24, 7, 7),
    SHAPE("conv2d", "bias", CONV(1, 1, 1, 1, 1, 1, 1, 0, 0, 0), 3, IMAGE(2, 24, 13, 13),
          ROWS(40, 24, 3, 3), ROWS(40)),
};

#endif
