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

#define POOL(k, s, p, h)                                                                           \
    &(const snug_pool2d_attributes) {                                                              \
        .kernel = {k, k}, .stride = {s, s}, .padding = {p, p, p, p}, .dilation = {1, 1},           \
        .input = {                                                                                 \
            h,                                                                                     \
            h                                                                                      \
        }                                                                                          \
    }
#define ADAPTIVE(o, h)                                                                             \
    &(const snug_adaptive_pool2d_attributes) {                                                     \
        .output = {o, o}, .input = { h, h }                                                        \
    }
#define UPSAMPLE(mixes)                                                                            \
    &(const snug_upsample2d_attributes) {                                                          \
        .output = {18, 18}, .bilinear = (mixes), .input = { 9, 9 }                                 \
    }
// A variance is not negative.
#define NORM_BACKWARD(label, norm, channels)                                                       \
    {                                                                                              \
        .op = "batch_norm_backward", .sample = {                                                   \
            .name = (label),                                                                       \
            .attributes = norm,                                                                    \
            .input_count = 6,                                                                      \
            .inputs = {IMAGE(4, channels, 21, 17), ROWS(channels), ROWS(channels), ROWS(channels), \
                       ROWS(channels), IMAGE(4, channels, 21, 17)},                                \
            .low = 0.5,                                                                            \
            .high = 2                                                                              \
        }                                                                                          \
    }
#define NORM                                                                                       \
    &(const snug_batch_norm_attributes) {                                                          \
        .momentum = 0.1, .eps = 1e-5, .update = 1                                                  \
    }
#define NORM_RELU                                                                                  \
    &(const snug_batch_norm_attributes) {                                                          \
        .momentum = 0.1, .eps = 1e-5, .update = 1, .activation = SNUG_NORM_RELU                    \
    }
#define NORM_RELU6                                                                                 \
    &(const snug_batch_norm_attributes) {                                                          \
        .momentum = 0.1, .eps = 1e-5, .update = 1, .activation = SNUG_NORM_RELU6                   \
    }
#define LAYER_NORM                                                                                 \
    &(const snug_layer_norm_attributes) {                                                          \
        .eps = 1e-5, .axes = 1                                                                     \
    }
// Small numbers: errors grow from step to step where weights are large.
#define LAYER_OF(operator, label, values, count, ...)                                              \
    {                                                                                              \
        .op = (operator), .sample = {                                                              \
            .name = (label),                                                                       \
            .attributes = (values),                                                                \
            .input_count = (count),                                                                \
            .inputs = {__VA_ARGS__},                                                               \
            .low = -0.2,                                                                           \
            .high = 0.2                                                                            \
        }                                                                                          \
    }
#define RECURRENT(kind, is_reverse, is_after)                                                      \
    &(const snug_recurrent_attributes) {                                                           \
        .cell = SNUG_CELL_##kind, .reverse = (is_reverse), .after = (is_after), .activations = {   \
            SNUG_RECURRENT_SIGMOID                                                                 \
        }                                                                                          \
    }
#define TARGET(...)                                                                                \
    &(const snug_sum_to_attributes) {                                                              \
        .rank = 4, .dims = { __VA_ARGS__ }                                                         \
    }
#define AXES(bits)                                                                                 \
    &(const snug_reduce_attributes) {                                                              \
        .axes = (bits)                                                                             \
    }
#define AXIS(a, s, l, e)                                                                           \
    &(const snug_axis_attributes) {                                                                \
        .axis = (a), .start = (s), .length = (l), .extent = (e)                                    \
    }
#define MATMUL(a, b)                                                                               \
    &(const snug_matmul_attributes) {                                                              \
        .transpose_a = (a), .transpose_b = (b)                                                     \
    }
#define LOSS                                                                                       \
    &(const snug_loss_attributes) {                                                                \
        .label_smoothing = 0.1                                                                     \
    }
#define DROP                                                                                       \
    &(const snug_dropout_attributes) {                                                             \
        .p = 0.4, .salt = 3                                                                        \
    }
#define SGD                                                                                        \
    &(const snug_sgd_attributes) {                                                                 \
        .momentum = 0.9, .weight_decay = 0.01, .nesterov = 1                                       \
    }

#define VOLUME(...) SNUG_SAMPLE_TENSOR(SNUG_F32, SNUG_CHANNELS_LAST, __VA_ARGS__)
#define CONV3(s, p, g, dd, hh, ww, k)                                                              \
    &(const snug_conv3d_attributes) {                                                              \
        .stride = {s, s, s}, .padding = {p, p, p, p, p, p}, .dilation = {1, 1, 1}, .groups = (g),  \
        .input = {dd, hh, ww}, .kernel = {k, k, k},                                                \
    }
#define VOLUME_LAYER(label, s, p, g, n, c, d, h, w, k, o, q, r, t)                                 \
    SHAPE("conv3d", label, CONV3(s, p, g, d, h, w, k), 2, VOLUME(n, c, d, h, w),                   \
          ROWS(o, (c) / (g), k, k, k)),                                                            \
        SHAPE("conv3d_backward_input", label, CONV3(s, p, g, d, h, w, k), 2,                       \
              VOLUME(n, o, q, r, t), ROWS(o, (c) / (g), k, k, k)),                                 \
        SHAPE("conv3d_backward_weight", label, CONV3(s, p, g, d, h, w, k), 2,                      \
              VOLUME(n, c, d, h, w), VOLUME(n, o, q, r, t))
#define POOL3(k, s, p, d, counts, dd, hh, ww)                                                      \
    &(const snug_pool3d_attributes) {                                                              \
        .kernel = {k, k, k}, .stride = {s, s, s}, .padding = {p, p, p, p, p, p},                   \
        .dilation = {d, d, d}, .count_include_pad = (counts), .input = {dd, hh, ww},               \
    }
#define RESAMPLE(axis_, from, to, mode_, smooth)                                                   \
    &(const snug_resample_attributes) {                                                            \
        .axis = (axis_), .length = (to), .input = (from), .scale = (double)(to) / (from),          \
        .mode = SNUG_RESAMPLE_##mode_, .cubic = -0.75, .antialias = (smooth)                       \
    }

#define PARAMETERS(a, b)                                                                           \
    &(const snug_parameter_attributes) {                                                           \
        .alpha = (a), .beta = (b)                                                                  \
    }
#define PERM(stored, ...)                                                                          \
    &(const snug_transpose_attributes) {                                                           \
        .perm = {__VA_ARGS__}, .layout = (stored)                                                  \
    }
#define BOOLS(...) SNUG_SAMPLE_TENSOR(SNUG_BOOL, SNUG_ROW_MAJOR, __VA_ARGS__)
#define PLACES(...) SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, __VA_ARGS__)
// Positive operands, as roots and powers want them.
#define POSITIVE(operator, label, count, ...)                                                      \
    {                                                                                              \
        .op = (operator), .sample = {                                                              \
            .name = (label),                                                                       \
            .input_count = (count),                                                                \
            .inputs = {__VA_ARGS__},                                                               \
            .low = 0.5,                                                                            \
            .high = 2                                                                              \
        }                                                                                          \
    }
#define PICK(operator, label, values, below, ...)                                                  \
    {                                                                                              \
        .op = (operator), .sample = {                                                              \
            .name = (label),                                                                       \
            .attributes = (values),                                                                \
            .input_count = 2,                                                                      \
            .inputs = {__VA_ARGS__},                                                               \
            .integer_below = (below)                                                               \
        }                                                                                          \
    }

typedef struct snug_test_shape {
    const char *op;
    snug_sample sample;
} snug_test_shape;

static const snug_test_shape snug_test_shapes[] = {
    LAYER("depthwise 96", 1, 1, 1, 1, 96, 2, 96, 24, 24, 3, 96, 24, 24),
    LAYER("depthwise 96, stride 2", 2, 1, 1, 1, 96, 2, 96, 24, 24, 3, 96, 12, 12),
    LAYER("depthwise 40 of 5x5", 2, 2, 2, 1, 40, 1, 40, 13, 13, 5, 40, 7, 7),
    LAYER("depthwise 144 of 5x5, stride 2", 2, 2, 2, 1, 144, 2, 144, 12, 12, 5, 144, 6, 6),
    LAYER("depthwise 72 of 5x5 on 3x3", 1, 2, 2, 1, 72, 3, 72, 3, 3, 5, 72, 3, 3),
    LAYER("depthwise, dilated", 1, 2, 2, 2, 24, 1, 24, 9, 9, 3, 24, 9, 9),
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
    VOLUME_LAYER("volume", 1, 1, 1, 2, 16, 9, 8, 9, 3, 24, 9, 8, 9),
    VOLUME_LAYER("volume, grouped, stride 2", 2, 1, 4, 2, 16, 9, 8, 9, 3, 24, 5, 4, 5),
    SHAPE("sum_to", "apart", TARGET(1, 33, 1, 1), 1, ROWS(5, 33, 17, 19)),
    SHAPE("multiply_sum_to", "apart", TARGET(1, 33, 1, 1), 2, ROWS(5, 33, 17, 19),
          ROWS(5, 33, 17, 19)),
    SHAPE("reduce_mean", "apart", AXES(10), 1, ROWS(5, 33, 17, 190)),
    SHAPE("max_pool3d", "volume", POOL3(3, 2, 1, 1, 0, 9, 8, 9), 1, VOLUME(3, 17, 9, 8, 9)),
    SHAPE("avg_pool3d", "volume", POOL3(3, 2, 1, 1, 1, 9, 8, 9), 1, VOLUME(3, 17, 9, 8, 9)),
    SHAPE("avg_pool3d", "dilated", POOL3(2, 1, 1, 3, 0, 9, 8, 9), 1, VOLUME(3, 17, 9, 8, 9)),
    SHAPE("avg_pool3d_backward", "volume", POOL3(3, 2, 1, 1, 1, 9, 8, 9), 1,
          VOLUME(3, 17, 5, 4, 5)),
    SHAPE("resample", "rows, linear", RESAMPLE(2, 24, 37, LINEAR, 0), 1, IMAGE(2, 33, 24, 20)),
    SHAPE("resample", "columns, cubic", RESAMPLE(3, 20, 31, CUBIC, 0), 1, ROWS(2, 33, 24, 20)),
    SHAPE("resample", "smaller", RESAMPLE(3, 50, 19, LINEAR, 1), 1, IMAGE(2, 33, 9, 50)),
    SHAPE("resample", "nearest", RESAMPLE(2, 24, 48, NEAREST, 0), 1, IMAGE(2, 33, 24, 20)),
    SHAPE("resample_backward", "rows, linear", RESAMPLE(2, 24, 37, LINEAR, 0), 1,
          IMAGE(2, 33, 37, 20)),
    SHAPE("resample_backward", "columns, cubic", RESAMPLE(3, 20, 31, CUBIC, 0), 1,
          ROWS(2, 33, 24, 31)),
    SHAPE("max_pool2d", "3x3, stride 2", POOL(3, 2, 1, 17), 1, IMAGE(3, 70, 17, 17)),
    SHAPE("max_pool2d_backward", "3x3, stride 2", POOL(3, 2, 1, 17), 2, IMAGE(3, 70, 9, 9),
          SNUG_SAMPLE_TENSOR(SNUG_U8, SNUG_CHANNELS_LAST, 3, 70, 9, 9)),
    SHAPE("avg_pool2d", "3x3, stride 2", POOL(3, 2, 1, 17), 1, IMAGE(3, 70, 17, 17)),
    SHAPE("avg_pool2d_backward", "3x3, stride 2", POOL(3, 2, 1, 17), 1, IMAGE(3, 70, 9, 9)),
    SHAPE("adaptive_avg_pool2d", "global", ADAPTIVE(1, 13), 1, IMAGE(3, 70, 13, 13)),
    SHAPE("adaptive_avg_pool2d_backward", "global", ADAPTIVE(1, 13), 1, IMAGE(3, 70, 1, 1)),
    SHAPE("adaptive_avg_pool2d", "13 to 4", ADAPTIVE(4, 13), 1, IMAGE(3, 70, 13, 13)),
    SHAPE("adaptive_avg_pool2d_backward", "13 to 4", ADAPTIVE(4, 13), 1, IMAGE(3, 70, 4, 4)),
    SHAPE("upsample2d", "nearest", UPSAMPLE(0), 1, IMAGE(2, 70, 9, 9)),
    SHAPE("upsample2d_backward", "nearest", UPSAMPLE(0), 1, IMAGE(2, 70, 18, 18)),
    SHAPE("upsample2d", "bilinear", UPSAMPLE(1), 1, IMAGE(2, 70, 9, 9)),
    SHAPE("upsample2d_backward", "bilinear", UPSAMPLE(1), 1, IMAGE(2, 70, 18, 18)),
    SHAPE("batch_norm", "few channels", NORM, 5, IMAGE(3, 5, 70, 70), ROWS(5), ROWS(5), ROWS(5),
          ROWS(5)),
    SHAPE("batch_norm", "odd channels", NORM, 5, IMAGE(4, 99, 21, 17), ROWS(99), ROWS(99), ROWS(99),
          ROWS(99)),
    SHAPE("batch_norm", "many channels", NORM, 5, IMAGE(5, 300, 9, 9), ROWS(300), ROWS(300),
          ROWS(300), ROWS(300)),
    SHAPE("batch_norm", "one row", NORM, 5, ROWS(1, 40), ROWS(40), ROWS(40), ROWS(40), ROWS(40)),
    SHAPE("batch_norm", "relu6", NORM_RELU6, 5, IMAGE(4, 99, 21, 17), ROWS(99), ROWS(99), ROWS(99),
          ROWS(99)),
    NORM_BACKWARD("odd channels", NORM, 99),
    NORM_BACKWARD("relu", NORM_RELU, 24),
    NORM_BACKWARD("relu6", NORM_RELU6, 99),
    SHAPE("layer_norm", "rows", LAYER_NORM, 3, ROWS(4, 150, 77), ROWS(77), ROWS(77)),
    SHAPE("layer_norm_backward", "rows", LAYER_NORM, 5, ROWS(4, 150, 77), ROWS(77), ROWS(4, 150),
          ROWS(4, 150), ROWS(4, 150, 77)),
    SHAPE("add", "images", NULL, 2, IMAGE(3, 50, 31, 31), IMAGE(3, 50, 31, 31)),
    SHAPE("multiply", "squeeze and excitation", NULL, 2, IMAGE(4, 50, 31, 31), IMAGE(4, 50, 1, 1)),
    SHAPE("multiply", "a map for all channels", NULL, 2, IMAGE(4, 50, 31, 31), IMAGE(4, 1, 31, 31)),
    SHAPE("add", "one value a channel", NULL, 2, IMAGE(1, 50, 1, 1), IMAGE(4, 50, 31, 31)),
    SHAPE("multiply_sum_to", "squeeze and excitation", TARGET(4, 50, 1, 1), 2, IMAGE(4, 50, 31, 31),
          IMAGE(4, 50, 31, 31)),
    SHAPE("sum_to", "bias", TARGET(1, 50, 1, 1), 1, IMAGE(4, 50, 31, 31)),
    SHAPE("sum_to", "channels", TARGET(4, 1, 31, 31), 1, IMAGE(4, 50, 31, 31)),
    SHAPE("reduce_sum", "bias", AXES(13), 1, IMAGE(4, 50, 31, 31)),
    SHAPE("reduce_mean", "all", AXES(15), 1, IMAGE(4, 50, 31, 31)),
    SHAPE("silu", "image", NULL, 1, IMAGE(4, 50, 31, 31)),
    SHAPE("silu_backward", "image", NULL, 2, IMAGE(4, 50, 31, 31), IMAGE(4, 50, 31, 31)),
    SHAPE("gelu_backward", "image", NULL, 2, IMAGE(4, 50, 31, 31), IMAGE(4, 50, 31, 31)),
    SHAPE("to_layout", "to rows", &(const snug_to_layout_attributes){SNUG_ROW_MAJOR}, 1,
          IMAGE(3, 70, 19, 19)),
    SHAPE("to_layout", "to channels last", &(const snug_to_layout_attributes){SNUG_CHANNELS_LAST},
          1, ROWS(3, 70, 19, 19)),
    SHAPE("concat", "channels", AXIS(1, 0, 0, 0), 3, IMAGE(3, 70, 19, 19), IMAGE(3, 33, 19, 19),
          IMAGE(3, 1, 19, 19)),
    SHAPE("slice", "channels", AXIS(1, 7, 40, 70), 1, IMAGE(3, 70, 19, 19)),
    SHAPE("slice_backward", "channels", AXIS(1, 7, 40, 70), 1, IMAGE(3, 40, 19, 19)),
    LAYER_OF("recurrent", "gru, reset before", RECURRENT(GRU, 0, 0), 5, ROWS(9, 7, 20),
             ROWS(120, 20), ROWS(120, 40), ROWS(1, 7, 40), ROWS(120)),
    LAYER_OF("recurrent", "gru, reset after", RECURRENT(GRU, 1, 1), 6, ROWS(9, 7, 20),
             ROWS(120, 20), ROWS(120, 40), ROWS(1, 7, 40), ROWS(120), ROWS(40)),
    LAYER_OF("recurrent", "lstm", RECURRENT(LSTM, 0, 0), 5, ROWS(9, 37, 20), ROWS(1200, 20),
             ROWS(1200, 300), ROWS(2, 37, 300), ROWS(1200)),
    LAYER_OF("recurrent_backward", "gru, reset before", RECURRENT(GRU, 0, 0), 9, ROWS(9, 7, 120),
             ROWS(9, 7, 40), ROWS(1), ROWS(120, 40), ROWS(1, 7, 40), {0}, {0}, ROWS(9, 7, 40), {0}),
    LAYER_OF("recurrent_backward", "gru, reset after", RECURRENT(GRU, 1, 1), 9, ROWS(9, 7, 120),
             ROWS(9, 7, 40), ROWS(9, 7, 40), ROWS(120, 40), ROWS(1, 7, 40), ROWS(40), {0},
             ROWS(9, 7, 40), {0}),
    LAYER_OF("recurrent_backward", "lstm", RECURRENT(LSTM, 0, 0), 9, ROWS(5, 37, 1200),
             ROWS(5, 37, 300), ROWS(5, 37, 300), ROWS(1200, 300), ROWS(2, 37, 300), ROWS(900), {0},
             ROWS(5, 37, 300), {0}),
    SHAPE("linear", "classifier", NULL, 3, ROWS(17, 640), ROWS(100, 640), ROWS(100)),
    SHAPE("matmul", "transposed", MATMUL(1, 0), 2, ROWS(33, 100), ROWS(33, 200)),
    SHAPE("matmul", "batched", MATMUL(0, 1), 2, ROWS(2, 3, 33, 40), ROWS(2, 3, 20, 40)),
    SHAPE("cross_entropy", "pixels", LOSS, 2, IMAGE(2, 21, 40, 40), SNUG_SAMPLE_INT32(2, 40, 40)),
    SHAPE("cross_entropy_backward", "pixels", LOSS, 3, IMAGE(2, 21, 40, 40),
          SNUG_SAMPLE_INT32(2, 40, 40), SNUG_SAMPLE_SCALAR),
    SHAPE("correct", "pixels", NULL, 2, IMAGE(2, 3, 60, 60), SNUG_SAMPLE_INT32(2, 60, 60)),
    SHAPE("dropout", "matrix", DROP, 1, ROWS(30, 1001)),
    SHAPE("stochastic_depth", "image", DROP, 1, IMAGE(9, 20, 31, 31)),
    SHAPE("sgd_update", "Nesterov", SGD, 3, ROWS(129, 257), ROWS(129, 257), ROWS(129, 257)),
    SHAPE("subtract", "a mean a row", NULL, 2, ROWS(37, 40, 129), ROWS(37, 40, 1)),
    POSITIVE("divide", "images", 2, IMAGE(3, 50, 31, 31), IMAGE(3, 50, 31, 31)),
    POSITIVE("divide", "few channels", 2, IMAGE(4, 3, 60, 61), IMAGE(1, 3, 1, 1)),
    POSITIVE("power", "an exponent an element", 2, ROWS(129, 257), ROWS(129, 257)),
    POSITIVE("power", "one exponent", 2, ROWS(129, 257), SNUG_SAMPLE_SCALAR),
    POSITIVE("sqrt", "matrix", 1, ROWS(129, 257)),
    POSITIVE("log", "matrix", 1, ROWS(129, 257)),
    SHAPE("exp", "matrix", NULL, 1, ROWS(129, 257)),
    SHAPE("erf", "image", NULL, 1, IMAGE(3, 50, 31, 31)),
    SHAPE("erf_backward", "image", NULL, 2, IMAGE(3, 50, 31, 31), IMAGE(3, 50, 31, 31)),
    SHAPE("maximum", "a row", NULL, 2, ROWS(129, 257), ROWS(257)),
    SHAPE("where", "attention mask", NULL, 3, BOOLS(40, 41), ROWS(3, 4, 40, 41),
          SNUG_SAMPLE_SCALAR),
    SHAPE("prelu", "channels", NULL, 2, IMAGE(3, 50, 31, 31), IMAGE(1, 50, 1, 1)),
    SHAPE("less", "a row", NULL, 2, ROWS(129, 257), ROWS(257)),
    SHAPE("leaky_relu", "image", PARAMETERS(0.1, 0), 1, IMAGE(3, 50, 31, 31)),
    SHAPE("elu", "image", PARAMETERS(0.9, 0), 1, IMAGE(3, 50, 31, 31)),
    SHAPE("mish", "image", NULL, 1, IMAGE(3, 50, 31, 31)),
    SHAPE("gelu_tanh_backward", "matrix", NULL, 2, ROWS(129, 257), ROWS(129, 257)),
    SHAPE("softmax", "channels of rows", AXIS(1, 0, 0, 0), 1, ROWS(9, 33, 150)),
    SHAPE("softmax_backward", "channels of rows", AXIS(1, 0, 0, 0), 2, ROWS(9, 33, 150),
          ROWS(9, 33, 150)),
    SHAPE("log_softmax", "rows", AXIS(1, 0, 0, 0), 1, ROWS(99, 1001)),
    SHAPE("log_softmax_backward", "rows", AXIS(1, 0, 0, 0), 2, ROWS(99, 1001), ROWS(99, 1001)),
    SHAPE("log_softmax", "height", AXIS(2, 0, 0, 0), 1, IMAGE(3, 70, 19, 19)),
    SHAPE("transpose", "heads", PERM(SNUG_ROW_MAJOR, 0, 2, 1, 3), 1, ROWS(3, 37, 4, 33)),
    SHAPE("transpose", "keys", PERM(SNUG_ROW_MAJOR, 0, 2, 3, 1), 1, ROWS(3, 37, 4, 33)),
    SHAPE("transpose", "backwards", PERM(SNUG_ROW_MAJOR, 3, 2, 1, 0), 1, ROWS(5, 37, 4, 33)),
    SHAPE("transpose", "to an image", PERM(SNUG_CHANNELS_LAST, 0, 2, 3, 1), 1, ROWS(3, 37, 4, 33)),
    SHAPE("strided_slice", "every second pixel",
          (&(const snug_strided_slice_attributes){
              .start = {0, 0, 1, 30}, .step = {1, 1, 2, -2}, .length = {3, 50, 15, 15}}),
          1, IMAGE(3, 50, 31, 31)),
    SHAPE("strided_slice_backward", "every second pixel",
          (&(const snug_strided_slice_attributes){.start = {0, 0, 1, 30},
                                                  .step = {1, 1, 2, -2},
                                                  .length = {3, 50, 15, 15},
                                                  .extent = {3, 50, 31, 31}}),
          1, IMAGE(3, 50, 15, 15)),
    SHAPE("pad", "image",
          (&(const snug_pad_attributes){
              .before = {0, 0, 1, 2}, .after = {0, 3, 1, -2}, .value = 1.5}),
          1, IMAGE(3, 50, 31, 31)),
    PICK("gather", "embedding", &(const snug_gather_attributes){.axis = 0}, 90, ROWS(90, 130),
         PLACES(40, 17)),
    PICK("gather_backward", "embedding",
         (&(const snug_gather_attributes){.axis = 0, .rank = 2, .dims = {90, 130}}), 90,
         PLACES(40, 17), ROWS(40, 17, 130)),
    PICK("gather_backward", "middle",
         (&(const snug_gather_attributes){.axis = 1, .rank = 3, .dims = {7, 30, 130}}), 30,
         PLACES(17), ROWS(7, 17, 130)),
    SHAPE("accumulate", "matrix", NULL, 2, ROWS(129, 257), ROWS(129, 257)),
};

// In 16 bits, by fast kernels where the processor has such arithmetic.
#define LOW_IMAGE(...) SNUG_SAMPLE_TENSOR(SNUG_BF16, SNUG_CHANNELS_LAST, __VA_ARGS__)
#define LOW_ROWS(...) SNUG_SAMPLE_TENSOR(SNUG_BF16, SNUG_ROW_MAJOR, __VA_ARGS__)
#define HALF_IMAGE(...) SNUG_SAMPLE_TENSOR(SNUG_F16, SNUG_CHANNELS_LAST, __VA_ARGS__)
#define HALF_ROWS(...) SNUG_SAMPLE_TENSOR(SNUG_F16, SNUG_ROW_MAJOR, __VA_ARGS__)
static const snug_test_shape snug_test_low_shapes[] = {
    SHAPE("conv2d", "bfloat16", CONV(1, 1, 1, 1, 1, 1, 1, 0, 0, 0), 3, LOW_IMAGE(2, 24, 13, 13),
          LOW_ROWS(40, 24, 3, 3), LOW_ROWS(40)),
    SHAPE("conv2d_backward_input", "bfloat16", CONV(1, 1, 1, 1, 1, 1, 1, 13, 13, 3), 2,
          LOW_IMAGE(2, 40, 13, 13), LOW_ROWS(40, 24, 3, 3)),
    SHAPE("conv2d_backward_weight", "bfloat16", CONV(1, 1, 1, 1, 1, 1, 1, 13, 13, 3), 2,
          LOW_IMAGE(2, 24, 13, 13), LOW_IMAGE(2, 40, 13, 13)),
    SHAPE("conv2d_backward_weight", "bfloat16, depthwise", CONV(1, 1, 1, 1, 1, 1, 24, 13, 13, 3), 2,
          LOW_IMAGE(2, 24, 13, 13), LOW_IMAGE(2, 24, 13, 13)),
    SHAPE("linear", "bfloat16", NULL, 3, LOW_ROWS(17, 64), LOW_ROWS(10, 64), LOW_ROWS(10)),
    SHAPE("relu", "bfloat16", NULL, 1, LOW_IMAGE(2, 24, 13, 13)),
    // Too large to be converted as a whole; the last piece is shorter.
    SHAPE("conv2d", "pieces", CONV(1, 1, 1, 1, 1, 1, 96, 0, 0, 0), 2, HALF_IMAGE(37, 96, 24, 24),
          HALF_ROWS(96, 1, 3, 3)),
    SHAPE("conv2d_backward_input", "pieces", CONV(1, 1, 1, 1, 1, 1, 96, 24, 24, 3), 2,
          HALF_IMAGE(37, 96, 24, 24), HALF_ROWS(96, 1, 3, 3)),
    SHAPE("conv2d_backward_weight", "pieces", CONV(1, 1, 1, 1, 1, 1, 37, 64, 64, 3), 2,
          HALF_IMAGE(37, 37, 64, 64), HALF_IMAGE(37, 37, 64, 64)),
    SHAPE("multiply", "pieces", NULL, 2, HALF_IMAGE(37, 96, 24, 24), HALF_IMAGE(37, 96, 1, 1)),
    SHAPE("add", "pieces of one bias", NULL, 2, HALF_IMAGE(37, 96, 24, 24),
          HALF_IMAGE(1, 96, 1, 1)),
    SHAPE("multiply_sum_to", "pieces", TARGET(37, 96, 1, 1), 2, HALF_IMAGE(37, 96, 24, 24),
          HALF_IMAGE(37, 96, 24, 24)),
    SHAPE("sum_to", "pieces", TARGET(1, 96, 1, 1), 1, HALF_IMAGE(37, 96, 24, 24)),
    SHAPE("reduce_sum", "pieces", AXES(13), 1, HALF_IMAGE(37, 96, 24, 24)),
    SHAPE("reduce_sum", "pieces of rows", AXES(12), 1, HALF_IMAGE(37, 96, 24, 24)),
    SHAPE("max_pool2d", "pieces", POOL(3, 2, 1, 24), 1, HALF_IMAGE(37, 96, 24, 24)),
    SHAPE("dropout", "pieces", DROP, 1, HALF_IMAGE(37, 96, 24, 24)),
    SHAPE("accumulate", "float16 into float32", NULL, 2, ROWS(129, 257), HALF_ROWS(129, 257)),
};

#endif
