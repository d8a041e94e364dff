// Normalization without parameters: LRN, LpNormalization, MeanVarianceNormalization.
#include "onnx/operators/emit.h"

// x / (bias + alpha * mean of the squares of |size| neighbouring channels) ^ beta. The channels are
// pooled as the rows of an image of one channel; those beyond the ends count as 0.
static snug_status translate_lrn(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 3, SNUG_MAX_RANK));
    const snug_type *type = &call->inputs[0].type;
    int64_t size = snug_onnx_integer(call, "size", 0);
    if (size < 1 || size > INT32_MAX)
        return snug_fail(SNUG_BAD_FILE, "a size of at least 1 expected, found %lld",
                         (long long)size);
    int64_t pixels = 1;
    for (int i = 2; i < type->rank; i++)
        pixels *= type->dims[i];
    const int64_t rows[] = {type->dims[0], 1, type->dims[1], pixels};
    snug_pool2d_attributes pool = {.kernel = {size, 1},
                                   .stride = {1, 1},
                                   .dilation = {1, 1},
                                   .padding = {(size - 1) / 2, 0, size / 2, 0},
                                   .count_include_pad = 1};
    snug_tensor_id x = snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR);
    snug_tensor_id sum = snug_emit_reshape(call, snug_emit_binary(call, &snug_op_multiply, x, x),
                                           SNUG_CHANNELS_LAST, 4, rows);
    sum = SNUG_EMIT(call->graph, &snug_op_avg_pool2d, &pool, sum);
    sum = snug_emit_reshape(call, sum, SNUG_ROW_MAJOR, type->rank, type->dims);
    sum = snug_emit_with(call, &snug_op_multiply, sum, snug_onnx_real(call, "alpha", 1e-4));
    sum = snug_emit_with(call, &snug_op_add, sum, snug_onnx_real(call, "bias", 1));
    sum = snug_emit_with(call, &snug_op_power, sum, -snug_onnx_real(call, "beta", 0.75));
    snug_onnx_set(call, 0, snug_emit_binary(call, &snug_op_multiply, x, sum));
    return SNUG_OK;
}

// A norm of 0 gives 0.
static snug_status translate_lp(const snug_onnx_call *call) {
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    int64_t axis, p = snug_onnx_integer(call, "p", 2);
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", -1), call->inputs[0].type.rank, &axis));
    if (p != 1 && p != 2)
        return snug_fail(SNUG_BAD_FILE, "p of 1 or 2 expected, found %lld", (long long)p);
    snug_tensor_id x = snug_onnx_use(call, 0);
    snug_tensor_id size = p == 1 ? snug_emit_unary(call, &snug_op_abs, x)
                                 : snug_emit_binary(call, &snug_op_multiply, x, x);
    size = snug_emit_reduce(call, &snug_op_reduce_sum, size, UINT32_C(1) << axis);
    if (p == 2) size = snug_emit_unary(call, &snug_op_sqrt, size);
    snug_tensor_id is_zero = snug_emit_with(call, &snug_op_equal, size, 0);
    size =
        SNUG_EMIT(call->graph, &snug_op_where, NULL, is_zero, snug_emit_number(call, x, 1), size);
    snug_onnx_set(call, 0, snug_emit_binary(call, &snug_op_divide, x, size));
    return SNUG_OK;
}

static snug_status translate_mean_variance(const snug_onnx_call *call) {
    int64_t axes[SNUG_MAX_RANK] = {0, 2, 3}, axis;
    size_t count = 0;
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    int64_t given[SNUG_MAX_RANK];
    SNUG_TRY(snug_onnx_integers(call, "axes", given, SNUG_MAX_RANK, &count));
    for (size_t i = 0; i < count; i++)
        axes[i] = given[i];
    uint32_t bits = 0;
    for (size_t i = 0; i < (count ? count : 3); i++) {
        SNUG_TRY(snug_onnx_axis(axes[i], call->inputs[0].type.rank, &axis));
        bits |= UINT32_C(1) << axis;
    }
    snug_tensor_id x = snug_onnx_use(call, 0);
    snug_tensor_id mean = snug_emit_reduce(call, &snug_op_reduce_mean, x, bits);
    x = snug_emit_binary(call, &snug_op_subtract, x, mean);
    snug_tensor_id deviation = snug_emit_reduce(
        call, &snug_op_reduce_mean, snug_emit_binary(call, &snug_op_multiply, x, x), bits);
    deviation = snug_emit_unary(call, &snug_op_sqrt, deviation);
    deviation = snug_emit_with(call, &snug_op_add, deviation, 1e-9); // of the definition
    snug_onnx_set(call, 0, snug_emit_binary(call, &snug_op_divide, x, deviation));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"LRN", "", 1, 1, translate_lrn},
    {"LpNormalization", "", 1, 1, translate_lp},
    {"MeanVarianceNormalization", "", 1, 1, translate_mean_variance},
};
const snug_onnx_operators snug_onnx_operators_local_normalization = {rows,
                                                                     sizeof rows / sizeof *rows};
