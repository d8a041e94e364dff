// Random numbers, which are drawn anew in each step of a training. Where nothing is dropped, and
// where the network is evaluated, what is expected of them takes their place.
#include "onnx/operators/emit.h"

static snug_status refuse_written(const snug_onnx_call *call) {
    if (!call->as_written) return SNUG_OK;
    return snug_fail(SNUG_UNSUPPORTED, "the random numbers of another program");
}

static bool draws(const snug_onnx_call *call) {
    return call->training && !call->no_drop;
}

// |like| in shape; nodes are told apart by their place in the graph.
static snug_tensor_id emit_uniform(const snug_onnx_call *call, snug_tensor_id like, double low,
                                   double high) {
    snug_uniform_attributes uniform = {
        .low = low, .high = high, .salt = (int64_t)call->graph->node_count};
    return SNUG_EMIT(call->graph, &snug_op_uniform, &uniform, like);
}

// The element type of the attribute "dtype"; without one, that of the input.
static snug_status read_type(const snug_onnx_call *call, snug_dtype *out) {
    int64_t dtype = snug_onnx_integer(call, "dtype", 0);
    *out = dtype == 0    ? call->inputs[0].type.dtype
           : dtype == 10 ? SNUG_F16
           : dtype == 11 ? SNUG_F64
           : dtype == 16 ? SNUG_BF16
                         : SNUG_F32;
    if (dtype != 0 && dtype != 1 && dtype != 10 && dtype != 11 && dtype != 16)
        return snug_fail(SNUG_BAD_FILE, "dtype: a floating-point type expected, found %lld",
                         (long long)dtype);
    return SNUG_OK;
}

static snug_status translate_uniform(const snug_onnx_call *call) {
    double low = snug_onnx_real(call, "low", 0), high = snug_onnx_real(call, "high", 1);
    snug_dtype dtype;
    SNUG_TRY(refuse_written(call));
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    SNUG_TRY(read_type(call, &dtype));
    snug_tensor_id x = snug_onnx_use(call, 0);
    if (draws(call)) {
        snug_onnx_set(call, 0, emit_uniform(call, snug_emit_cast(call, x, dtype), low, high));
        return SNUG_OK;
    }
    snug_type type = call->inputs[0].type;
    type.dtype = dtype;
    snug_onnx_set(call, 0, snug_emit_full(call, &type, (low + high) / 2));
    return SNUG_OK;
}

// 1 with the probability that each element is.
static snug_status translate_bernoulli(const snug_onnx_call *call) {
    snug_dtype dtype;
    SNUG_TRY(refuse_written(call));
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 1, SNUG_MAX_RANK));
    SNUG_TRY(read_type(call, &dtype));
    snug_tensor_id p = snug_onnx_use(call, 0);
    if (draws(call)) p = snug_emit_binary(call, &snug_op_less, emit_uniform(call, p, 0, 1), p);
    snug_onnx_set(call, 0, snug_emit_cast(call, p, dtype));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"RandomUniformLike", "", 1, 1, translate_uniform},
    {"Bernoulli", "", 1, 1, translate_bernoulli},
};
const snug_onnx_operators snug_onnx_operators_random = {rows, sizeof rows / sizeof *rows};
