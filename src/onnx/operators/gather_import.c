// Gathering and scattering, and what is found of known values: Compress, NonZero, Unique, EyeLike.
#include <string.h>

#include "base/memory.h"
#include "onnx/import.h"
#include "ops/ops.h"
#include "ops/reference.h"

// One known index takes a slice, which needs no indices at run time.
static snug_status set_slice(const snug_onnx_call *call, int64_t axis, int64_t index) {
    const snug_type *type = &call->inputs[0].type;
    snug_reshape_attributes view = {0};
    SNUG_TRY(snug_onnx_axis(index, (int)type->dims[axis], &index));
    snug_axis_attributes along = {.axis = axis, .start = index, .length = 1};
    snug_tensor_id part = SNUG_EMIT(call->graph, &snug_op_slice, &along, snug_onnx_use(call, 0));
    for (int i = 0; i < type->rank; i++) {
        if (i != axis) view.dims[view.rank++] = type->dims[i];
        for (int j = 0; i == axis && j < call->inputs[1].type.rank; j++)
            view.dims[view.rank++] = 1;
    }
    part = snug_onnx_to_layout(call, part, SNUG_ROW_MAJOR);
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_reshape, &view, part));
    return SNUG_OK;
}

static snug_status translate_gather(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type, *indices = &call->inputs[1].type;
    snug_gather_attributes gather = {0};
    int64_t index;
    size_t count;
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", 0), x->rank, &gather.axis));
    if (call->inputs[1].data && indices->rank <= 1 && snug_type_elements(indices) == 1 &&
        x->rank - 1 + indices->rank <= SNUG_MAX_RANK && x->dims[gather.axis] <= INT32_MAX) {
        SNUG_TRY(snug_onnx_known_integers(call, 1, &index, 1, &count));
        return set_slice(call, gather.axis, index);
    }
    snug_onnx_set(call, 0,
                  SNUG_EMIT(call->graph, &snug_op_gather, &gather,
                            snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR),
                            snug_onnx_use_as(call, 1, SNUG_ROW_MAJOR)));
    return SNUG_OK;
}

static snug_status read_reduction(const snug_onnx_call *call, int64_t *out) {
    static const char *const names[] = {"none", "add", "mul", "min", "max"};
    const char *reduction = snug_onnx_text(call, "reduction", "none");
    for (*out = 0; *out < 5; ++*out)
        if (strcmp(names[*out], reduction) == 0) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "reduction none, add, mul, min or max expected, found \"%.40s\"", reduction);
}

// All inputs row-major.
static snug_status set_row_major(const snug_onnx_call *call, const snug_op *op,
                                 const void *attributes) {
    snug_tensor_id inputs[3];
    for (size_t i = 0; i < call->input_count; i++)
        inputs[i] = snug_onnx_use_as(call, i, SNUG_ROW_MAJOR);
    snug_onnx_set(call, 0,
                  snug_graph_emit(call->graph, op, attributes, inputs, (int)call->input_count));
    return SNUG_OK;
}

static snug_status translate_gather_elements(const snug_onnx_call *call) {
    snug_scatter_attributes scatter = {0};
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", 0), call->inputs[0].type.rank,
                            &scatter.axis));
    return set_row_major(call, &snug_op_gather_elements, &scatter);
}

static snug_status translate_scatter_elements(const snug_onnx_call *call) {
    snug_scatter_attributes scatter = {0};
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", 0), call->inputs[0].type.rank,
                            &scatter.axis));
    SNUG_TRY(read_reduction(call, &scatter.reduction));
    return set_row_major(call, &snug_op_scatter_elements, &scatter);
}

static snug_status translate_gather_nd(const snug_onnx_call *call) {
    snug_scatter_attributes scatter = {.batch = snug_onnx_integer(call, "batch_dims", 0)};
    return set_row_major(call, &snug_op_gather_nd, &scatter);
}

static snug_status translate_scatter_nd(const snug_onnx_call *call) {
    snug_scatter_attributes scatter = {0};
    SNUG_TRY(read_reduction(call, &scatter.reduction));
    return set_row_major(call, &snug_op_scatter_nd, &scatter);
}

// The depth may be written as any number.
static snug_status translate_one_hot(const snug_onnx_call *call) {
    snug_one_hot_attributes one_hot = {0};
    double depth;
    size_t count;
    int64_t axis = snug_onnx_integer(call, "axis", -1);
    SNUG_TRY(snug_onnx_axis(axis, call->inputs[0].type.rank + 1, &one_hot.axis));
    SNUG_TRY(snug_onnx_known_reals(call, 1, &depth, 1, &count));
    if (count != 1 || !(depth >= 0 && depth <= INT32_MAX))
        return snug_fail(SNUG_BAD_FILE, "a depth expected");
    one_hot.depth = (int64_t)depth;
    snug_onnx_set(call, 0,
                  SNUG_EMIT(call->graph, &snug_op_one_hot, &one_hot,
                            snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR), snug_onnx_use(call, 2)));
    return SNUG_OK;
}

// The slices of input 0 where the known condition is true.
static snug_status translate_compress(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type;
    const snug_onnx_operand *condition = &call->inputs[1];
    bool is_flat = !snug_onnx_attribute_find(call->node, "axis");
    snug_gather_attributes gather = {0};
    int64_t extent = snug_type_elements(x), count = 0, *indices = NULL;
    if (!condition->data)
        return snug_fail(SNUG_UNSUPPORTED,
                         "a condition that is not known before the run: the result has no shape");
    if (condition->type.rank != 1 || condition->type.dtype != SNUG_BOOL)
        return snug_fail(SNUG_BAD_FILE, "a vector of bools expected as the condition");
    if (!is_flat) {
        SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", 0), x->rank, &gather.axis));
        extent = x->dims[gather.axis];
    }
    int64_t length = condition->type.dims[0] < extent ? condition->type.dims[0] : extent;
    SNUG_TRY(SNUG_NEW(&indices, (size_t)length + 1));
    for (int64_t i = 0; i < length; i++)
        if (((const uint8_t *)condition->data)[i]) indices[count++] = i;
    snug_type type = snug_type_vector(SNUG_I64, count);
    snug_tensor_id places = snug_onnx_constant(call, &type, indices);
    snug_memory_free(indices);
    snug_tensor_id from = snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR);
    snug_reshape_attributes flat = {.rank = 1, .dims = {extent}};
    if (is_flat) from = SNUG_EMIT(call->graph, &snug_op_reshape, &flat, from);
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_gather, &gather, from, places));
    return SNUG_OK;
}

static double known_element(const snug_onnx_operand *operand, int64_t index) {
    int64_t element = 0; // the document's bytes have any alignment
    size_t size = snug_dtype_bytes(operand->type.dtype);
    memcpy(&element, (const char *)operand->data + (size_t)index * size, size);
    return snug_reference_load(&element, operand->type.dtype, 0);
}

static snug_status translate_non_zero(const snug_onnx_call *call) {
    const snug_onnx_operand *x = &call->inputs[0];
    int64_t elements = snug_type_elements(&x->type), count = 0, at[SNUG_MAX_RANK], *places = NULL;
    if (!x->data)
        return snug_fail(SNUG_UNSUPPORTED,
                         "values that are not known before the run: the result has no shape");
    for (int64_t i = 0; i < elements; i++)
        count += known_element(x, i) != 0;
    SNUG_TRY(SNUG_NEW(&places, (size_t)count * (size_t)x->type.rank + 1));
    for (int64_t i = 0, found = 0; i < elements; i++) {
        if (known_element(x, i) == 0) continue;
        snug_reference_coordinates(&x->type, i, at);
        for (int j = 0; j < x->type.rank; j++)
            places[j * count + found] = at[j];
        found++;
    }
    snug_type type = snug_type_matrix(SNUG_I64, x->type.rank, count);
    snug_status status = snug_onnx_set_known(call, 0, &type, places);
    snug_memory_free(places);
    return status;
}

static snug_status translate_eye_like(const snug_onnx_call *call) {
    const snug_type *x = &call->inputs[0].type;
    int64_t diagonal = snug_onnx_integer(call, "k", 0),
            wanted = snug_onnx_integer(call, "dtype", 0);
    if (x->rank != 2) return snug_fail(SNUG_BAD_FILE, "a matrix expected");
    snug_type type = snug_type_matrix(x->dtype, x->dims[0], x->dims[1]);
    if (wanted && !snug_onnx_dtype(wanted, &type.dtype))
        return snug_fail(SNUG_UNSUPPORTED, "elements of type %lld", (long long)wanted);
    snug_fill_attributes ones = {.value = 1, .rank = 2, .dtype = type.dtype};
    memcpy(ones.dims, type.dims, sizeof ones.dims);
    // What is on or above the diagonal, of that what is on or below it.
    snug_triangle_attributes upper = {.upper = 1, .diagonal = diagonal}, lower = {0, diagonal};
    snug_tensor_id y = SNUG_EMIT_NONE(call->graph, &snug_op_fill, &ones);
    y = SNUG_EMIT(call->graph, &snug_op_triangle, &upper, y);
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_triangle, &lower, y));
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"Gather", "", 2, 2, translate_gather},
    {"GatherElements", "", 2, 2, translate_gather_elements},
    {"GatherND", "", 2, 2, translate_gather_nd},
    {"ScatterElements", "", 3, 3, translate_scatter_elements},
    {"Scatter", "", 3, 3, translate_scatter_elements},
    {"ScatterND", "", 3, 3, translate_scatter_nd},
    {"OneHot", "", 3, 3, translate_one_hot},
    {"Compress", "", 2, 2, translate_compress},
    {"NonZero", "", 1, 1, translate_non_zero},
    {"EyeLike", "", 1, 1, translate_eye_like},
};
const snug_onnx_operators snug_onnx_operators_gather = {rows, sizeof rows / sizeof *rows};
