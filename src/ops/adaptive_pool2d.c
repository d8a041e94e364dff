// Adaptive pooling as torch.nn.AdaptiveAvgPool2d and AdaptiveMaxPool2d: output i sees the pixels
// floor(i * in / out) to ceil((i + 1) * in / out). Global pooling is an output of 1x1.
#include <math.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_adaptive_pool2d_attributes, output, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_adaptive_pool2d_attributes, input, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer_average(const void *attributes, const snug_type *inputs, int input_count,
                                 snug_type *outputs) {
    (void)input_count;
    const snug_adaptive_pool2d_attributes *pool = attributes;
    const snug_type *x = &inputs[0];
    char text[SNUG_TYPE_TEXT];
    if (x->rank != 4 || x->layout != SNUG_CHANNELS_LAST || x->dims[2] < 1 || x->dims[3] < 1)
        return snug_fail(SNUG_INVALID, "images (N, C, H, W) expected, found %s",
                         snug_type_print(x, text));
    if (pool->output[0] < 1 || pool->output[1] < 1)
        return snug_fail(SNUG_INVALID, "an output of at least 1x1 expected, found %lldx%lld",
                         (long long)pool->output[0], (long long)pool->output[1]);
    outputs[0] =
        snug_type_image(x->dtype, x->dims[0], x->dims[1], pool->output[0], pool->output[1]);
    return SNUG_OK;
}

static snug_status infer_max(const void *attributes, const snug_type *inputs, int input_count,
                             snug_type *outputs) {
    SNUG_TRY(infer_average(attributes, inputs, input_count, outputs));
    outputs[1] = outputs[0];
    outputs[1].dtype = SNUG_I32;
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    const snug_adaptive_pool2d_attributes *pool = attributes;
    const snug_type *dy = &inputs[0];
    if (dy->rank != 4 || dy->dims[2] != pool->output[0] || dy->dims[3] != pool->output[1] ||
        (input_count == 2 && !snug_type_same_shape(dy, &inputs[1])))
        return snug_fail(SNUG_INVALID, "dy (and indices) of %lldx%lld expected",
                         (long long)pool->output[0], (long long)pool->output[1]);
    outputs[0] =
        snug_type_image(dy->dtype, dy->dims[0], dy->dims[1], pool->input[0], pool->input[1]);
    return SNUG_OK;
}

static snug_adaptive_pool2d_attributes backward_attributes(const snug_backward *backward,
                                                           const snug_node *node) {
    snug_adaptive_pool2d_attributes pool =
        *(const snug_adaptive_pool2d_attributes *)(const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    pool.input[0] = x->dims[2];
    pool.input[1] = x->dims[3];
    return pool;
}

static snug_status gradient_average(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_adaptive_pool2d_attributes pool = backward_attributes(backward, node);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_adaptive_avg_pool2d_backward, &pool,
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

static snug_status gradient_max(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_adaptive_pool2d_attributes pool = backward_attributes(backward, node);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_adaptive_max_pool2d_backward, &pool,
                                 snug_backward_of(backward, node, 0), node->outputs[1]));
    return SNUG_OK;
}

// The pixels [begin, end) that output |index| sees along one axis.
static void window(int64_t index, int64_t output, int64_t input, int64_t *begin, int64_t *end) {
    *begin = index * input / output;
    *end = ((index + 1) * input + output - 1) / output;
}

static snug_status average_kernel(const snug_call *call) {
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], top, bottom, left, right;
        snug_reference_coordinates(&y->type, i, at);
        window(at[2], y->type.dims[2], x->type.dims[2], &top, &bottom);
        window(at[3], y->type.dims[3], x->type.dims[3], &left, &right);
        double sum = 0;
        for (int64_t h = top; h < bottom; h++)
            for (int64_t w = left; w < right; w++)
                sum += snug_view_get(x, snug_image_index(&x->type, at[0], at[1], h, w));
        snug_view_set(y, snug_image_index(&y->type, at[0], at[1], at[2], at[3]),
                      sum / (double)((bottom - top) * (right - left)));
    }
    return SNUG_OK;
}

static snug_status average_backward_kernel(const snug_call *call) {
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    int64_t inputs = snug_type_elements(&dx->type), elements = snug_type_elements(&dy->type);
    for (int64_t i = 0; i < inputs; i++)
        snug_view_set(dx, i, 0);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], top, bottom, left, right;
        snug_reference_coordinates(&dy->type, i, at);
        window(at[2], dy->type.dims[2], dx->type.dims[2], &top, &bottom);
        window(at[3], dy->type.dims[3], dx->type.dims[3], &left, &right);
        double share = snug_view_get(dy, snug_image_index(&dy->type, at[0], at[1], at[2], at[3])) /
                       (double)((bottom - top) * (right - left));
        for (int64_t h = top; h < bottom; h++)
            for (int64_t w = left; w < right; w++) {
                int64_t to = snug_image_index(&dx->type, at[0], at[1], h, w);
                snug_view_set(dx, to, snug_view_get(dx, to) + share);
            }
    }
    return SNUG_OK;
}

static snug_status max_kernel(const snug_call *call) {
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], top, bottom, left, right, best = -1;
        snug_reference_coordinates(&y->type, i, at);
        window(at[2], y->type.dims[2], x->type.dims[2], &top, &bottom);
        window(at[3], y->type.dims[3], x->type.dims[3], &left, &right);
        double highest = -INFINITY;
        for (int64_t h = top; h < bottom; h++)
            for (int64_t w = left; w < right; w++) {
                double value = snug_view_get(x, snug_image_index(&x->type, at[0], at[1], h, w));
                if (best >= 0 && !(value > highest) && !isnan(value)) continue;
                highest = value;
                best = h * x->type.dims[3] + w;
            }
        int64_t to = snug_image_index(&y->type, at[0], at[1], at[2], at[3]);
        snug_view_set(y, to, highest);
        snug_view_set(&call->outputs[1], to, (double)best);
    }
    return SNUG_OK;
}

static snug_status max_backward_kernel(const snug_call *call) {
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    int64_t inputs = snug_type_elements(&dx->type), elements = snug_type_elements(&dy->type);
    int64_t width = dx->type.dims[3], pixels = dx->type.dims[2] * width;
    for (int64_t i = 0; i < inputs; i++)
        snug_view_set(dx, i, 0);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK];
        snug_reference_coordinates(&dy->type, i, at);
        int64_t from = snug_image_index(&dy->type, at[0], at[1], at[2], at[3]);
        int64_t index = (int64_t)snug_view_get(&call->inputs[1], from);
        if (index < 0 || index >= pixels) continue;
        int64_t to = snug_image_index(&dx->type, at[0], at[1], index / width, index % width);
        snug_view_set(dx, to, snug_view_get(dx, to) + snug_view_get(dy, from));
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes;
    int64_t in = snug_type_elements(&inputs[0]), out = snug_type_elements(&outputs[0]);
    return (double)(in > out ? in : out);
}

static const snug_adaptive_pool2d_attributes global = {.output = {1, 1}, .input = {5, 4}},
                                             uneven = {.output = {3, 2}, .input = {7, 5}},
                                             larger = {.output = {4, 4}, .input = {2, 3}};

#define IMAGE SNUG_SAMPLE_IMAGE
#define SAMPLE(label, pool, ...)                                                                   \
    {                                                                                              \
        .name = (label), .attributes = &(pool), .input_count = 1, .inputs = { __VA_ARGS__ }        \
    }
static const snug_sample samples[] = {
    SAMPLE("global", global, IMAGE(2, 3, 5, 4)),
    SAMPLE("uneven", uneven, IMAGE(2, 3, 7, 5)),
    SAMPLE("larger than the image", larger, IMAGE(1, 2, 2, 3)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("global", global, IMAGE(2, 3, 1, 1)),
    SAMPLE("uneven", uneven, IMAGE(2, 3, 3, 2)),
    SAMPLE("larger than the image", larger, IMAGE(1, 2, 4, 4)),
};
static const snug_sample max_backward_samples[] = {
    {.name = "uneven",
     .attributes = &uneven,
     .input_count = 2,
     .inputs = {IMAGE(2, 3, 3, 2), SNUG_SAMPLE_TENSOR(SNUG_I32, SNUG_CHANNELS_LAST, 2, 3, 3, 2)},
     .integer_below = 35},
};

#define SHARED                                                                                     \
    .attributes = attributes_table, .attributes_size = sizeof(snug_adaptive_pool2d_attributes),    \
    .flops = flops

const snug_op snug_op_adaptive_avg_pool2d = {
    .name = "adaptive_avg_pool2d",
    SHARED,
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .infer = infer_average,
    .gradient = gradient_average,
    .rows = {.inputs = 1},
    .reference = average_kernel,
    .onnx = "GlobalAveragePool",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_adaptive_avg_pool2d_backward = {
    .name = "adaptive_avg_pool2d_backward",
    SHARED,
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .infer = infer_backward,
    .rows = {.inputs = 1},
    .reference = average_backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

const snug_op snug_op_adaptive_max_pool2d = {
    .name = "adaptive_max_pool2d",
    SHARED,
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .infer = infer_max,
    .gradient = gradient_max,
    .gradient_outputs = 2,
    .reference = max_kernel,
    .onnx = "GlobalMaxPool",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_adaptive_max_pool2d_backward = {
    .name = "adaptive_max_pool2d_backward",
    SHARED,
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = infer_backward,
    .reference = max_backward_kernel,
    SNUG_SAMPLES(max_backward_samples),
};

static const snug_op *const ops[] = {
    &snug_op_adaptive_avg_pool2d, &snug_op_adaptive_avg_pool2d_backward,
    &snug_op_adaptive_max_pool2d, &snug_op_adaptive_max_pool2d_backward, NULL};
const snug_op_file snug_ops_adaptive_pool2d = {ops};
