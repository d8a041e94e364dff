// The operators: their attribute structs and what each computes. Images are (N, C, H, W), channels
// last; other tensors row-major. Attributes are int64_t or double (arrays of them) only. Each
// descriptor is defined in the file under src/ops named beside it.
#ifndef SNUG_OPS_OPS_H
#define SNUG_OPS_OPS_H

#include <math.h>

#include "graph/graph.h"

// conv2d.c: inputs x (N, C, H, W), weight (O, C/groups, KH, KW) row-major, [bias (O)].
// Output extent: (in + pads - dilation*(k-1) - 1) / stride + 1, as torch.nn.Conv2d.
typedef struct snug_conv2d_attributes {
    int64_t stride[2];
    int64_t padding[4]; // top, left, bottom, right
    int64_t dilation[2];
    int64_t groups;
    int64_t input[2];  // backward_input only: H, W of x
    int64_t kernel[2]; // backward_weight only: KH, KW
} snug_conv2d_attributes;
extern const snug_op snug_op_conv2d;                 // (x, weight, [bias]) -> y
extern const snug_op snug_op_conv2d_backward_input;  // (dy, weight) -> dx; has a gradient itself
extern const snug_op snug_op_conv2d_backward_weight; // (x, dy) -> dweight
// (the gradient of a bias is reduce_sum of dy over all axes but 1)

// conv3d.c: the same for volumes (N, C, D, H, W), channels last, weight (O, C/groups, KD, KH, KW).
typedef struct snug_conv3d_attributes {
    int64_t stride[3];
    int64_t padding[6]; // begin of depth, height, width; end of each
    int64_t dilation[3];
    int64_t groups;
    int64_t input[3];  // backward_input only: D, H, W of x
    int64_t kernel[3]; // backward_weight only: KD, KH, KW
} snug_conv3d_attributes;
extern const snug_op snug_op_conv3d;                 // (x, weight, [bias]) -> y
extern const snug_op snug_op_conv3d_backward_input;  // (dy, weight) -> dx; has a gradient itself
extern const snug_op snug_op_conv3d_backward_weight; // (x, dy) -> dweight

// batch_norm.c: statistics over all dimensions but 1, rank 2 to 5. Training form: biased variance
// normalises, running variance takes the unbiased one unless |biased|, running = (1 - momentum) *
// running + momentum * new, as torch.nn.BatchNorm2d. |update| 0 leaves the running statistics
// alone. An activation that follows is part of it, which saves a pass over memory each way and a
// tensor: the gradient finds what was cut off from x.
typedef enum snug_norm_activation {
    SNUG_NORM_LINEAR,
    SNUG_NORM_RELU,
    SNUG_NORM_RELU6
} snug_norm_activation;
typedef struct snug_batch_norm_attributes {
    double momentum, eps;
    int64_t update;
    int64_t activation; // snug_norm_activation
    int64_t biased;
} snug_batch_norm_attributes;
// The values between which the activation passes its argument on.
static inline float snug_norm_low(const snug_batch_norm_attributes *norm) {
    return norm->activation == SNUG_NORM_LINEAR ? -INFINITY : 0;
}
static inline float snug_norm_high(const snug_batch_norm_attributes *norm) {
    return norm->activation == SNUG_NORM_RELU6 ? 6 : INFINITY;
}
// (x, gamma, beta, running_mean, running_variance) -> y, mean, variance (biased); mutates 3 and 4
extern const snug_op snug_op_batch_norm;
// The same, written over x where x dies: for a norm that no gradient goes through.
extern const snug_op snug_op_batch_norm_over;
extern const snug_op
    snug_op_batch_norm_backward; // (x, gamma, beta, mean, variance, dy) -> dx, dgamma, dbeta
extern const snug_op snug_op_batch_norm_inference; // (x, gamma, beta, mean, variance) -> y
// The gradient of the inference form, whose statistics are constants; operands and results as
// above.
extern const snug_op snug_op_batch_norm_inference_backward;

// matmul.c: (..., M, K) x (..., K, N), equal leading dimensions, row-major; a transposed operand is
// stored with its last two dimensions exchanged. linear is (N, K) x weight (O, K) [+ bias (O)].
typedef struct snug_matmul_attributes {
    int64_t transpose_a, transpose_b;
} snug_matmul_attributes;
extern const snug_op snug_op_matmul; // (a, b) -> y
extern const snug_op snug_op_linear; // linear.c: (x, weight, [bias]) -> y

// attention.c: y = softmax(scale * q k^T + mask) v for each head, with queries, keys and values
// (batch, heads, positions, width), or (batch, positions, heads, width) when |positions_first|, y
// likewise; a mask of four dimensions broadcasts to (batch, heads, queries, keys). A query whose
// scores are all -infinity gives 0. |rows| (batch, heads, queries) are the logarithms of what the
// rows of exp(scores) add up to. A mask has no gradient.
typedef struct snug_attention_attributes {
    double scale;
    int64_t positions_first;
} snug_attention_attributes;
extern const snug_op snug_op_attention;          // (q, k, v, [mask]) -> y, rows
extern const snug_op snug_op_attention_backward; // (q, k, v, y, rows, dy, [mask]) -> dq, dk, dv

// Activations, one file each; any rank and layout. Backward takes the output for relu, relu6,
// sigmoid, tanh and hardsigmoid, the input for silu, hardswish and gelu (the exact, erf form).
extern const snug_op snug_op_relu, snug_op_relu_backward;               // (x) -> y; (y, dy) -> dx
extern const snug_op snug_op_relu6, snug_op_relu6_backward;             // (y, dy) -> dx
extern const snug_op snug_op_sigmoid, snug_op_sigmoid_backward;         // (y, dy) -> dx
extern const snug_op snug_op_tanh, snug_op_tanh_backward;               // (y, dy) -> dx
extern const snug_op snug_op_hardsigmoid, snug_op_hardsigmoid_backward; // (y, dy) -> dx
extern const snug_op snug_op_silu, snug_op_silu_backward;               // (x, dy) -> dx
extern const snug_op snug_op_hardswish, snug_op_hardswish_backward;     // (x, dy) -> dx
extern const snug_op snug_op_gelu, snug_op_gelu_backward;               // (x, dy) -> dx

// max_pool2d.c, avg_pool2d.c: images. The window index of a maximum is kept in
// |indices|: uint8 when kernel[0]*kernel[1] <= 255, else int32; ties go to the first in row order.
typedef struct snug_pool2d_attributes {
    int64_t kernel[2], stride[2];
    int64_t padding[4];        // top, left, bottom, right
    int64_t dilation[2];       // max_pool2d only
    int64_t ceil_mode;         // PyTorch's rule: no window starts in the far padding
    int64_t count_include_pad; // avg_pool2d only
    int64_t input[2];          // backward only: H, W of x
} snug_pool2d_attributes;
extern const snug_op snug_op_max_pool2d;          // (x) -> y, indices
extern const snug_op snug_op_max_pool2d_backward; // (dy, indices) -> dx
extern const snug_op snug_op_avg_pool2d;          // (x) -> y
extern const snug_op snug_op_avg_pool2d_backward; // (dy) -> dx

// pool3d.c: pooling of volumes (N, C, D, H, W), channels last, any layout of windows that ONNX
// allows: dilation, and padding of a window's span or more; every window has a pixel, or gives 0.
typedef struct snug_pool3d_attributes {
    int64_t kernel[3], stride[3];
    int64_t padding[6]; // begin of depth, height, width; end of each
    int64_t dilation[3];
    int64_t ceil_mode;         // as in pool2d
    int64_t count_include_pad; // avg_pool3d only; 2: what the divisor counts is the whole window
    int64_t indices;           // max_pool3d only: snug_pool3d_indices
    int64_t input[3];          // backward only: D, H, W of x
} snug_pool3d_attributes;
typedef enum snug_pool3d_indices {
    SNUG_INDICES_PLANE,  // int32, in D*H*W
    SNUG_INDICES_ROWS,   // int64, in the row-major tensor: ONNX's storage_order 0
    SNUG_INDICES_COLUMNS // int64, with each image's pixels column by column: storage_order 1
} snug_pool3d_indices;
extern const snug_op snug_op_max_pool3d;          // (x) -> y, indices
extern const snug_op snug_op_max_pool3d_backward; // (dy, indices) -> dx
extern const snug_op snug_op_avg_pool3d;          // (x) -> y
extern const snug_op snug_op_avg_pool3d_backward; // (dy) -> dx

// adaptive_pool2d.c: PyTorch's windows, floor(i*in/out) to ceil((i+1)*in/out). Global: output 1x1.
typedef struct snug_adaptive_pool2d_attributes {
    int64_t output[2];
    int64_t input[2]; // backward only: H, W of x
} snug_adaptive_pool2d_attributes;
extern const snug_op snug_op_adaptive_avg_pool2d;          // (x) -> y
extern const snug_op snug_op_adaptive_avg_pool2d_backward; // (dy) -> dx
extern const snug_op snug_op_adaptive_max_pool2d;          // (x) -> y, indices (int32, in H*W)
extern const snug_op snug_op_adaptive_max_pool2d_backward; // (dy, indices) -> dx

// add.c, multiply.c: numpy broadcasting, both operands of one layout and type. Others:
// elementwise.h.
extern const snug_op snug_op_add;      // (a, b) -> y
extern const snug_op snug_op_multiply; // (a, b) -> y
// sum_to.c: the gradient of broadcasting: sums x, to whose shape |dims| broadcasts, back to |dims|.
// multiply_sum_to sums the product a*b without storing it.
typedef struct snug_sum_to_attributes {
    int64_t rank;
    int64_t dims[SNUG_MAX_RANK];
} snug_sum_to_attributes;
extern const snug_op snug_op_sum_to;          // (x) -> y
extern const snug_op snug_op_multiply_sum_to; // (a, b) -> y, equal shapes

// concat.c, slice.c: along dimension |axis|.
typedef struct snug_axis_attributes {
    int64_t axis;
    int64_t start, length; // slice only
    int64_t extent;        // slice_backward only: the input's extent along axis
} snug_axis_attributes;
extern const snug_op snug_op_concat;         // (x, ...) -> y
extern const snug_op snug_op_slice;          // (x) -> y
extern const snug_op snug_op_slice_backward; // (dy) -> dx, zero outside the slice

// reshape.c: the same memory under another shape (a view). A channels-last side must have one
// pixel or one channel, so that the bytes agree; use to_layout before otherwise.
typedef struct snug_reshape_attributes {
    int64_t rank;
    int64_t dims[SNUG_MAX_RANK];
    int64_t layout; // snug_layout of the result
} snug_reshape_attributes;
extern const snug_op snug_op_reshape; // (x) -> y
// to_layout.c: the same tensor stored in another layout.
typedef struct snug_to_layout_attributes {
    int64_t layout;
} snug_to_layout_attributes;
extern const snug_op snug_op_to_layout; // (x) -> y

// dropout.c, stochastic_depth.c: zero with probability |p|, else scale by 1/(1-p); per element, or
// per sample (torchvision's "row"). |salt| tells the nodes of a network apart. The numbers are
// those of ops/mask.h. The gradient is the same operator on dy.
typedef struct snug_dropout_attributes {
    double p;
    int64_t salt;
} snug_dropout_attributes;
extern const snug_op snug_op_dropout;          // (x) -> y
extern const snug_op snug_op_stochastic_depth; // (x) -> y

// uniform.c: random numbers in [low, high) in the shape of x, whose values do not count.
typedef struct snug_uniform_attributes {
    double low, high;
    int64_t salt; // as above
} snug_uniform_attributes;
extern const snug_op snug_op_uniform; // (x) -> y

// softmax.c: along |axis|.
extern const snug_op snug_op_softmax;          // (x) -> y, snug_axis_attributes.axis
extern const snug_op snug_op_softmax_backward; // (y, dy) -> dx

// cross_entropy.c: logits (N, C) or (N, C, H, W), target int32 (N) or (N, H, W); the sum over
// targets of the label-smoothed loss divided by |denominator| (0: the number of targets). Rows with
// a negative target count for nothing: no loss, no gradient, never correct.
typedef struct snug_loss_attributes {
    double label_smoothing; // cross_entropy only
    int64_t denominator;    // what the sum is divided by; lets micro-batches add up to the mean
} snug_loss_attributes;
extern const snug_op snug_op_cross_entropy;          // (logits, target) -> scalar
extern const snug_op snug_op_cross_entropy_backward; // (logits, target, dloss) -> dlogits
// correct.c: how many rows have their largest logit at the target, as a float32 scalar.
extern const snug_op snug_op_correct; // (logits, target) -> scalar
// mse_loss.c: sum of squared differences / |denominator| (0: the number of elements). What has a
// NaN as its target counts for nothing, here and in bce_loss.
extern const snug_op snug_op_mse_loss;          // (x, target) -> scalar
extern const snug_op snug_op_mse_loss_backward; // (x, target, dloss) -> dx
// bce_loss.c: torch.nn.functional.binary_cross_entropy_with_logits, its sum / |denominator|; how
// many logits are on the side of 0 that the target is of 0.5.
extern const snug_op snug_op_bce_loss;          // (logits, target) -> scalar
extern const snug_op snug_op_bce_loss_backward; // (logits, target, dloss) -> dlogits
extern const snug_op snug_op_correct_binary;    // (logits, target) -> scalar

// upsample2d.c: torch.nn.functional.interpolate.
typedef struct snug_upsample2d_attributes {
    int64_t output[2];
    int64_t bilinear, align_corners;
    int64_t input[2]; // backward only: H, W of x
} snug_upsample2d_attributes;
extern const snug_op snug_op_upsample2d;          // (x) -> y
extern const snug_op snug_op_upsample2d_backward; // (dy) -> dx

// resample.c: along one axis, as ONNX's Resize defines it; any layout.
typedef enum snug_resample_mode {
    SNUG_RESAMPLE_NEAREST,
    SNUG_RESAMPLE_LINEAR,
    SNUG_RESAMPLE_CUBIC
} snug_resample_mode;
typedef enum snug_resample_rounding { // of SNUG_RESAMPLE_NEAREST
    SNUG_RESAMPLE_PREFER_FLOOR,
    SNUG_RESAMPLE_PREFER_CEIL,
    SNUG_RESAMPLE_FLOOR,
    SNUG_RESAMPLE_CEIL
} snug_resample_rounding;
typedef enum snug_resample_coordinates { // ONNX's coordinate_transformation_mode
    SNUG_RESAMPLE_HALF_PIXEL,
    SNUG_RESAMPLE_HALF_PIXEL_SYMMETRIC,
    SNUG_RESAMPLE_PYTORCH_HALF_PIXEL,
    SNUG_RESAMPLE_ALIGN_CORNERS,
    SNUG_RESAMPLE_ASYMMETRIC,
    SNUG_RESAMPLE_CROP // tf_crop_and_resize
} snug_resample_coordinates;
typedef struct snug_resample_attributes {
    int64_t axis, length; // of the result along |axis|
    int64_t input;        // backward only: the extent of x
    int64_t mode, rounding, coordinates;
    int64_t antialias, exclude_outside;
    double scale;         // of coordinates; length / input unless the network says so
    double cubic;         // the coefficient "a" of cubic interpolation
    double roi[2];        // SNUG_RESAMPLE_CROP: start and end, as shares of the axis
    double extrapolation; // its result outside the axis
} snug_resample_attributes;
extern const snug_op snug_op_resample;          // (x) -> y
extern const snug_op snug_op_resample_backward; // (dy) -> dx

// nll_loss.c: the negative log-likelihood of log-probabilities x (N, C, ...) at |target| (N, ...),
// int32 or int64: -weight[target] * x at target, 0 where the target is |ignore|, is negative or has
// no class. Not reduced: (N, ...), row-major; else a scalar, the sum, or the sum divided by that of
// the weights.
typedef enum snug_nll_reduction { SNUG_NLL_NONE, SNUG_NLL_SUM, SNUG_NLL_MEAN } snug_nll_reduction;
typedef struct snug_nll_loss_attributes {
    int64_t reduction; // snug_nll_reduction
    int64_t ignores;   // 0: |ignore| is a class like the others
    int64_t ignore;
    int64_t classes; // backward only: C
} snug_nll_loss_attributes;
extern const snug_op snug_op_nll_loss;          // (x, target, [weight (C)]) -> loss
extern const snug_op snug_op_nll_loss_backward; // (dloss, target, [weight (C)]) -> dx

// layer_norm.c: over the last |axes| dimensions, row-major.
typedef struct snug_layer_norm_attributes {
    double eps;
    int64_t axes;
} snug_layer_norm_attributes;
extern const snug_op snug_op_layer_norm;          // (x, gamma, beta) -> y, mean, rstd
extern const snug_op snug_op_layer_norm_backward; // (x, gamma, mean, rstd, dy) -> dx, dgamma, dbeta

// group_norm.c: over the pixels of a sample and the channels of one of |groups|, any rank from 2
// and any layout. An activation that follows is part of it, as in batch_norm.
typedef enum snug_group_norm_activation {
    SNUG_GROUP_NORM_LINEAR,
    SNUG_GROUP_NORM_RELU,
    SNUG_GROUP_NORM_SILU
} snug_group_norm_activation;
typedef struct snug_group_norm_attributes {
    double eps;
    int64_t groups;
    int64_t activation; // snug_group_norm_activation
} snug_group_norm_attributes;
extern const snug_op snug_op_group_norm; // (x, gamma, beta) -> y, mean, rstd (N, groups)
extern const snug_op
    snug_op_group_norm_backward; // (x, gamma, beta, mean, rstd, dy) -> dx, dgamma, dbeta
// rms_norm.c: over the last dimension, row-major.
typedef struct snug_rms_norm_attributes {
    double eps;
} snug_rms_norm_attributes;
extern const snug_op snug_op_rms_norm;          // (x, gamma) -> y, rstd
extern const snug_op snug_op_rms_norm_backward; // (x, gamma, rstd, dy) -> dx, dgamma

// reduce.c: over the dimensions in |axes| (bit i: dimension i).
typedef struct snug_reduce_attributes {
    int64_t axes;
    int64_t keepdims;
} snug_reduce_attributes;
extern const snug_op snug_op_reduce_sum;  // (x) -> y
extern const snug_op snug_op_reduce_mean; // (x) -> y
// broadcast_to.c: x repeated to |dims|, times |scale|: the gradient of the reductions.
typedef struct snug_broadcast_to_attributes {
    int64_t rank;
    int64_t dims[SNUG_MAX_RANK];
    int64_t layout;
    int64_t reduced; // bit i: dimension i is absent from x, or is 1 in it when ranks agree
    double scale;
} snug_broadcast_to_attributes;
extern const snug_op snug_op_broadcast_to; // (x) -> y

// cast.c: x in another type; numbers are rounded to floating-point types, cut to integers.
typedef struct snug_cast_attributes {
    int64_t dtype; // snug_dtype
} snug_cast_attributes;
extern const snug_op snug_op_cast; // (x) -> y

// fill.c: a row-major tensor of one value.
typedef struct snug_fill_attributes {
    double value;
    int64_t rank;
    int64_t dims[SNUG_MAX_RANK];
    int64_t dtype; // snug_dtype; 0 is float32
} snug_fill_attributes;
extern const snug_op snug_op_fill; // () -> y
// range.c: start, start + step, ...
typedef struct snug_range_attributes {
    double start, step;
    int64_t length;
    int64_t dtype; // snug_dtype; 0 is float32
} snug_range_attributes;
extern const snug_op snug_op_range; // () -> y
// clear.c: sets x to zero.
extern const snug_op snug_op_clear; // (x), mutates x
// accumulate.c: total += x.
extern const snug_op snug_op_accumulate; // (total, x), mutates total

// loss_scale.c: y = x * state->loss_scale; and gradient /= state->loss_scale, with |found| passed
// on or set to 1 when an element is not finite.
extern const snug_op snug_op_scale_loss; // (x) -> y
extern const snug_op snug_op_unscale;    // (gradient, found) -> found, mutates gradient

// clip_gradient.c: sum + the squares of what an update takes |gradient| for; and each element of
// that within +-limit.
extern const snug_op snug_op_square_sum; // (gradient, sum) -> sum
typedef struct snug_clip_gradient_attributes {
    double limit;
} snug_clip_gradient_attributes;
extern const snug_op snug_op_clip_gradient; // (gradient) -> gradient

// sgd_update.c: torch.optim.SGD. At state->step 0 the momentum buffer starts as the gradient.
typedef struct snug_sgd_attributes {
    double momentum, dampening, weight_decay;
    int64_t nesterov;
} snug_sgd_attributes;
extern const snug_op snug_op_sgd_update; // (weight, gradient, [momentum]), mutates 0 and 2
// adam_update.c: torch.optim.Adam, or AdamW when |decoupled|.
typedef struct snug_adam_attributes {
    double beta1, beta2, eps, weight_decay;
    int64_t decoupled;
} snug_adam_attributes;
extern const snug_op snug_op_adam_update; // (weight, gradient, m, v), mutates 0, 2 and 3

// lean_update.c: the same steps on state in 8 bits, in blocks with a float32 scale each. The codes
// (uint8, shaped like the weight) are those of lean.h.
enum { SNUG_LEAN_BLOCK = 256, SNUG_LEAN_LEAST = 4096 }; // elements; smaller weights stay in 32 bits
static inline int64_t snug_lean_blocks(int64_t elements) {
    return (elements + SNUG_LEAN_BLOCK - 1) / SNUG_LEAN_BLOCK;
}
extern const snug_op snug_op_lean_sgd_update;  // (weight, gradient, momentum, scales), mutates all
extern const snug_op snug_op_lean_adam_update; // (weight, gradient, m, scales, v, scales), likewise

#include "ops/elementwise.h" // arithmetic, comparison, functions of one argument, activations
#include "ops/movement.h"    // transposition, slices, padding, gathering and scattering
#include "ops/recurrent.h"   // recurrent layers
#include "ops/reductions.h"  // over dimensions: largest, products, norms, places, running sums

#endif
