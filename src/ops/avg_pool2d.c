// Average pooling as torch.nn.AvgPool2d: the divisor counts the padding only with
// count_include_pad, and never what lies beyond it.
#include "ops/pool2d.h"

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    return snug_pool2d_infer(attributes, &inputs[0], &outputs[0]);
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    return snug_pool2d_infer_backward(attributes, &inputs[0], &outputs[0]);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_pool2d_attributes pool = *(const snug_pool2d_attributes *)(const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    pool.input[0] = x->dims[2];
    pool.input[1] = x->dims[3];
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_avg_pool2d_backward, &pool,
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

// A window's pixels [begin, end) along one axis, and its extent with the padding it covers.
typedef struct window {
    int64_t begin, end, padded;
} window;

static window window_at(const snug_pool2d_attributes *pool, int axis, int64_t index,
                        int64_t extent) {
    int64_t begin = index * pool->stride[axis] - pool->padding[axis];
    int64_t end = begin + pool->kernel[axis], limit = extent + pool->padding[axis + 2];
    if (end > limit) end = limit;
    window result = {.begin = begin, .end = end, .padded = end - begin};
    if (result.begin < 0) result.begin = 0;
    if (result.end > extent) result.end = extent;
    return result;
}

static double divisor(const snug_pool2d_attributes *pool, const window *rows,
                      const window *columns) {
    return pool->count_include_pad
               ? (double)(rows->padded * columns->padded)
               : (double)((rows->end - rows->begin) * (columns->end - columns->begin));
}

static snug_status kernel(const snug_call *call) {
    const snug_pool2d_attributes *pool = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK];
        snug_reference_coordinates(&y->type, i, at);
        window rows = window_at(pool, 0, at[2], x->type.dims[2]);
        window columns = window_at(pool, 1, at[3], x->type.dims[3]);
        double sum = 0;
        for (int64_t h = rows.begin; h < rows.end; h++)
            for (int64_t w = columns.begin; w < columns.end; w++)
                sum += snug_view_get(x, snug_image_index(&x->type, at[0], at[1], h, w));
        snug_view_set(y, snug_image_index(&y->type, at[0], at[1], at[2], at[3]),
                      sum / divisor(pool, &rows, &columns));
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
        int64_t at[SNUG_MAX_RANK];
        snug_reference_coordinates(&dy->type, i, at);
        window rows = window_at(pool, 0, at[2], dx->type.dims[2]);
        window columns = window_at(pool, 1, at[3], dx->type.dims[3]);
        double share = snug_view_get(dy, snug_image_index(&dy->type, at[0], at[1], at[2], at[3])) /
                       divisor(pool, &rows, &columns);
        for (int64_t h = rows.begin; h < rows.end; h++)
            for (int64_t w = columns.begin; w < columns.end; w++) {
                int64_t to = snug_image_index(&dx->type, at[0], at[1], h, w);
                snug_view_set(dx, to, snug_view_get(dx, to) + share);
            }
    }
    return SNUG_OK;
}

#define POOL(k, s, p, c, include)                                                                  \
    .kernel = {k, k}, .stride = {s, s}, .padding = {p, p, p, p}, .ceil_mode = (c),                 \
    .count_include_pad = (include)
static const snug_pool2d_attributes plain = {POOL(2, 2, 0, 0, 0)}, padded = {POOL(3, 2, 1, 0, 1)},
                                    unpadded = {POOL(3, 2, 1, 0, 0)},
                                    ceiled = {POOL(3, 2, 1, 1, 1)};
static const snug_pool2d_attributes backward_plain = {POOL(2, 2, 0, 0, 0), .input = {5, 6}},
                                    backward_padded = {POOL(3, 2, 1, 0, 1), .input = {5, 5}};

#define SAMPLE(label, pool, ...)                                                                   \
    {                                                                                              \
        .name = (label), .attributes = &(pool), .input_count = 1, .inputs = {                      \
            SNUG_SAMPLE_IMAGE(__VA_ARGS__)                                                         \
        }                                                                                          \
    }
static const snug_sample samples[] = {
    SAMPLE("plain", plain, 2, 3, 5, 6),
    SAMPLE("padding counted", padded, 2, 3, 5, 5),
    SAMPLE("padding not counted", unpadded, 2, 3, 5, 5),
    SAMPLE("ceil mode", ceiled, 1, 2, 6, 7),
};
static const snug_sample backward_samples[] = {
    SAMPLE("plain", backward_plain, 2, 3, 2, 3),
    SAMPLE("padded", backward_padded, 2, 3, 3, 3),
};

const snug_op snug_op_avg_pool2d = {
    .name = "avg_pool2d",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = snug_pool2d_table,
    .attributes_size = sizeof(snug_pool2d_attributes),
    .infer = infer,
    .gradient = gradient,
    .rows = {.inputs = 1},
    .flops = snug_pool2d_flops,
    .reference = kernel,
    .onnx = "AveragePool",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_avg_pool2d_backward = {
    .name = "avg_pool2d_backward",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = snug_pool2d_table,
    .attributes_size = sizeof(snug_pool2d_attributes),
    .infer = infer_backward,
    .rows = {.inputs = 1},
    .flops = snug_pool2d_flops,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_avg_pool2d, &snug_op_avg_pool2d_backward, NULL};
const snug_op_file snug_ops_avg_pool2d = {ops};
