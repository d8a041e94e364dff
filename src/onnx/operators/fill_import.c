// Tensors from few numbers: ConstantOfShape, Range, Expand.
#include <math.h>
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"
#include "ops/reference.h"

static snug_status translate_constant_of_shape(const snug_onnx_call *call) {
    snug_fill_attributes fill = {.dtype = SNUG_F32};
    size_t rank;
    SNUG_TRY(snug_onnx_known_integers(call, 0, fill.dims, SNUG_MAX_RANK, &rank));
    fill.rank = (int64_t)rank;
    const snug_onnx_attribute *value = snug_onnx_attribute_find(call->node, "value");
    if (value) {
        const snug_onnx_tensor *tensor = &value->tensor;
        if (value->kind != SNUG_ONNX_TENSOR || !tensor->is_known ||
            snug_type_elements(&tensor->type) != 1)
            return snug_fail(SNUG_BAD_FILE, "a value of one number expected");
        int64_t element = 0; // the file's is not aligned
        memcpy(&element, tensor->data, tensor->bytes);
        fill.dtype = tensor->type.dtype;
        fill.value = snug_reference_load(&element, tensor->type.dtype, 0);
        if (!snug_onnx_is_exact(&element, tensor->type.dtype))
            return snug_fail(SNUG_UNSUPPORTED,
                             "%lld is filled in, but whole numbers are exact up to 2^53 there",
                             (long long)element);
    }
    snug_onnx_set(call, 0, SNUG_EMIT_NONE(call->graph, &snug_op_fill, &fill));
    return SNUG_OK;
}

static snug_status translate_range(const snug_onnx_call *call) {
    double values[3];
    size_t count;
    for (size_t i = 0; i < 3; i++) {
        SNUG_TRY(snug_onnx_known_reals(call, i, &values[i], 1, &count));
        if (count != 1) return snug_fail(SNUG_BAD_FILE, "input %zu: one number expected", i);
    }
    double length = ceil((values[1] - values[0]) / values[2]);
    if (values[2] == 0 || !(length <= 0x1p40))
        return snug_fail(SNUG_BAD_FILE, "no range goes from %g to %g by steps of %g", values[0],
                         values[1], values[2]);
    snug_range_attributes range = {.start = values[0],
                                   .step = values[2],
                                   .length = length > 0 ? (int64_t)length : 0,
                                   .dtype = call->inputs[0].type.dtype};
    snug_onnx_set(call, 0, SNUG_EMIT_NONE(call->graph, &snug_op_range, &range));
    return SNUG_OK;
}

// The extents of x and |dims| broadcast together, with as many dimensions as the longer has.
static snug_status broadcast(const snug_type *x, int64_t dims[SNUG_MAX_RANK], int *rank) {
    for (int i = *rank; i < x->rank; i++) {
        memmove(dims + 1, dims, (SNUG_MAX_RANK - 1) * sizeof *dims);
        dims[0] = 1;
    }
    if (x->rank > *rank) *rank = x->rank;
    for (int i = 0; i < x->rank; i++) {
        int64_t *to = &dims[*rank - x->rank + i];
        if (*to == 1) *to = x->dims[i];
        if (*to != x->dims[i] && x->dims[i] != 1)
            return snug_fail(SNUG_BAD_FILE, "a dimension of %lld cannot become %lld",
                             (long long)x->dims[i], (long long)*to);
    }
    return SNUG_OK;
}

static snug_status translate_expand(const snug_onnx_call *call) {
    snug_broadcast_to_attributes target = {.scale = 1};
    const snug_type *x = &call->inputs[0].type;
    size_t count;
    SNUG_TRY(snug_onnx_known_integers(call, 1, target.dims, SNUG_MAX_RANK, &count));
    int rank = (int)count;
    SNUG_TRY(snug_onnx_general_shape(call, 1, SNUG_ONNX_BROADCAST, target.dims, &rank));
    SNUG_TRY(broadcast(x, target.dims, &rank));
    if (rank == x->rank && memcmp(target.dims, x->dims, (size_t)rank * sizeof *x->dims) == 0) {
        snug_onnx_pass(call, 0, 0);
        return SNUG_OK;
    }
    snug_layout layout = snug_onnx_common_layout(call);
    snug_tensor_id from = snug_onnx_use_ranked(call, 0, rank, layout);
    const snug_type *type = snug_graph_type(call->graph, from);
    target.rank = rank;
    target.layout = type->layout;
    for (int i = 0; i < type->rank; i++)
        if (type->dims[i] != target.dims[i]) target.reduced |= INT64_C(1) << i;
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_broadcast_to, &target, from));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"ConstantOfShape", "", 1, 1, translate_constant_of_shape},
    {"Range", "", 3, 3, translate_range},
    {"Expand", "", 2, 2, translate_expand},
};
const snug_onnx_operators snug_onnx_operators_fill = {rows, sizeof rows / sizeof *rows};
