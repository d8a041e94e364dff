// Normalization of samples, or parts of them: layer, group, instance and RMS norm.
#include "onnx/operators/emit.h"

// 16-bit data is normalised in float32, as stash_type has it.
static snug_dtype working_type(snug_dtype dtype) {
    return dtype == SNUG_F16 || dtype == SNUG_BF16 ? SNUG_F32 : dtype;
}

// x normalised over its last |axes| dimensions; |scale| and |shift| of that shape, or
// SNUG_NO_TENSOR. |outputs|: y, mean, 1 / deviation.
static void emit_norm(const snug_onnx_call *call, snug_tensor_id x, int axes, double eps,
                      snug_tensor_id scale, snug_tensor_id shift,
                      snug_tensor_id outputs[SNUG_MAX_OUTPUTS]) {
    outputs[0] = outputs[1] = outputs[2] = SNUG_NO_TENSOR;
    if (x == SNUG_NO_TENSOR) return;
    snug_type type = *snug_emit_type(call, x);
    snug_layer_norm_attributes norm = {.eps = eps, .axes = axes};
    snug_type line = snug_type_make(type.dtype, SNUG_ROW_MAJOR, axes, type.dims + type.rank - axes);
    if (scale == SNUG_NO_TENSOR) scale = snug_emit_full(call, &line, 1);
    if (shift == SNUG_NO_TENSOR) shift = snug_emit_full(call, &line, 0);
    const snug_tensor_id inputs[] = {x, snug_emit_cast(call, scale, type.dtype),
                                     snug_emit_cast(call, shift, type.dtype)};
    snug_graph_node(call->graph, &snug_op_layer_norm, &norm, inputs, 3, outputs);
}

// y * scale + shift with numpy's broadcasting; absent ones are left out.
static snug_tensor_id emit_affine(const snug_onnx_call *call, snug_tensor_id y,
                                  snug_tensor_id scale, snug_tensor_id shift) {
    if (scale != SNUG_NO_TENSOR) y = snug_emit_binary(call, &snug_op_multiply, y, scale);
    if (shift != SNUG_NO_TENSOR) y = snug_emit_binary(call, &snug_op_add, y, shift);
    return y;
}

static bool has_shape(const snug_type *type, int rank, const int64_t *dims) {
    snug_type expected = snug_type_make(type->dtype, SNUG_ROW_MAJOR, rank, dims);
    return snug_type_same_shape(type, &expected);
}

static snug_status read_axis(const snug_onnx_call *call, int *axes) {
    int64_t axis;
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    int rank = call->inputs[0].type.rank;
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", -1), rank, &axis));
    *axes = rank - (int)axis;
    return SNUG_OK;
}

static snug_status translate_layer(const snug_onnx_call *call) {
    int axes;
    SNUG_TRY(read_axis(call, &axes));
    const snug_type *x = &call->inputs[0].type;
    const int64_t *line = x->dims + x->rank - axes;
    snug_tensor_id scale = snug_onnx_use_as(call, 1, SNUG_ROW_MAJOR);
    snug_tensor_id shift = snug_onnx_use_as(call, 2, SNUG_ROW_MAJOR);
    bool fits = has_shape(&call->inputs[1].type, axes, line) &&
                (!snug_onnx_has(call, 2) || has_shape(&call->inputs[2].type, axes, line));
    snug_dtype working = working_type(x->dtype);
    fits = fits && working == x->dtype;
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS];
    snug_tensor_id input = snug_emit_cast(call, snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR), working);
    emit_norm(call, input, axes, snug_onnx_real(call, "epsilon", 1e-5),
              fits ? scale : SNUG_NO_TENSOR, fits ? shift : SNUG_NO_TENSOR, outputs);
    snug_tensor_id y = snug_emit_cast(call, outputs[0], x->dtype);
    snug_onnx_set(call, 0, fits ? y : emit_affine(call, y, scale, shift));
    int64_t dims[SNUG_MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        dims[i] = i < x->rank - axes ? x->dims[i] : 1;
    for (size_t i = 1; i < 3; i++)
        if (snug_onnx_is_used(call, i))
            snug_onnx_set(call, i,
                          snug_emit_reshape(call, outputs[i], SNUG_ROW_MAJOR, x->rank, dims));
    return SNUG_OK;
}

static snug_status translate_rms(const snug_onnx_call *call) {
    int axes;
    SNUG_TRY(read_axis(call, &axes));
    const snug_type *type = &call->inputs[0].type;
    uint32_t bits = ((UINT32_C(1) << axes) - 1) << (type->rank - axes);
    snug_tensor_id x =
        snug_emit_cast(call, snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR), working_type(type->dtype));
    snug_tensor_id mean = snug_emit_reduce(call, &snug_op_reduce_mean,
                                           snug_emit_binary(call, &snug_op_multiply, x, x), bits);
    mean = snug_emit_with(call, &snug_op_add, mean, snug_onnx_real(call, "epsilon", 1e-5));
    snug_tensor_id inverse =
        snug_emit_unary(call, &snug_op_reciprocal, snug_emit_unary(call, &snug_op_sqrt, mean));
    snug_tensor_id y =
        snug_emit_cast(call, snug_emit_binary(call, &snug_op_multiply, x, inverse), type->dtype);
    snug_onnx_set(call, 0,
                  emit_affine(call, y, snug_onnx_use_as(call, 1, SNUG_ROW_MAJOR), SNUG_NO_TENSOR));
    return SNUG_OK;
}

// x (N, C, ...) normalised over each of |groups| groups of channels; scale and shift have a value a
// group or a channel.
static snug_status emit_groups(const snug_onnx_call *call, int64_t groups) {
    const snug_type *type = &call->inputs[0].type;
    SNUG_TRY(snug_onnx_expect_rank(call, 1, 1, 1));
    SNUG_TRY(snug_onnx_expect_rank(call, 2, 1, 1));
    int64_t channels = type->dims[1], count = call->inputs[1].type.dims[0];
    if (groups < 1 || channels % groups != 0 || (count != groups && count != channels) ||
        call->inputs[2].type.dims[0] != count)
        return snug_fail(SNUG_BAD_FILE,
                         "%lld groups of %lld channels do not fit, or %lld scales do not",
                         (long long)groups, (long long)channels, (long long)count);
    int64_t line = channels / groups;
    for (int i = 2; i < type->rank; i++)
        line *= type->dims[i];
    const int64_t parts[] = {type->dims[0], groups, line};
    snug_tensor_id x =
        snug_emit_cast(call, snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR), working_type(type->dtype));
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS];
    x = snug_emit_reshape(call, x, SNUG_ROW_MAJOR, 3, parts);
    emit_norm(call, x, 1, snug_onnx_real(call, "epsilon", 1e-5), SNUG_NO_TENSOR, SNUG_NO_TENSOR,
              outputs);
    snug_tensor_id y = snug_emit_cast(call, outputs[0], type->dtype);
    bool each_channel = count == channels;
    const int64_t lines[] = {type->dims[0], channels, channels ? line / (channels / groups) : 0};
    if (each_channel) y = snug_emit_reshape(call, y, SNUG_ROW_MAJOR, 3, lines);
    y = emit_affine(call, y, snug_emit_channels(call, snug_onnx_use(call, 1), 3, SNUG_ROW_MAJOR),
                    snug_emit_channels(call, snug_onnx_use(call, 2), 3, SNUG_ROW_MAJOR));
    snug_onnx_set(call, 0, snug_emit_reshape(call, y, SNUG_ROW_MAJOR, type->rank, type->dims));
    return SNUG_OK;
}

static snug_status translate_group(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 2, SNUG_MAX_RANK));
    return emit_groups(call, snug_onnx_integer(call, "num_groups", 0));
}

static snug_status translate_instance(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 3, SNUG_MAX_RANK));
    return emit_groups(call, call->inputs[0].type.dims[1]);
}

static const snug_onnx_operator rows[] = {
    {"LayerNormalization", "", 2, 3, translate_layer},
    {"RMSNormalization", "", 2, 2, translate_rms},
    {"GroupNormalization", "", 3, 3, translate_group},
    {"InstanceNormalization", "", 3, 3, translate_instance},
};
const snug_onnx_operators snug_onnx_operators_normalization = {rows, sizeof rows / sizeof *rows};
