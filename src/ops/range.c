#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_range_attributes, start, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_range_attributes, step, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_range_attributes, length, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_range_attributes, dtype, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)inputs, (void)input_count;
    const snug_range_attributes *range = attributes;
    if (range->length < 0 || !snug_dtype_is_valid(range->dtype))
        return snug_fail(SNUG_INVALID,
                         "a length of at least 0 and an element type expected, found %lld and %lld",
                         (long long)range->length, (long long)range->dtype);
    outputs[0] = snug_type_vector((snug_dtype)range->dtype, range->length);
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_range_attributes *range = call->attributes;
    for (int64_t i = 0; i < range->length; i++)
        snug_view_set(&call->outputs[0], i, range->start + (double)i * range->step);
    return SNUG_OK;
}

static const snug_range_attributes up = {.start = -1.5, .step = 0.25, .length = 9},
                                   down = {.start = 7, .step = -2, .length = 5, .dtype = SNUG_I64};

static const snug_sample samples[] = {
    {.name = "up", .attributes = &up},
    {.name = "down in integers", .attributes = &down},
};

const snug_op snug_op_range = {
    .name = "range",
    .min_inputs = 0,
    .max_inputs = 0,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_range_attributes),
    .infer = infer,
    .reference = kernel,
    .onnx = "Range",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_range, NULL};
const snug_op_file snug_ops_range = {ops};
