// Max and average pooling of volumes. Windows may be dilated and padded as far as ONNX allows;
// images and signals are volumes of one slice. A maximum's place is kept, so that the gradient
// needs neither x nor y.
#include <math.h>
#include <string.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_pool3d_attributes, kernel, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool3d_attributes, stride, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool3d_attributes, padding, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool3d_attributes, dilation, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool3d_attributes, ceil_mode, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool3d_attributes, count_include_pad, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool3d_attributes, indices, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pool3d_attributes, input, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static int64_t extent(const snug_pool3d_attributes *pool, int axis, int64_t input) {
    int64_t span = pool->dilation[axis] * (pool->kernel[axis] - 1) + 1;
    int64_t room = input + pool->padding[axis] + pool->padding[axis + 3] - span;
    int64_t stride = pool->stride[axis];
    if (room < 0) return 0;
    int64_t count = (room + (pool->ceil_mode ? stride - 1 : 0)) / stride + 1;
    // No window starts in the far padding.
    if (pool->ceil_mode && (count - 1) * stride >= input + pool->padding[axis]) count--;
    return count;
}

// Bounds that keep all sums of coordinates far from overflow.
static const int64_t most = INT64_C(1) << 31;

static snug_status check_attributes(const snug_pool3d_attributes *pool) {
    for (int i = 0; i < 3; i++) {
        const int64_t least_one[] = {pool->kernel[i], pool->stride[i], pool->dilation[i]};
        const int64_t least_zero[] = {pool->padding[i], pool->padding[i + 3]};
        bool fits = true;
        for (int j = 0; j < 3; j++)
            fits = fits && least_one[j] >= 1 && least_one[j] <= most;
        for (int j = 0; j < 2; j++)
            fits = fits && least_zero[j] >= 0 && least_zero[j] <= most;
        if (!fits || pool->kernel[i] > most / pool->dilation[i])
            return snug_fail(SNUG_INVALID,
                             "kernel, stride and dilation of at least 1 and padding of at least 0 "
                             "expected, found %lld, %lld, %lld, %lld and %lld",
                             (long long)least_one[0], (long long)least_one[1],
                             (long long)least_one[2], (long long)least_zero[0],
                             (long long)least_zero[1]);
    }
    if (pool->indices < SNUG_INDICES_PLANE || pool->indices > SNUG_INDICES_COLUMNS)
        return snug_fail(SNUG_INVALID, "a kind of indices from 0 to 2 expected, found %lld",
                         (long long)pool->indices);
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_pool3d_attributes *pool = attributes;
    const snug_type *x = &inputs[0];
    char text[SNUG_TYPE_TEXT];
    SNUG_TRY(check_attributes(pool));
    if (x->rank != 5 || x->layout != SNUG_CHANNELS_LAST)
        return snug_fail(SNUG_INVALID, "volumes (N, C, D, H, W) expected, found %s",
                         snug_type_print(x, text));
    outputs[0] = *x;
    for (int i = 0; i < 3; i++) {
        outputs[0].dims[2 + i] = extent(pool, i, x->dims[2 + i]);
        if (outputs[0].dims[2 + i] < 1)
            return snug_fail(SNUG_INVALID, "a window of %lld does not fit an extent of %lld",
                             (long long)pool->kernel[i], (long long)x->dims[2 + i]);
    }
    return SNUG_OK;
}

static snug_dtype index_type(const snug_pool3d_attributes *pool) {
    return pool->indices == SNUG_INDICES_PLANE ? SNUG_I32 : SNUG_I64;
}

static snug_status infer_max(const void *attributes, const snug_type *inputs, int input_count,
                             snug_type *outputs) {
    SNUG_TRY(infer(attributes, inputs, input_count, outputs));
    const snug_type *x = &inputs[0];
    outputs[1] = outputs[0];
    outputs[1].dtype = index_type(attributes);
    if (outputs[1].dtype == SNUG_I32 &&
        (double)x->dims[2] * (double)x->dims[3] * (double)x->dims[4] > INT32_MAX)
        return snug_fail(SNUG_INVALID, "volumes of fewer than 2^31 pixels expected");
    return SNUG_OK;
}

// The type of x from that of dy, checked against the forward's shape rule.
static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    const snug_pool3d_attributes *pool = attributes;
    const snug_type *dy = &inputs[0];
    snug_type y = {0};
    outputs[0] = *dy;
    for (int i = 0; i < 3 && dy->rank == 5; i++)
        outputs[0].dims[2 + i] = pool->input[i];
    SNUG_TRY(infer(attributes, outputs, 1, &y));
    if (!snug_type_equal(&y, dy)) return snug_fail(SNUG_INVALID, "dy of the pooled shape expected");
    if (input_count == 2 &&
        (!snug_type_same_shape(dy, &inputs[1]) || inputs[1].dtype != index_type(attributes)))
        return snug_fail(SNUG_INVALID, "indices of dy's shape expected");
    return SNUG_OK;
}

static snug_status give_gradient(snug_backward *backward, const snug_node *node,
                                 const snug_op *op) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_pool3d_attributes pool = *(const snug_pool3d_attributes *)(const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    for (int i = 0; i < 3; i++)
        pool.input[i] = x->dims[2 + i];
    const snug_tensor_id inputs[] = {snug_backward_of(backward, node, 0), node->outputs[1]};
    snug_backward_give(backward, node, 0,
                       snug_graph_emit(backward->graph, op, &pool, inputs, op->max_inputs));
    return SNUG_OK;
}

static snug_status max_gradient(snug_backward *backward, const snug_node *node) {
    return give_gradient(backward, node, &snug_op_max_pool3d_backward);
}

static snug_status avg_gradient(snug_backward *backward, const snug_node *node) {
    return give_gradient(backward, node, &snug_op_avg_pool3d_backward);
}

// A window's pixels along one axis: |count| of them from |first| on, and how many with the padding.
typedef struct window {
    int64_t first, count, padded;
} window;

// How many of |count| numbers first, first + step ... lie below |limit|.
static int64_t below(int64_t first, int64_t step, int64_t count, int64_t limit) {
    int64_t found = limit > first ? (limit - first + step - 1) / step : 0;
    return found < count ? found : count;
}

static window window_at(const snug_pool3d_attributes *pool, int axis, int64_t index,
                        int64_t extent_) {
    int64_t begin = index * pool->stride[axis] - pool->padding[axis], step = pool->dilation[axis];
    int64_t kernel = pool->kernel[axis], before = below(begin, step, kernel, 0);
    return (window){.first = begin + before * step,
                    .count = below(begin, step, kernel, extent_) - before,
                    .padded = below(begin, step, kernel, extent_ + pool->padding[axis + 3])};
}

typedef struct windows {
    window axes[3];
    int64_t count, padded;
} windows;

static windows windows_at(const snug_pool3d_attributes *pool, const snug_type *x,
                          const int64_t *at) {
    windows result = {.count = 1, .padded = 1};
    for (int i = 0; i < 3; i++) {
        result.axes[i] = window_at(pool, i, at[2 + i], x->dims[2 + i]);
        result.count *= result.axes[i].count;
        result.padded *= result.axes[i].padded;
    }
    return result;
}

// The |index|-th pixel of a window, in row-major order.
static void pixel(const snug_pool3d_attributes *pool, const windows *all, int64_t index,
                  int64_t out[3]) {
    for (int i = 2; i >= 0; i--) {
        out[i] = all->axes[i].first + index % all->axes[i].count * pool->dilation[i];
        index /= all->axes[i].count;
    }
}

// How a pixel is told in |indices|.
static int64_t place_of(const snug_pool3d_attributes *pool, const snug_type *x, const int64_t *at,
                        const int64_t from[3]) {
    const int64_t *dims = x->dims + 2;
    int64_t rows = (from[0] * dims[1] + from[1]) * dims[2] + from[2];
    int64_t image = (at[0] * x->dims[1] + at[1]) * dims[0] * dims[1] * dims[2];
    if (pool->indices == SNUG_INDICES_PLANE) return rows;
    if (pool->indices == SNUG_INDICES_ROWS) return image + rows;
    return image + (from[2] * dims[1] + from[1]) * dims[0] + from[0];
}

// The reverse; false for what is no pixel of x.
static bool find_place(const snug_pool3d_attributes *pool, const snug_type *x, int64_t index,
                       int64_t out[3]) {
    const int64_t *dims = x->dims + 2;
    int64_t pixels = dims[0] * dims[1] * dims[2];
    if (index < 0 || pixels == 0) return false;
    index %= pixels;
    bool columns = pool->indices == SNUG_INDICES_COLUMNS;
    for (int i = 0; i < 3; i++) {
        int axis = columns ? i : 2 - i;
        out[axis] = index % dims[axis];
        index /= dims[axis];
    }
    return true;
}

static snug_status max_kernel(const snug_call *call) {
    const snug_pool3d_attributes *pool = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], from[3], best = -1;
        snug_reference_coordinates(&y->type, i, at);
        windows all = windows_at(pool, &x->type, at);
        double highest = 0;
        for (int64_t j = 0; j < all.count; j++) {
            pixel(pool, &all, j, from);
            double value = snug_view_get(x, snug_volume_index(&x->type, at[0], at[1], from));
            if (best >= 0 && !(value > highest) && !isnan(value)) continue;
            highest = value;
            best = place_of(pool, &x->type, at, from);
        }
        int64_t to = snug_volume_index(&y->type, at[0], at[1], at + 2);
        snug_view_set(y, to, highest);
        snug_view_set(&call->outputs[1], to, (double)best);
    }
    return SNUG_OK;
}

static void clear(const snug_view *view) {
    memset(view->data, 0, snug_type_bytes(&view->type));
}

static snug_status max_backward_kernel(const snug_call *call) {
    const snug_pool3d_attributes *pool = call->attributes;
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    int64_t elements = snug_type_elements(&dy->type);
    clear(dx);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], to[3];
        snug_reference_coordinates(&dy->type, i, at);
        int64_t from = snug_volume_index(&dy->type, at[0], at[1], at + 2);
        if (!find_place(pool, &dx->type, (int64_t)snug_view_get(&call->inputs[1], from), to))
            continue;
        int64_t place = snug_volume_index(&dx->type, at[0], at[1], to);
        snug_view_set(dx, place, snug_view_get(dx, place) + snug_view_get(dy, from));
    }
    return SNUG_OK;
}

static double divisor(const snug_pool3d_attributes *pool, const windows *all) {
    int64_t count = pool->count_include_pad ? all->padded : all->count;
    if (pool->count_include_pad == 2)
        return (double)pool->kernel[0] * (double)pool->kernel[1] * (double)pool->kernel[2];
    return count ? (double)count : 1;
}

static snug_status avg_kernel(const snug_call *call) {
    const snug_pool3d_attributes *pool = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], from[3];
        snug_reference_coordinates(&y->type, i, at);
        windows all = windows_at(pool, &x->type, at);
        double sum = 0;
        for (int64_t j = 0; j < all.count; j++) {
            pixel(pool, &all, j, from);
            sum += snug_view_get(x, snug_volume_index(&x->type, at[0], at[1], from));
        }
        snug_view_set(y, snug_volume_index(&y->type, at[0], at[1], at + 2),
                      sum / divisor(pool, &all));
    }
    return SNUG_OK;
}

static snug_status avg_backward_kernel(const snug_call *call) {
    const snug_pool3d_attributes *pool = call->attributes;
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    int64_t elements = snug_type_elements(&dy->type);
    clear(dx);
    for (int64_t i = 0; i < elements; i++) {
        int64_t at[SNUG_MAX_RANK], from[3];
        snug_reference_coordinates(&dy->type, i, at);
        windows all = windows_at(pool, &dx->type, at);
        double share = snug_view_get(dy, snug_volume_index(&dy->type, at[0], at[1], at + 2)) /
                       divisor(pool, &all);
        for (int64_t j = 0; j < all.count; j++) {
            pixel(pool, &all, j, from);
            int64_t to = snug_volume_index(&dx->type, at[0], at[1], from);
            snug_view_set(dx, to, snug_view_get(dx, to) + share);
        }
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    const snug_pool3d_attributes *pool = attributes;
    int64_t in = snug_type_elements(&inputs[0]), out = snug_type_elements(&outputs[0]);
    return (double)(in < out ? in : out) * (double)pool->kernel[0] * (double)pool->kernel[1] *
           (double)pool->kernel[2];
}

#define POOL(k, s, p0, p1, d, c, n)                                                                \
    .kernel = {k, k, k}, .stride = {s, s, s}, .padding = {p0, p0, p0, p1, p1, p1},                 \
    .dilation = {d, d, d}, .ceil_mode = (c), .count_include_pad = (n)
static const snug_pool3d_attributes plain = {POOL(2, 2, 0, 0, 1, 0, 0)},
                                    padded = {POOL(3, 2, 1, 1, 1, 0, 1)},
                                    ceiled = {POOL(3, 2, 0, 1, 1, 1, 1)},
                                    whole = {POOL(3, 2, 0, 1, 1, 1, 2)},
                                    dilated = {POOL(2, 1, 1, 0, 2, 0, 0), .indices = 1},
                                    columns = {POOL(2, 2, 1, 0, 1, 0, 0), .indices = 2};
static const snug_pool3d_attributes backward_plain = {POOL(2, 2, 0, 0, 1, 0, 0),
                                                      .input = {4, 5, 4}},
                                    backward_padded = {POOL(3, 2, 1, 1, 1, 0, 1),
                                                       .input = {3, 3, 4}},
                                    backward_dilated = {POOL(2, 1, 1, 0, 2, 0, 0), .indices = 1,
                                                        .input = {3, 4, 3}};

#define VOLUME(...) SNUG_SAMPLE_TENSOR(SNUG_F32, SNUG_CHANNELS_LAST, __VA_ARGS__)
#define INDICES(dtype, ...) SNUG_SAMPLE_TENSOR(dtype, SNUG_CHANNELS_LAST, __VA_ARGS__)
#define SAMPLE(label, pool, below, count, ...)                                                     \
    {                                                                                              \
        .name = (label), .attributes = &(pool), .input_count = (count), .inputs = {__VA_ARGS__},   \
        .integer_below = (below)                                                                   \
    }
static const snug_sample samples[] = {
    SAMPLE("plain", plain, 0, 1, VOLUME(2, 3, 4, 5, 4)),
    SAMPLE("padding counted", padded, 0, 1, VOLUME(2, 2, 3, 3, 4)),
    SAMPLE("ceil mode", ceiled, 0, 1, VOLUME(1, 2, 4, 3, 6)),
    SAMPLE("ceil mode, whole windows", whole, 0, 1, VOLUME(1, 2, 4, 3, 6)),
    SAMPLE("dilated, lopsided", dilated, 0, 1, VOLUME(2, 2, 3, 4, 3)),
    SAMPLE("column order", columns, 0, 1, VOLUME(2, 2, 1, 4, 3)),
};
static const snug_sample max_backward_samples[] = {
    SAMPLE("plain", backward_plain, 80, 2, VOLUME(2, 3, 2, 2, 2), INDICES(SNUG_I32, 2, 3, 2, 2, 2)),
    SAMPLE("int64 indices", backward_dilated, 144, 2, VOLUME(2, 2, 2, 3, 2),
           INDICES(SNUG_I64, 2, 2, 2, 3, 2)),
};
static const snug_sample avg_backward_samples[] = {
    SAMPLE("plain", backward_plain, 0, 1, VOLUME(2, 3, 2, 2, 2)),
    SAMPLE("padding counted", backward_padded, 0, 1, VOLUME(2, 2, 2, 2, 2)),
    SAMPLE("dilated", backward_dilated, 0, 1, VOLUME(2, 2, 2, 3, 2)),
};

#define SHARED                                                                                     \
    .attributes = attributes_table, .attributes_size = sizeof(snug_pool3d_attributes),             \
    .flops = flops

const snug_op snug_op_max_pool3d = {
    .name = "max_pool3d",
    SHARED,
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .infer = infer_max,
    .gradient = max_gradient,
    .gradient_outputs = 2,
    .reference = max_kernel,
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_max_pool3d_backward = {
    .name = "max_pool3d_backward",
    SHARED,
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = infer_backward,
    .reference = max_backward_kernel,
    SNUG_SAMPLES(max_backward_samples),
};

const snug_op snug_op_avg_pool3d = {
    .name = "avg_pool3d",
    SHARED,
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .infer = infer,
    .gradient = avg_gradient,
    .reference = avg_kernel,
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_avg_pool3d_backward = {
    .name = "avg_pool3d_backward",
    SHARED,
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .infer = infer_backward,
    .reference = avg_backward_kernel,
    SNUG_SAMPLES(avg_backward_samples),
};

static const snug_op *const ops[] = {&snug_op_max_pool3d, &snug_op_max_pool3d_backward,
                                     &snug_op_avg_pool3d, &snug_op_avg_pool3d_backward, NULL};
const snug_op_file snug_ops_pool3d = {ops};
