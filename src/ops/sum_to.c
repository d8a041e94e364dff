#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_sum_to_attributes, rank, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_sum_to_attributes, dims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// The dimensions of |x| to sum: those past the target's rank, and those where it has 1.
static uint32_t summed_axes(const snug_sum_to_attributes *target, const snug_type *x) {
    uint32_t axes = 0;
    int dropped = x->rank - (int)target->rank;
    for (int i = 0; i < x->rank; i++)
        if (i < dropped || target->dims[i - dropped] == 1) axes |= 1u << i;
    return axes;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_sum_to_attributes *target = attributes;
    const snug_type *x = &inputs[0];
    char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    if (input_count == 2 && !snug_type_equal(x, &inputs[1]))
        return snug_fail(SNUG_INVALID, "operands of one type expected, found %s and %s",
                         snug_type_print(x, text), snug_type_print(&inputs[1], other));
    if (target->rank < 0 || target->rank > x->rank)
        return snug_fail(SNUG_INVALID, "a rank from 0 to %d expected, found %lld", x->rank,
                         (long long)target->rank);
    int rank = (int)target->rank, dropped = x->rank - rank;
    snug_layout layout = dropped ? SNUG_ROW_MAJOR : x->layout;
    snug_type y = snug_type_make(x->dtype, layout, rank, target->dims);
    bool fits = dropped == 0 || x->layout == SNUG_ROW_MAJOR || snug_type_elements(&y) == 1;
    for (int i = 0; i < rank; i++)
        fits = fits && (y.dims[i] == 1 || y.dims[i] == x->dims[dropped + i]);
    if (!fits)
        return snug_fail(SNUG_INVALID, "a shape that broadcasts to %s expected, found %s",
                         snug_type_print(x, text), snug_type_print(&y, other));
    outputs[0] = y;
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    snug_reference_sum(call, summed_axes(call->attributes, &call->inputs[0].type), 1);
    return SNUG_OK;
}

static double multiply_flops(const void *attributes, const snug_type *inputs,
                             const snug_type *outputs) {
    return 2 * snug_flops_input(attributes, inputs, outputs);
}

static const snug_sum_to_attributes channels = {.rank = 4, .dims = {2, 5, 1, 1}},
                                    bias = {.rank = 4, .dims = {1, 5, 1, 1}},
                                    vector = {.rank = 1, .dims = {7}}, scalar = {.rank = 0};

static const snug_sample sum_samples[] = {
    {.name = "channels",
     .attributes = &channels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "bias",
     .attributes = &bias,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "vector",
     .attributes = &vector,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(3, 5, 7)}},
    {.name = "scalar",
     .attributes = &scalar,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

static const snug_sample multiply_samples[] = {
    {.name = "channels",
     .attributes = &channels,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "vector",
     .attributes = &vector,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "scalar",
     .attributes = &scalar,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
};

const snug_op snug_op_sum_to = {
    .name = "sum_to",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_sum_to_attributes),
    .infer = infer,
    .rows = {.inputs = 1, .sums = true},
    .flops = snug_flops_input,
    .reference = kernel,
    SNUG_SAMPLES(sum_samples),
};

const snug_op snug_op_multiply_sum_to = {
    .name = "multiply_sum_to",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_sum_to_attributes),
    .infer = infer,
    .rows = {.inputs = 3, .sums = true},
    .flops = multiply_flops,
    .reference = kernel,
    SNUG_SAMPLES(multiply_samples),
};

static const snug_op *const ops[] = {&snug_op_sum_to, &snug_op_multiply_sum_to, NULL};
const snug_op_file snug_ops_sum_to = {ops};
