// Batch normalisation in training and evaluation form, as torch.nn.BatchNorm2d (Ioffe and Szegedy,
// 2015). Dimension 1 is the channel.
#include <math.h>
#include <string.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_batch_norm_attributes, momentum, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_batch_norm_attributes, eps, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_batch_norm_attributes, update, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_batch_norm_attributes, activation, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_batch_norm_attributes, biased, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// x of 2 to 5 dimensions, and one value a channel in inputs |first| to |last|.
static snug_status check(const snug_type *inputs, int first, int last) {
    const snug_type *x = &inputs[0];
    char text[SNUG_TYPE_TEXT];
    if (x->rank < 2 || x->rank > 5 || (x->rank > 2 && x->layout != SNUG_CHANNELS_LAST))
        return snug_fail(SNUG_INVALID, "(N, C) or channels-last images expected, found %s",
                         snug_type_print(x, text));
    for (int i = first; i <= last; i++)
        if (inputs[i].rank != 1 || inputs[i].dims[0] != x->dims[1])
            return snug_fail(SNUG_INVALID, "%lld values, one a channel, expected, found %s",
                             (long long)x->dims[1], snug_type_print(&inputs[i], text));
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)attributes, (void)input_count;
    SNUG_TRY(check(inputs, 1, 4));
    outputs[0] = inputs[0];
    outputs[1] = outputs[2] = inputs[1];
    return SNUG_OK;
}

static snug_status infer_inference(const void *attributes, const snug_type *inputs, int input_count,
                                   snug_type *outputs) {
    (void)attributes, (void)input_count;
    outputs[0] = inputs[0];
    return check(inputs, 1, 4);
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)attributes, (void)input_count;
    SNUG_TRY(check(inputs, 1, 4));
    if (!snug_type_equal(&inputs[0], &inputs[5]))
        return snug_fail(SNUG_INVALID, "x and dy of one type expected");
    outputs[0] = inputs[0];
    outputs[1] = outputs[2] = inputs[1];
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    const snug_tensor_id inputs[] = {node->inputs[0],  node->inputs[1],
                                     node->inputs[2],  node->outputs[1],
                                     node->outputs[2], snug_backward_of(backward, node, 0)};
    snug_backward_emit(backward, node, &snug_op_batch_norm_backward, inputs, 6);
    return SNUG_OK;
}

// The gradient of a scale and a shift. Where only x's is wanted it needs no x: the same scale.
static snug_status inference_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_batch_norm_attributes norm;
    memcpy(&norm, node->attributes, sizeof norm);
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    bool learns = snug_backward_wants(backward, node, 1) || snug_backward_wants(backward, node, 2);
    if (!learns && norm.activation == SNUG_NORM_LINEAR) {
        int64_t channels = snug_graph_type(graph, node->inputs[1])->dims[0];
        snug_fill_attributes zeros = {
            .rank = 1, .dims = {channels}, .dtype = snug_graph_type(graph, node->inputs[1])->dtype};
        snug_tensor_id zero = SNUG_EMIT_NONE(graph, &snug_op_fill, &zeros);
        snug_backward_give(backward, node, 0,
                           SNUG_EMIT(graph, &snug_op_batch_norm_inference, &norm, dy,
                                     node->inputs[1], zero, zero, node->inputs[4]));
        return SNUG_OK;
    }
    const snug_tensor_id inputs[] = {node->inputs[0], node->inputs[1], node->inputs[2],
                                     node->inputs[3], node->inputs[4], dy};
    snug_backward_emit(backward, node, &snug_op_batch_norm_inference_backward, inputs, 6);
    return SNUG_OK;
}

// Memory has the channel innermost in every layout that |check| lets pass.
static int64_t rows_of(const snug_view *x) {
    return snug_type_elements(&x->type) / x->type.dims[1];
}

static void find_statistics(const snug_view *x, int64_t channel, double *mean, double *variance) {
    int64_t rows = rows_of(x), channels = x->type.dims[1];
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows; i++)
        sum += snug_view_get(x, i * channels + channel);
    *mean = sum / (double)rows;
    for (int64_t i = 0; i < rows; i++) {
        double distance = snug_view_get(x, i * channels + channel) - *mean;
        squares += distance * distance;
    }
    *variance = squares / (double)rows;
}

static void update_running(const snug_view *running, int64_t channel, double momentum,
                           double value) {
    snug_view_set(running, channel,
                  (1 - momentum) * snug_view_get(running, channel) + momentum * value);
}

// Takes the statistics as they are stored: the inference form, given them, makes the same bits.
static void normalise(const snug_call *call, int64_t channel, double mean, double variance) {
    const snug_batch_norm_attributes *norm = call->attributes;
    const snug_view *x = &call->inputs[0];
    int64_t elements = snug_type_elements(&x->type), channels = x->type.dims[1];
    double scale = snug_view_get(&call->inputs[1], channel) / sqrt(variance + norm->eps);
    double shift = snug_view_get(&call->inputs[2], channel);
    double low = (double)snug_norm_low(norm), high = (double)snug_norm_high(norm);
    for (int64_t at = channel; at < elements; at += channels) {
        double y = (snug_view_get(x, at) - mean) * scale + shift;
        snug_view_set(&call->outputs[0], at, y < low ? low : y > high ? high : y);
    }
}

static snug_status kernel(const snug_call *call) {
    const snug_batch_norm_attributes *norm = call->attributes;
    const snug_view *x = &call->inputs[0];
    int64_t rows = rows_of(x), channels = x->type.dims[1];
    for (int64_t c = 0; c < channels; c++) {
        double mean, variance;
        find_statistics(x, c, &mean, &variance);
        snug_view_set(&call->outputs[1], c, mean);
        snug_view_set(&call->outputs[2], c, variance);
        normalise(call, c, snug_view_get(&call->outputs[1], c),
                  snug_view_get(&call->outputs[2], c));
        if (!norm->update) continue;
        bool corrects = rows > 1 && !norm->biased;
        double unbiased = corrects ? variance * (double)rows / (double)(rows - 1) : variance;
        update_running(&call->inputs[3], c, norm->momentum, mean);
        update_running(&call->inputs[4], c, norm->momentum, unbiased);
    }
    return SNUG_OK;
}

static snug_status inference_kernel(const snug_call *call) {
    for (int64_t c = 0; c < call->inputs[0].type.dims[1]; c++)
        normalise(call, c, snug_view_get(&call->inputs[3], c), snug_view_get(&call->inputs[4], c));
    return SNUG_OK;
}

// The gradient of what came before the activation.
static double passed_on(const snug_call *call, int64_t channel, double normal, double dy) {
    const snug_batch_norm_attributes *norm = call->attributes;
    double y = normal * snug_view_get(&call->inputs[1], channel) +
               snug_view_get(&call->inputs[2], channel);
    return y > (double)snug_norm_low(norm) && y < (double)snug_norm_high(norm) ? dy : 0;
}

// dx = gamma / sigma * (dy - mean(dy) - xhat * mean(dy * xhat)).
static snug_status differentiate(const snug_call *call, bool constant_statistics) {
    const snug_batch_norm_attributes *norm = call->attributes;
    const snug_view *x = &call->inputs[0], *dy = &call->inputs[5];
    int64_t rows = rows_of(x), channels = x->type.dims[1];
    for (int64_t c = 0; c < channels; c++) {
        double mean = snug_view_get(&call->inputs[3], c);
        double inverse = 1 / sqrt(snug_view_get(&call->inputs[4], c) + norm->eps);
        double dbeta = 0, dgamma = 0, gamma = snug_view_get(&call->inputs[1], c);
        for (int64_t i = 0; i < rows; i++) {
            int64_t at = i * channels + c;
            double normal = (snug_view_get(x, at) - mean) * inverse;
            double slope = passed_on(call, c, normal, snug_view_get(dy, at));
            dbeta += slope;
            dgamma += slope * normal;
        }
        for (int64_t i = 0; i < rows; i++) {
            int64_t at = i * channels + c;
            double normal = (snug_view_get(x, at) - mean) * inverse;
            double slope = passed_on(call, c, normal, snug_view_get(dy, at));
            if (!constant_statistics) slope -= (dbeta + normal * dgamma) / (double)rows;
            snug_view_set(&call->outputs[0], at, gamma * inverse * slope);
        }
        snug_view_set(&call->outputs[1], c, dgamma);
        snug_view_set(&call->outputs[2], c, dbeta);
    }
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    return differentiate(call, false);
}

static snug_status inference_backward_kernel(const snug_call *call) {
    return differentiate(call, true);
}

// A handful of operations an element, over two or three sweeps.
static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes, (void)outputs;
    return 8 * (double)snug_type_elements(&inputs[0]);
}

static const snug_batch_norm_attributes
    usual = {.momentum = 0.1, .eps = 1e-5, .update = 1},
    still = {.momentum = 0.1, .eps = 1e-3},
    biased = {.momentum = 0.2, .eps = 1e-3, .update = 1, .biased = 1},
    relu = {.momentum = 0.1, .eps = 1e-5, .update = 1, .activation = SNUG_NORM_RELU},
    relu6 = {.momentum = 0.1, .eps = 1e-5, .update = 1, .activation = SNUG_NORM_RELU6};

#define IMAGE SNUG_SAMPLE_IMAGE(3, 4, 3, 2)
#define VOLUME SNUG_SAMPLE_TENSOR(SNUG_F32, SNUG_CHANNELS_LAST, 2, 4, 3, 2, 2)
#define CHANNEL SNUG_SAMPLE_ROW_MAJOR(4)
#define MATRIX SNUG_SAMPLE_ROW_MAJOR(6, 4)
#define SAMPLE(label, norm, low_, high_, skipped, ...)                                             \
    {                                                                                              \
        .name = (label), .attributes = &(norm), .inputs = {__VA_ARGS__},                           \
        .input_count = sizeof((snug_type[]){__VA_ARGS__}) / sizeof(snug_type), .low = (low_),      \
        .high = (high_), .no_gradient = (skipped)                                                  \
    }

static const snug_sample samples[] = {
    SAMPLE("image", usual, -1, 2, 24, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
    SAMPLE("matrix, still", still, -1, 2, 24, MATRIX, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
    SAMPLE("relu", relu, -1, 2, 24, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
    SAMPLE("relu6", relu6, -3, 8, 24, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
    SAMPLE("volume, biased", biased, -1, 2, 24, VOLUME, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
};
static const snug_sample over_samples[] = {
    SAMPLE("image", usual, -1, 2, 31, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
    SAMPLE("relu6", relu6, -3, 8, 31, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
};
static const snug_sample inference_samples[] = {
    SAMPLE("image", usual, 0.5, 2, 24, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
    SAMPLE("matrix", still, 0.5, 2, 24, MATRIX, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
    SAMPLE("relu6", relu6, 0.5, 8, 24, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL),
};
static const snug_sample backward_samples[] = {
    SAMPLE("image", usual, 0.5, 2, 63, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL, IMAGE),
    SAMPLE("matrix", still, 0.5, 2, 63, MATRIX, CHANNEL, CHANNEL, CHANNEL, CHANNEL, MATRIX),
    SAMPLE("relu", relu, 0.5, 2, 63, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL, IMAGE),
    SAMPLE("relu6", relu6, 0.5, 8, 63, IMAGE, CHANNEL, CHANNEL, CHANNEL, CHANNEL, IMAGE),
};

#define SHARED                                                                                     \
    .attributes = attributes_table, .attributes_size = sizeof(snug_batch_norm_attributes),         \
    .precision = SNUG_PRECISION_FULL, .full_inputs = 30, .flops = flops

const snug_op snug_op_batch_norm = {
    .name = "batch_norm",
    SHARED,
    .min_inputs = 5,
    .max_inputs = 5,
    .outputs = 3,
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 7,
    .gradient_outputs = 6,
    .mutates = 24,
    .again = &snug_op_batch_norm_inference,
    .again_input_count = 5,
    .again_inputs = {0, 1, 2, -1, -2},
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_SCALE, SNUG_INPUT_SHIFT, SNUG_INPUT_MEAN,
              SNUG_INPUT_VARIANCE},
    .reference = kernel,
    .onnx = "BatchNormalization",
    SNUG_SAMPLES(samples),
};

// Nobody differentiates it, and so nobody asks for x again.
const snug_op snug_op_batch_norm_over = {
    .name = "batch_norm_over",
    SHARED,
    .min_inputs = 5,
    .max_inputs = 5,
    .outputs = 3,
    .infer = infer,
    .overwrites = 1,
    .mutates = 24,
    .reference = kernel,
    SNUG_SAMPLES(over_samples),
};

const snug_op snug_op_batch_norm_inference = {
    .name = "batch_norm_inference",
    SHARED,
    .min_inputs = 5,
    .max_inputs = 5,
    .outputs = 1,
    .infer = infer_inference,
    .gradient = inference_gradient,
    .gradient_inputs = 31,
    .overwrites = 1,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_SCALE, SNUG_INPUT_SHIFT, SNUG_INPUT_MEAN,
              SNUG_INPUT_VARIANCE},
    .reference = inference_kernel,
    SNUG_SAMPLES(inference_samples),
};

const snug_op snug_op_batch_norm_backward = {
    .name = "batch_norm_backward",
    SHARED,
    .min_inputs = 6,
    .max_inputs = 6,
    .outputs = 3,
    .infer = infer_backward,
    .overwrites = 32,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

const snug_op snug_op_batch_norm_inference_backward = {
    .name = "batch_norm_inference_backward",
    SHARED,
    .min_inputs = 6,
    .max_inputs = 6,
    .outputs = 3,
    .infer = infer_backward,
    .overwrites = 32,
    .reference = inference_backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_batch_norm,
                                     &snug_op_batch_norm_over,
                                     &snug_op_batch_norm_inference,
                                     &snug_op_batch_norm_backward,
                                     &snug_op_batch_norm_inference_backward,
                                     NULL};
const snug_op_file snug_ops_batch_norm = {ops};
