#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_fill_attributes, value, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_fill_attributes, rank, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_fill_attributes, dims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_fill_attributes, dtype, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)inputs, (void)input_count;
    const snug_fill_attributes *fill = attributes;
    if (fill->rank < 0 || fill->rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID, "a rank from 0 to %d expected, found %lld", SNUG_MAX_RANK,
                         (long long)fill->rank);
    if (!snug_dtype_is_valid(fill->dtype))
        return snug_fail(SNUG_INVALID, "an element type expected, found %lld",
                         (long long)fill->dtype);
    outputs[0] =
        snug_type_make((snug_dtype)fill->dtype, SNUG_ROW_MAJOR, (int)fill->rank, fill->dims);
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_fill_attributes *fill = call->attributes;
    int64_t elements = snug_type_elements(&call->outputs[0].type);
    for (int64_t i = 0; i < elements; i++)
        snug_view_set(&call->outputs[0], i, fill->value);
    return SNUG_OK;
}

static const snug_fill_attributes one = {.value = 1},
                                  matrix = {.value = -2.5, .rank = 2, .dims = {5, 7}};

static const snug_sample samples[] = {
    {.name = "scalar", .attributes = &one},
    {.name = "matrix", .attributes = &matrix},
};

const snug_op snug_op_fill = {
    .name = "fill",
    .min_inputs = 0,
    .max_inputs = 0,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_fill_attributes),
    .infer = infer,
    .reference = kernel,
    .onnx = "ConstantOfShape",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_fill, NULL};
const snug_op_file snug_ops_fill = {ops};
