// Constant, and what is nothing but a value or another's name.
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

static snug_status set_reals(const snug_onnx_call *call, const snug_onnx_attribute *attribute,
                             bool is_scalar) {
    size_t count = is_scalar ? 1 : attribute->count;
    float values[4096];
    if (count > sizeof values / sizeof *values)
        return snug_fail(SNUG_UNSUPPORTED, "value_floats of %zu elements", count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(is_scalar ? attribute->real : attribute->reals[i]);
    snug_type type = is_scalar ? snug_type_scalar(SNUG_F32)
                               : snug_type_vector(SNUG_F32, (int64_t)attribute->count);
    return snug_onnx_set_known(call, 0, &type, values);
}

static snug_status translate_constant(const snug_onnx_call *call) {
    static const char nothing[8];
    for (size_t i = 0; i < call->node->attribute_count; i++) {
        const snug_onnx_attribute *attribute = &call->node->attributes[i];
        snug_type type = snug_type_scalar(SNUG_I64);
        switch (attribute->kind) {
        case SNUG_ONNX_TENSOR:
            if (!attribute->tensor.is_known)
                return snug_fail(SNUG_UNSUPPORTED, "elements of type %d",
                                 attribute->tensor.data_type);
            return snug_onnx_set_known(call, 0, &attribute->tensor.type,
                                       attribute->tensor.data ? attribute->tensor.data : nothing);
        case SNUG_ONNX_INT:
            return snug_onnx_set_known(call, 0, &type, &attribute->integer);
        case SNUG_ONNX_INTS:
            type = snug_type_vector(SNUG_I64, (int64_t)attribute->count);
            return snug_onnx_set_known(call, 0, &type, attribute->integers);
        case SNUG_ONNX_FLOAT:
            return set_reals(call, attribute, true);
        case SNUG_ONNX_FLOATS:
            return set_reals(call, attribute, false);
        default:
            break;
        }
    }
    return snug_fail(SNUG_UNSUPPORTED, "a constant that is no tensor of numbers");
}

static snug_status translate_identity(const snug_onnx_call *call) {
    snug_onnx_pass(call, 0, 0);
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"Constant", "", 0, 0, translate_constant},
    {"Identity", "", 1, 1, translate_identity},
};
const snug_onnx_operators snug_onnx_operators_constant = {rows, sizeof rows / sizeof *rows};
