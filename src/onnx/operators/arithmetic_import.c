// Arithmetic with attributes or any number of operands. The operators of snug's that are ONNX's
// without more (Add, Sub, Where, Equal ...) need no row.
#include <math.h>
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

// Any number of operands, one after the other.
static snug_tensor_id fold(const snug_onnx_call *call, const snug_op *op) {
    int rank = 0;
    for (size_t i = 0; i < call->input_count; i++)
        if (call->inputs[i].type.rank > rank) rank = call->inputs[i].type.rank;
    snug_layout layout = snug_onnx_common_layout(call);
    snug_tensor_id total = snug_onnx_use_ranked(call, 0, rank, layout);
    for (size_t i = 1; i < call->input_count; i++)
        total =
            SNUG_EMIT(call->graph, op, NULL, total, snug_onnx_use_ranked(call, i, rank, layout));
    return total;
}

static snug_status set_fold(const snug_onnx_call *call, const snug_op *op) {
    if (call->input_count == 1)
        snug_onnx_pass(call, 0, 0);
    else
        snug_onnx_set(call, 0, fold(call, op));
    return SNUG_OK;
}

static snug_status translate_sum(const snug_onnx_call *call) {
    return set_fold(call, &snug_op_add);
}

static snug_status translate_max(const snug_onnx_call *call) {
    return set_fold(call, &snug_op_maximum);
}

static snug_status translate_min(const snug_onnx_call *call) {
    return set_fold(call, &snug_op_minimum);
}

static snug_status translate_mean(const snug_onnx_call *call) {
    if (call->input_count == 1) return set_fold(call, &snug_op_add);
    snug_tensor_id total = fold(call, &snug_op_add);
    snug_tensor_id share =
        snug_onnx_scalar(call, call->inputs[0].type.dtype, 1 / (double)call->input_count);
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_multiply, NULL, total, share));
    return SNUG_OK;
}

static snug_status translate_mod(const snug_onnx_call *call) {
    bool is_remainder = snug_onnx_integer(call, "fmod", 0) != 0;
    return set_fold(call, is_remainder ? &snug_op_remainder : &snug_op_modulo);
}

static snug_status translate_shift(const snug_onnx_call *call) {
    const char *direction = snug_onnx_text(call, "direction", "");
    bool left = strcmp(direction, "LEFT") == 0;
    if (!left && strcmp(direction, "RIGHT") != 0)
        return snug_fail(SNUG_BAD_FILE, "direction LEFT or RIGHT expected, found \"%.40s\"",
                         direction);
    return set_fold(call, left ? &snug_op_shift_left : &snug_op_shift_right);
}

static snug_status translate_is_infinite(const snug_onnx_call *call) {
    snug_parameter_attributes signs = {
        .alpha = (double)snug_onnx_integer(call, "detect_positive", 1),
        .beta = (double)snug_onnx_integer(call, "detect_negative", 1)};
    snug_onnx_set(call, 0,
                  SNUG_EMIT(call->graph, &snug_op_is_infinite, &signs, snug_onnx_use(call, 0)));
    return SNUG_OK;
}

// A bound of Clip: an attribute before opset 11, then an input, which may be computed.
typedef struct bound {
    bool is_given, is_known;
    double value;
} bound;

static snug_status read_bound(const snug_onnx_call *call, size_t index, const char *name,
                              double none, bound *out) {
    size_t count = 1;
    *out = (bound){.is_known = true, .value = none};
    if (call->opset < 11) {
        out->value = snug_onnx_real(call, name, none);
        out->is_given = snug_onnx_attribute_find(call->node, name) != NULL;
        return SNUG_OK;
    }
    out->is_given = snug_onnx_has(call, index);
    if (!out->is_given) return SNUG_OK;
    out->is_known = call->inputs[index].data != NULL;
    if (out->is_known) SNUG_TRY(snug_onnx_known_reals(call, index, &out->value, 1, &count));
    if (count == 1) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "one number expected as %s", name);
}

static snug_tensor_id bound_tensor(const snug_onnx_call *call, size_t index, const bound *at) {
    if (call->opset < 11) return snug_onnx_scalar(call, call->inputs[0].type.dtype, at->value);
    snug_reshape_attributes scalar = {0};
    return SNUG_EMIT(call->graph, &snug_op_reshape, &scalar, snug_onnx_use(call, index));
}

static snug_status translate_clip(const snug_onnx_call *call) {
    bound low, high;
    SNUG_TRY(read_bound(call, 1, "min", -INFINITY, &low));
    SNUG_TRY(read_bound(call, 2, "max", INFINITY, &high));
    snug_tensor_id x = snug_onnx_use(call, 0);
    if (!low.is_given && !high.is_given) {
        snug_onnx_pass(call, 0, 0);
        return SNUG_OK;
    }
    if (low.is_known && high.is_known && snug_dtype_is_float(call->inputs[0].type.dtype)) {
        snug_parameter_attributes bounds = {.alpha = low.value, .beta = high.value};
        bool is_relu = low.value == 0 && high.value == INFINITY;
        bool is_relu6 = low.value == 0 && high.value == 6;
        const snug_op *op = is_relu ? &snug_op_relu : is_relu6 ? &snug_op_relu6 : &snug_op_clip;
        snug_onnx_set(call, 0, SNUG_EMIT(call->graph, op, &bounds, x));
        return SNUG_OK;
    }
    // The upper bound last: it wins where the lower one is above it.
    if (low.is_given)
        x = SNUG_EMIT(call->graph, &snug_op_maximum, NULL, x, bound_tensor(call, 1, &low));
    if (high.is_given)
        x = SNUG_EMIT(call->graph, &snug_op_minimum, NULL, x, bound_tensor(call, 2, &high));
    snug_onnx_set(call, 0, x);
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"Sum", "", 1, 0, translate_sum},           {"Mean", "", 1, 0, translate_mean},
    {"Max", "", 1, 0, translate_max},           {"Min", "", 1, 0, translate_min},
    {"Mod", "", 2, 2, translate_mod},           {"BitShift", "", 2, 2, translate_shift},
    {"IsInf", "", 1, 1, translate_is_infinite}, {"Clip", "", 1, 3, translate_clip},
};
const snug_onnx_operators snug_onnx_operators_arithmetic = {rows, sizeof rows / sizeof *rows};
