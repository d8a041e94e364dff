#include "ops/reference.h"

#include "base/half.h"

double snug_reference_load(const void *data, snug_dtype dtype, int64_t index) {
    switch (dtype) {
    case SNUG_F32:
        return ((const float *)data)[index];
    case SNUG_F64:
        return ((const double *)data)[index];
    case SNUG_BF16:
        return snug_from_bfloat16(((const uint16_t *)data)[index]);
    case SNUG_F16:
        return snug_from_float16(((const uint16_t *)data)[index]);
    case SNUG_I64:
        return (double)((const int64_t *)data)[index];
    case SNUG_I32:
        return ((const int32_t *)data)[index];
    case SNUG_U8:
    case SNUG_BOOL:
        return ((const uint8_t *)data)[index];
    case SNUG_I8:
        return ((const int8_t *)data)[index];
    case SNUG_I16:
        return ((const int16_t *)data)[index];
    case SNUG_U16:
        return ((const uint16_t *)data)[index];
    case SNUG_U32:
        return ((const uint32_t *)data)[index];
    case SNUG_U64:
        return (double)((const uint64_t *)data)[index];
    }
    return 0;
}

// Towards zero; what no type holds becomes the nearest end of int64 or uint64, a NaN 0. Narrower
// types keep the low bits.
static snug_wide whole_of(double value) {
    if (value >= 0x1p64) return INT64_MAX;
    if (value < -0x1p63) return INT64_MIN;
    return value == value ? (snug_wide)value : 0;
}

void snug_reference_store(void *data, snug_dtype dtype, int64_t index, double value) {
    switch (dtype) {
    case SNUG_F32:
        ((float *)data)[index] = (float)value;
        break;
    case SNUG_F64:
        ((double *)data)[index] = value;
        break;
    case SNUG_BF16:
        ((uint16_t *)data)[index] = snug_to_bfloat16((float)value);
        break;
    case SNUG_F16:
        ((uint16_t *)data)[index] = snug_to_float16((float)value);
        break;
    case SNUG_BOOL:
        ((uint8_t *)data)[index] = value != 0;
        break;
    default:
        snug_reference_store_whole(data, dtype, index, whole_of(value));
    }
}

snug_wide snug_reference_load_whole(const void *data, snug_dtype dtype, int64_t index) {
    switch (dtype) {
    case SNUG_I64:
        return ((const int64_t *)data)[index];
    case SNUG_U64:
        return ((const uint64_t *)data)[index];
    default:
        return (snug_wide)snug_reference_load(data, dtype, index);
    }
}

void snug_reference_store_whole(void *data, snug_dtype dtype, int64_t index, snug_wide value) {
    switch (dtype) {
    case SNUG_I64:
    case SNUG_U64:
        ((uint64_t *)data)[index] = (uint64_t)value;
        break;
    case SNUG_I32:
    case SNUG_U32:
        ((uint32_t *)data)[index] = (uint32_t)value;
        break;
    case SNUG_I16:
    case SNUG_U16:
        ((uint16_t *)data)[index] = (uint16_t)value;
        break;
    case SNUG_I8:
    case SNUG_U8:
        ((uint8_t *)data)[index] = (uint8_t)value;
        break;
    case SNUG_BOOL:
        ((uint8_t *)data)[index] = value != 0;
        break;
    default:
        snug_reference_store(data, dtype, index, (double)value);
    }
}

void snug_reference_coordinates(const snug_type *type, int64_t linear,
                                int64_t coordinates[SNUG_MAX_RANK]) {
    for (int i = type->rank - 1; i >= 0; i--) {
        coordinates[i] = linear % type->dims[i];
        linear /= type->dims[i];
    }
}

int64_t snug_reference_broadcast_index(const snug_type *type, int rank,
                                       const int64_t *coordinates) {
    int64_t strides[SNUG_MAX_RANK], index = 0;
    snug_type_strides(type, strides);
    for (int i = 0; i < type->rank; i++)
        if (type->dims[i] != 1) index += strides[i] * coordinates[rank - type->rank + i];
    return index;
}

snug_status snug_reference_map(const snug_call *call, double (*apply)(double x)) {
    int64_t elements = snug_type_elements(&call->outputs[0].type);
    for (int64_t i = 0; i < elements; i++)
        snug_view_set(&call->outputs[0], i, apply(snug_view_get(&call->inputs[0], i)));
    return SNUG_OK;
}

snug_status snug_reference_map2(const snug_call *call, double (*apply)(double a, double b)) {
    int64_t elements = snug_type_elements(&call->outputs[0].type);
    for (int64_t i = 0; i < elements; i++)
        snug_view_set(
            &call->outputs[0], i,
            apply(snug_view_get(&call->inputs[0], i), snug_view_get(&call->inputs[1], i)));
    return SNUG_OK;
}

enum { MOST_OPERANDS = 4 };

// Where each operand has the element at |linear| of |y|, counted in memory order when |alike|.
static int64_t operand_places(const snug_call *call, bool alike, int64_t linear,
                              int64_t places[MOST_OPERANDS]) {
    const snug_type *y = &call->outputs[0].type;
    int64_t at[SNUG_MAX_RANK];
    if (!alike) snug_reference_coordinates(y, linear, at);
    for (int i = 0; i < call->input_count; i++)
        places[i] =
            alike ? linear : snug_reference_broadcast_index(&call->inputs[i].type, y->rank, at);
    return alike ? linear : snug_reference_broadcast_index(y, y->rank, at);
}

snug_status snug_reference_elementwise(const snug_call *call, snug_real_function *real,
                                       snug_whole_function *whole) {
    const snug_view *x = call->inputs, *y = &call->outputs[0];
    bool alike = true, in_whole = whole != NULL;
    for (int i = 0; i < call->input_count; i++) {
        alike = alike && x[i].type.layout == y->type.layout &&
                snug_type_same_shape(&x[i].type, &y->type);
        in_whole = in_whole && !snug_dtype_is_float(x[i].type.dtype);
    }
    int64_t elements = snug_type_elements(&y->type), places[MOST_OPERANDS];
    for (int64_t i = 0; i < elements; i++) {
        int64_t to = operand_places(call, alike, i, places);
        snug_wide wholes[MOST_OPERANDS];
        double reals[MOST_OPERANDS];
        for (int j = 0; j < call->input_count; j++)
            if (in_whole)
                wholes[j] = snug_reference_load_whole(x[j].data, x[j].type.dtype, places[j]);
            else
                reals[j] = snug_view_get(&x[j], places[j]);
        if (in_whole)
            snug_reference_store_whole(y->data, y->type.dtype, to, whole(wholes));
        else
            snug_view_set(y, to, real(reals, call->attributes));
    }
    return SNUG_OK;
}

void snug_reference_sum(const snug_call *call, uint32_t axes, double scale) {
    const snug_type *x = &call->inputs[0].type, *y = &call->outputs[0].type;
    snug_type kept = *x, summed = *x;
    for (int i = 0; i < x->rank; i++)
        (axes >> i & 1 ? &kept : &summed)->dims[i] = 1;
    int64_t strides[SNUG_MAX_RANK], kept_at[SNUG_MAX_RANK], summed_at[SNUG_MAX_RANK];
    snug_type_strides(x, strides);
    int64_t kept_elements = snug_type_elements(&kept), terms = snug_type_elements(&summed);
    for (int64_t i = 0; i < kept_elements; i++) {
        snug_reference_coordinates(&kept, i, kept_at);
        double sum = 0;
        for (int64_t j = 0; j < terms; j++) {
            snug_reference_coordinates(&summed, j, summed_at);
            int64_t index = 0;
            for (int k = 0; k < x->rank; k++)
                index += strides[k] * (kept_at[k] + summed_at[k]);
            double term = 1;
            for (int k = 0; k < call->input_count; k++)
                term *= snug_view_get(&call->inputs[k], index);
            sum += term;
        }
        int64_t at = y->rank == x->rank ? snug_reference_broadcast_index(y, y->rank, kept_at) : i;
        snug_view_set(&call->outputs[0], at, sum * scale);
    }
}

double snug_flops_input(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes, (void)outputs;
    return (double)snug_type_elements(&inputs[0]);
}

double snug_flops_output(const void *attributes, const snug_type *inputs,
                         const snug_type *outputs) {
    (void)attributes, (void)inputs;
    return (double)snug_type_elements(&outputs[0]);
}

snug_status snug_infer_same(const void *attributes, const snug_type *inputs, int input_count,
                            snug_type *outputs) {
    (void)attributes, (void)input_count;
    outputs[0] = inputs[0];
    return SNUG_OK;
}

snug_status snug_infer_tally(const void *attributes, const snug_type *inputs, int input_count,
                             snug_type *outputs) {
    (void)attributes, (void)input_count;
    if (!snug_dtype_is_float(inputs[0].dtype) || inputs[1].rank != 0)
        return snug_fail(SNUG_INVALID, "a floating-point gradient and a scalar expected");
    outputs[0] = inputs[1];
    return SNUG_OK;
}

snug_status snug_infer_equal(const void *attributes, const snug_type *inputs, int input_count,
                             snug_type *outputs) {
    (void)attributes;
    outputs[0] = inputs[0];
    for (int i = 1; i < input_count; i++) {
        if (snug_type_equal(&inputs[0], &inputs[i])) continue;
        char first[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID, "inputs of one type expected, found %s and %s",
                         snug_type_print(&inputs[0], first), snug_type_print(&inputs[i], other));
    }
    return SNUG_OK;
}
