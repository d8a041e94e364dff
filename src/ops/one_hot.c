#include "ops/ops.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_one_hot_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_one_hot_attributes, depth, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_one_hot_attributes *one_hot = attributes;
    const snug_type *indices = &inputs[0], *values = &inputs[1];
    char text[SNUG_TYPE_TEXT];
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    if (values->rank != 1 || values->dims[0] != 2)
        return snug_fail(SNUG_INVALID, "two values, off and on, expected, found %s",
                         snug_type_print(values, text));
    if (one_hot->axis < 0 || one_hot->axis > indices->rank || indices->rank == SNUG_MAX_RANK ||
        one_hot->depth < 0)
        return snug_fail(SNUG_INVALID,
                         "an axis of at most %d and a depth expected beside indices %s, found %lld "
                         "and %lld",
                         SNUG_MAX_RANK - 1, snug_type_print(indices, text),
                         (long long)one_hot->axis, (long long)one_hot->depth);
    snug_type y = {.dtype = values->dtype, .rank = indices->rank + 1};
    for (int i = 0; i < y.rank; i++)
        y.dims[i] = i < one_hot->axis    ? indices->dims[i]
                    : i == one_hot->axis ? one_hot->depth
                                         : indices->dims[i - 1];
    outputs[0] = y;
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_one_hot_attributes *one_hot = call->attributes;
    const snug_view *indices = &call->inputs[0], *y = &call->outputs[0];
    int64_t inner = 1, elements = snug_type_elements(&y->type), depth = one_hot->depth;
    for (int i = (int)one_hot->axis; i < indices->type.rank; i++)
        inner *= indices->type.dims[i];
    for (int64_t i = 0; i < elements; i++) {
        int64_t from = i / (inner * depth) * inner + i % inner;
        double index = snug_view_get(indices, from);
        double place = (double)(i / inner % depth);
        bool on = index == place || index + (double)depth == place;
        snug_view_copy(y, i, &call->inputs[1], on);
    }
    return SNUG_OK;
}

static const snug_one_hot_attributes last = {.axis = 2, .depth = 4},
                                     first = {.axis = 0, .depth = 3};

#define SAMPLE(label, settings, element, ...)                                                      \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 2,                              \
        .inputs = {__VA_ARGS__, SNUG_SAMPLE_TENSOR(element, SNUG_ROW_MAJOR, 2)},                   \
        .integer_below = 5                                                                         \
    }
static const snug_sample samples[] = {
    SAMPLE("last", last, SNUG_F32, SNUG_SAMPLE_INT32(3, 5)),
    SAMPLE("first", first, SNUG_I64, SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, 4)),
};

const snug_op snug_op_one_hot = {
    .name = "one_hot",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_one_hot_attributes),
    .infer = infer,
    .reference = kernel,
    .onnx = "OneHot",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_one_hot, NULL};
const snug_op_file snug_ops_one_hot = {ops};
