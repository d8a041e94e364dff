// Pooling over windows and over all pixels. Images of plain windows have operators of their own;
// all else is pooled as volumes.
#include "onnx/operators/window.h"

static snug_status read_window(const snug_onnx_call *call, snug_window *window) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 3, 5));
    const snug_type *x = &call->inputs[0].type;
    SNUG_TRY(snug_window_read_all(call, x, NULL, SNUG_WINDOW_AXES, window));
    snug_window_pad_same(call, window);
    return SNUG_OK;
}

// Whether the operators of images take |window|.
static bool is_plain(const snug_window *window, const snug_type *x, bool takes_dilation) {
    bool plain = x->rank <= 4 && snug_dtype_is_float(x->dtype);
    for (int i = 1; i < SNUG_WINDOW_AXES; i++)
        plain = plain && window->begin[i] < window->kernel[i] &&
                window->end[i] < window->kernel[i] && (takes_dilation || window->dilation[i] == 1);
    return plain;
}

static snug_pool3d_attributes volume_of(const snug_window *window) {
    snug_pool3d_attributes pool = {0};
    for (int i = 0; i < SNUG_WINDOW_AXES; i++) {
        pool.kernel[i] = window->kernel[i];
        pool.stride[i] = window->stride[i];
        pool.dilation[i] = window->dilation[i];
        pool.padding[i] = window->begin[i];
        pool.padding[SNUG_WINDOW_AXES + i] = window->end[i];
    }
    return pool;
}

static snug_pool2d_attributes image_of(const snug_pool3d_attributes *pool) {
    snug_pool2d_attributes image = {.ceil_mode = pool->ceil_mode,
                                    .count_include_pad = pool->count_include_pad};
    for (int i = 0; i < 2; i++) {
        image.kernel[i] = pool->kernel[1 + i];
        image.stride[i] = pool->stride[1 + i];
        image.dilation[i] = pool->dilation[1 + i];
        image.padding[i] = pool->padding[1 + i];
        image.padding[2 + i] = pool->padding[4 + i];
    }
    return image;
}

static snug_status translate_max(const snug_onnx_call *call) {
    snug_window window;
    SNUG_TRY(read_window(call, &window));
    const snug_type *x = &call->inputs[0].type;
    bool indices = snug_onnx_is_used(call, 1);
    snug_pool3d_attributes pool = volume_of(&window);
    pool.ceil_mode = snug_onnx_integer(call, "ceil_mode", 0) != 0;
    int64_t order = snug_onnx_integer(call, "storage_order", 0);
    if (indices) pool.indices = order ? SNUG_INDICES_COLUMNS : SNUG_INDICES_ROWS;
    if (!indices && is_plain(&window, x, true)) {
        snug_pool2d_attributes image = image_of(&pool);
        snug_tensor_id y =
            SNUG_EMIT(call->graph, &snug_op_max_pool2d, &image, snug_window_use(call, 0, 2));
        snug_onnx_set(call, 0, snug_window_result(call, y, x->rank));
        return SNUG_OK;
    }
    snug_tensor_id input = snug_window_use(call, 0, SNUG_WINDOW_AXES);
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS] = {SNUG_NO_TENSOR, SNUG_NO_TENSOR};
    snug_graph_node(call->graph, &snug_op_max_pool3d, &pool, &input, 1, outputs);
    snug_onnx_set(call, 0, snug_window_result(call, outputs[0], x->rank));
    if (indices) snug_onnx_set(call, 1, snug_window_result(call, outputs[1], x->rank));
    return SNUG_OK;
}

enum { whole_windows = 2 }; // of count_include_pad

static snug_tensor_id emit_average(const snug_onnx_call *call, const snug_window *window,
                                   snug_tensor_id x, int64_t counts_padding) {
    snug_pool3d_attributes pool = volume_of(window);
    pool.ceil_mode = snug_onnx_integer(call, "ceil_mode", 0) != 0;
    pool.count_include_pad = counts_padding;
    const snug_type *type = &call->inputs[0].type;
    bool plain = counts_padding != whole_windows && is_plain(window, type, false);
    int64_t dims[SNUG_MAX_RANK] = {type->dims[0], type->dims[1], 1, 1, 1};
    int rank = plain ? 4 : 5;
    for (int i = 2; i < type->rank; i++)
        dims[rank - type->rank + i] = type->dims[i];
    x = snug_emit_reshape(call, x, SNUG_CHANNELS_LAST, rank, dims);
    snug_pool2d_attributes image = image_of(&pool);
    x = plain ? SNUG_EMIT(call->graph, &snug_op_avg_pool2d, &image, x)
              : SNUG_EMIT(call->graph, &snug_op_avg_pool3d, &pool, x);
    return snug_window_result(call, x, type->rank);
}

static snug_status translate_average(const snug_onnx_call *call) {
    snug_window window;
    SNUG_TRY(read_window(call, &window));
    bool counts = snug_onnx_integer(call, "count_include_pad", 0) != 0;
    snug_onnx_set(
        call, 0,
        emit_average(call, &window, snug_onnx_use_as(call, 0, SNUG_CHANNELS_LAST), counts));
    return SNUG_OK;
}

// (|x| ^ p), and its inverse on what was summed.
static snug_tensor_id emit_power(const snug_onnx_call *call, snug_tensor_id x, double p) {
    if (p == 1) return x;
    if (p == 2) return snug_emit_binary(call, &snug_op_multiply, x, x);
    return p == 0.5 ? snug_emit_unary(call, &snug_op_sqrt, x)
                    : snug_emit_with(call, &snug_op_power, x, p);
}

static snug_status read_order(const snug_onnx_call *call, double *p) {
    *p = (double)snug_onnx_integer(call, "p", 2);
    return *p >= 1 ? SNUG_OK : snug_fail(SNUG_BAD_FILE, "p of at least 1 expected, found %g", *p);
}

// The p-norm of windows, of which padding adds nothing to the sum, whether it counts or not.
static snug_status translate_norm(const snug_onnx_call *call) {
    snug_window window;
    double p, elements = 1;
    SNUG_TRY(read_window(call, &window));
    SNUG_TRY(read_order(call, &p));
    for (int i = 0; i < SNUG_WINDOW_AXES; i++)
        elements *= (double)window.kernel[i];
    snug_tensor_id x = snug_onnx_use_as(call, 0, SNUG_CHANNELS_LAST);
    x = emit_power(call, p == 2 ? x : snug_emit_unary(call, &snug_op_abs, x), p);
    x = emit_average(call, &window, x, whole_windows);
    x = snug_emit_with(call, &snug_op_multiply, x, elements);
    snug_onnx_set(call, 0, emit_power(call, x, 1 / p));
    return SNUG_OK;
}

static uint32_t pixel_axes(const snug_onnx_call *call) {
    return (UINT32_C(1) << call->inputs[0].type.rank) - 4;
}

static snug_status translate_global_average(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 2, SNUG_MAX_RANK));
    int rank = call->inputs[0].type.rank;
    static const snug_adaptive_pool2d_attributes one = {.output = {1, 1}};
    snug_tensor_id x = snug_onnx_use_as(call, 0, snug_emit_image_layout(rank));
    snug_onnx_set(call, 0,
                  rank == 4 ? SNUG_EMIT(call->graph, &snug_op_adaptive_avg_pool2d, &one, x)
                            : snug_emit_reduce(call, &snug_op_reduce_mean, x, pixel_axes(call)));
    return SNUG_OK;
}

static snug_status translate_global_max(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 3, SNUG_MAX_RANK));
    static const snug_adaptive_pool2d_attributes one = {.output = {1, 1}};
    const snug_type *type = &call->inputs[0].type;
    int64_t pixels = 1, ones[SNUG_MAX_RANK] = {type->dims[0], type->dims[1], 1, 1, 1, 1, 1, 1};
    for (int i = 2; i < type->rank; i++)
        if (__builtin_mul_overflow(pixels, type->dims[i], &pixels)) pixels = 0;
    if (pixels == 0) return snug_fail(SNUG_BAD_FILE, "images with pixels expected");
    const int64_t flat[] = {type->dims[0], type->dims[1], 1, pixels};
    snug_tensor_id x = snug_onnx_use_as(call, 0, SNUG_CHANNELS_LAST);
    x = snug_emit_reshape(call, x, SNUG_CHANNELS_LAST, 4, flat);
    snug_tensor_id y = SNUG_EMIT(call->graph, &snug_op_adaptive_max_pool2d, &one, x);
    snug_onnx_set(call, 0, snug_emit_reshape(call, y, SNUG_CHANNELS_LAST, type->rank, ones));
    return SNUG_OK;
}

static snug_status translate_global_norm(const snug_onnx_call *call) {
    double p;
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 2, SNUG_MAX_RANK));
    SNUG_TRY(read_order(call, &p));
    snug_tensor_id x = snug_onnx_use(call, 0);
    x = emit_power(call, p == 2 ? x : snug_emit_unary(call, &snug_op_abs, x), p);
    x = snug_emit_reduce(call, &snug_op_reduce_sum, x, pixel_axes(call));
    snug_onnx_set(call, 0, emit_power(call, x, 1 / p));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"MaxPool", "", 1, 1, translate_max},
    {"AveragePool", "", 1, 1, translate_average},
    {"LpPool", "", 1, 1, translate_norm},
    {"GlobalAveragePool", "", 1, 1, translate_global_average},
    {"GlobalMaxPool", "", 1, 1, translate_global_max},
    {"GlobalLpPool", "", 1, 1, translate_global_norm},
};
const snug_onnx_operators snug_onnx_operators_pooling = {rows, sizeof rows / sizeof *rows};
