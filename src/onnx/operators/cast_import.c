// Cast and CastLike.
#include "onnx/import.h"
#include "ops/ops.h"

static snug_status set_cast(const snug_onnx_call *call, snug_dtype dtype) {
    if (call->inputs[0].type.dtype == dtype) {
        snug_onnx_pass(call, 0, 0);
        return SNUG_OK;
    }
    snug_cast_attributes attributes = {.dtype = dtype};
    snug_onnx_set(call, 0,
                  SNUG_EMIT(call->graph, &snug_op_cast, &attributes, snug_onnx_use(call, 0)));
    return SNUG_OK;
}

static snug_status translate_cast(const snug_onnx_call *call) {
    int64_t to = snug_onnx_integer(call, "to", 0);
    snug_dtype dtype;
    if (!snug_onnx_dtype(to, &dtype))
        return snug_fail(SNUG_UNSUPPORTED, "elements of type %lld", (long long)to);
    return set_cast(call, dtype);
}

static snug_status translate_cast_like(const snug_onnx_call *call) {
    return set_cast(call, call->inputs[1].type.dtype);
}

static const snug_onnx_operator rows[] = {
    {"Cast", "", 1, 1, translate_cast},
    {"CastLike", "", 2, 2, translate_cast_like},
};
const snug_onnx_operators snug_onnx_operators_cast = {rows, sizeof rows / sizeof *rows};
