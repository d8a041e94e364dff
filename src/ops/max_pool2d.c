// Max pooling as torch.nn.MaxPool2d. |indices| holds each maximum's place in its window, so that
// the gradient needs neither x nor y.
#include <math.h>

#include "ops/pool2d.h"

static snug_dtype index_type(const snug_pool2d_attributes *pool) {
    return pool->kernel[0] * pool->kernel[1] <= 255 ? SNUG_U8 : SNUG_I32;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    SNUG_TRY(snug_pool2d_infer(attributes, &inputs[0], &outputs[0]));
    outputs[1] = outputs[0];
    outputs[1].dtype = index_type(attributes);
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    SNUG_TRY(snug_pool2d_infer_backward(attributes, &inputs[0], &outputs[0]));
    if (!snug_type_same_shape(&inputs[0], &inputs[1]) || inputs[1].dtype != index_type(attributes))
        return snug_fail(SNUG_INVALID, "indices of dy's shape expected");
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_pool2d_attributes pool = *(const snug_pool2d_attributes *)(const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    pool.input[0] = x->dims[2];
    pool.input[1] = x->dims[3];
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_max_pool2d_backward, &pool,
                                 snug_backward_of(backward, node, 0), node->outputs[1]));
    return SNUG_OK;
}

// The pixel of window (h, w) at |index|; false when it lies in the padding.
static bool pixel(const snug_pool2d_attributes *pool, const snug_type *x, int64_t h, int64_t w,
                  int64_t index, int64_t out[2]) {
    out[0] = h * pool->stride[0] - pool->padding[0] +
             index / pool->kernel[1] * snug_pool2d_dilation(pool, 0);
    out[1] = w * pool->stride[1] - pool->padding[1] +
             index % pool->kernel[1] * snug_pool2d_dilation(pool, 1);
    return out[0] >= 0 && out[0] < x->dims[2] && out[1] >= 0 && out[1] < x->dims[3];
}

static snug_status kernel(const snug_call *call) {
    const snug_pool2d_attributes *pool = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], from[2], best = -1;
        snug_reference_coordinates(&y->type, i, at);
        double highest = -INFINITY;
        for (int64_t index = 0; index < pool->kernel[0] * pool->kernel[1]; index++) {
            if (!pixel(pool, &x->type, at[2], at[3], index, from)) continue;
            double value =
                snug_view_get(x, snug_image_index(&x->type, at[0], at[1], from[0], from[1]));
            if (best >= 0 && !(value > highest) && !isnan(value)) continue;
            highest = value;
            best = index;
        }
        int64_t to = snug_image_index(&y->type, at[0], at[1], at[2], at[3]);
        snug_view_set(y, to, highest);
        snug_view_set(&call->outputs[1], to, (double)best);
    }
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_pool2d_attributes *pool = call->attributes;
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    int64_t inputs = snug_type_elements(&dx->type), elements = snug_type_elements(&dy->type);
    for (int64_t i = 0; i < inputs; i++)
        snug_view_set(dx, i, 0);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], to[2];
        snug_reference_coordinates(&dy->type, i, at);
        int64_t from = snug_image_index(&dy->type, at[0], at[1], at[2], at[3]);
        int64_t index = (int64_t)snug_view_get(&call->inputs[1], from);
        if (!pixel(pool, &dx->type, at[2], at[3], index, to)) continue;
        int64_t place = snug_image_index(&dx->type, at[0], at[1], to[0], to[1]);
        snug_view_set(dx, place, snug_view_get(dx, place) + snug_view_get(dy, from));
    }
    return SNUG_OK;
}

#define POOL(k, s, p, d, c)                                                                        \
    {                                                                                              \
        .kernel = {k, k}, .stride = {s, s}, .padding = {p, p, p, p}, .dilation = {d, d},           \
        .ceil_mode = (c)                                                                           \
    }
static const snug_pool2d_attributes plain = POOL(2, 2, 0, 1, 0), overlapping = POOL(3, 2, 1, 1, 0),
                                    ceiled = POOL(3, 2, 0, 1, 1), dilated = POOL(2, 1, 0, 2, 0);
static const snug_pool2d_attributes backward_plain = {
    .kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}, .input = {5, 6}};
static const snug_pool2d_attributes backward_overlapping = {
    .kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .input = {7, 7}};

#define IMAGE SNUG_SAMPLE_IMAGE
#define SAMPLE(label, pool, ...)                                                                   \
    {                                                                                              \
        .name = (label), .attributes = &(pool), .input_count = 1, .inputs = { __VA_ARGS__ }        \
    }
#define INDICES(n, c, h, w)                                                                        \
    {                                                                                              \
        .dtype = SNUG_U8, .layout = SNUG_CHANNELS_LAST, .rank = 4, .dims = { n, c, h, w }          \
    }
static const snug_sample samples[] = {
    SAMPLE("plain", plain, IMAGE(2, 3, 5, 6)),
    SAMPLE("overlapping, padded", overlapping, IMAGE(2, 3, 7, 7)),
    SAMPLE("ceil mode", ceiled, IMAGE(1, 2, 6, 8)),
    SAMPLE("dilated", dilated, IMAGE(1, 2, 5, 5)),
};
static const snug_sample backward_samples[] = {
    {.name = "plain",
     .attributes = &backward_plain,
     .input_count = 2,
     .inputs = {IMAGE(2, 3, 2, 3), INDICES(2, 3, 2, 3)},
     .integer_below = 4},
    {.name = "overlapping",
     .attributes = &backward_overlapping,
     .input_count = 2,
     .inputs = {IMAGE(2, 3, 3, 3), INDICES(2, 3, 3, 3)},
     .integer_below = 9},
};

const snug_op snug_op_max_pool2d = {
    .name = "max_pool2d",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .attributes = snug_pool2d_table,
    .attributes_size = sizeof(snug_pool2d_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_outputs = 2,
    .rows = {.inputs = 1},
    .flops = snug_pool2d_flops,
    .reference = kernel,
    .onnx = "MaxPool",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_max_pool2d_backward = {
    .name = "max_pool2d_backward",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = snug_pool2d_table,
    .attributes_size = sizeof(snug_pool2d_attributes),
    .infer = infer_backward,
    .rows = {.inputs = 3},
    .flops = snug_pool2d_flops,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_max_pool2d, &snug_op_max_pool2d_backward, NULL};
const snug_op_file snug_ops_max_pool2d = {ops};
