// Conv and ConvTranspose in one, two and three dimensions; signals are images of one row.
#include "onnx/operators/window.h"

// x of 3 to 5 dimensions and a weight of the same rank.
static snug_status check(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 3, 5));
    SNUG_TRY(snug_onnx_expect_rank(call, 1, 3, 5));
    if (call->inputs[0].type.rank != call->inputs[1].type.rank)
        return snug_fail(SNUG_BAD_FILE, "a weight of %d dimensions expected, found %d",
                         call->inputs[0].type.rank, call->inputs[1].type.rank);
    int64_t groups = snug_onnx_integer(call, "group", 1);
    if (groups < 1 || call->inputs[1].type.dims[0] % groups != 0)
        return snug_fail(SNUG_BAD_FILE, "%lld groups do not divide the weight's %lld",
                         (long long)groups, (long long)call->inputs[1].type.dims[0]);
    return SNUG_OK;
}

static int axes_of(const snug_onnx_call *call) {
    return call->inputs[0].type.rank == 5 ? 3 : 2;
}

// The weight (O, C, ...) with a row of 1 where a signal has one dimension.
static snug_tensor_id use_weight(const snug_onnx_call *call, int axes) {
    const snug_type *type = &call->inputs[1].type;
    int64_t dims[SNUG_MAX_RANK] = {type->dims[0], type->dims[1], 1, 1, 1};
    for (int i = 2; i < type->rank; i++)
        dims[axes + 4 - type->rank + i - 2] = type->dims[i];
    return snug_emit_reshape(call, snug_onnx_use_as(call, 1, SNUG_ROW_MAJOR), SNUG_ROW_MAJOR,
                             axes + 2, dims);
}

// Emits |image| or |volume| with the attributes of |window|; |input| is x's extent for a transposed
// convolution.
static snug_tensor_id emit(const snug_onnx_call *call, const snug_op *image, const snug_op *volume,
                           const snug_window *window, const int64_t *input,
                           const snug_tensor_id *inputs, int count) {
    snug_conv2d_attributes flat = {.groups = snug_onnx_integer(call, "group", 1)};
    snug_conv3d_attributes deep = {.groups = flat.groups};
    bool is_deep = window->axes == 3;
    for (int i = 0; i < window->axes; i++) {
        (is_deep ? deep.stride : flat.stride)[i] = window->stride[i];
        (is_deep ? deep.dilation : flat.dilation)[i] = window->dilation[i];
        (is_deep ? deep.padding : flat.padding)[i] = window->begin[i];
        (is_deep ? deep.padding : flat.padding)[window->axes + i] = window->end[i];
        (is_deep ? deep.input : flat.input)[i] = input ? input[i] : 0;
    }
    return snug_graph_emit(call->graph, is_deep ? volume : image,
                           is_deep ? (const void *)&deep : (const void *)&flat, inputs, count);
}

static snug_status translate(const snug_onnx_call *call) {
    SNUG_TRY(check(call));
    int rank = call->inputs[0].type.rank, axes = axes_of(call);
    snug_window window;
    SNUG_TRY(
        snug_window_read_all(call, &call->inputs[0].type, &call->inputs[1].type, axes, &window));
    snug_window_pad_same(call, &window);
    const snug_tensor_id inputs[] = {snug_window_use(call, 0, axes), use_weight(call, axes),
                                     snug_onnx_use(call, 2)};
    snug_tensor_id y = emit(call, &snug_op_conv2d, &snug_op_conv3d, &window, NULL, inputs,
                            snug_onnx_has(call, 2) ? 3 : 2);
    snug_onnx_set(call, 0, snug_window_result(call, y, rank));
    return SNUG_OK;
}

// The extents of the result of a transposed convolution, and the padding where output_shape or
// auto_pad leave it open.
static snug_status size_transposed(const snug_onnx_call *call, snug_window *window,
                                   int64_t *output) {
    int spare = window->spare, own = window->axes - spare;
    int64_t extra[SNUG_WINDOW_AXES] = {0}, asked[SNUG_WINDOW_AXES] = {0};
    SNUG_TRY(snug_window_read(call, "output_padding", 0, own, extra + spare));
    SNUG_TRY(snug_window_read(call, "output_shape", 1, own, asked + spare));
    for (int i = 0; i < window->axes; i++) {
        int64_t whole =
            window->stride[i] * (window->input[i] - 1) + extra[i] + snug_window_span(window, i);
        if (i >= spare && snug_window_is_same(call) && !asked[i])
            asked[i] = window->input[i] * window->stride[i];
        output[i] = asked[i] ? asked[i] : whole - window->begin[i] - window->end[i];
        bool upper = snug_window_is_same(call) && !snug_window_is_lower(call);
        if (asked[i]) snug_window_share(window, i, whole - output[i], !upper);
        int64_t rest = output[i] + window->begin[i] + window->end[i] - snug_window_span(window, i);
        if (output[i] < 1 || rest < 0 || rest / window->stride[i] + 1 != window->input[i])
            return snug_fail(SNUG_UNSUPPORTED,
                             "a transposed convolution of %lld elements to %lld: its output "
                             "padding of a stride or more is not supported",
                             (long long)window->input[i], (long long)output[i]);
    }
    return SNUG_OK;
}

static snug_status translate_transposed(const snug_onnx_call *call) {
    SNUG_TRY(check(call));
    int rank = call->inputs[0].type.rank, axes = axes_of(call);
    int64_t output[SNUG_WINDOW_AXES] = {0};
    snug_window window;
    SNUG_TRY(
        snug_window_read_all(call, &call->inputs[0].type, &call->inputs[1].type, axes, &window));
    SNUG_TRY(size_transposed(call, &window, output));
    const snug_tensor_id inputs[] = {snug_window_use(call, 0, axes), use_weight(call, axes)};
    snug_tensor_id y = emit(call, &snug_op_conv2d_backward_input, &snug_op_conv3d_backward_input,
                            &window, output, inputs, 2);
    if (snug_onnx_has(call, 2)) {
        snug_tensor_id bias =
            snug_emit_channels(call, snug_onnx_use(call, 2), axes + 2, SNUG_CHANNELS_LAST);
        y = snug_emit_binary(call, &snug_op_add, y, bias);
    }
    snug_onnx_set(call, 0, snug_window_result(call, y, rank));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"Conv", "", 2, 3, translate},
    {"ConvTranspose", "", 2, 3, translate_transposed},
};
const snug_onnx_operators snug_onnx_operators_convolution = {rows, sizeof rows / sizeof *rows};
