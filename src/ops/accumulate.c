#include "ops/update.h"

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)attributes, (void)outputs;
    return snug_update_check(inputs, input_count);
}

static snug_status kernel(const snug_call *call) {
    const snug_view *total = &call->inputs[0], *x = &call->inputs[1];
    int64_t elements = snug_type_elements(&total->type);
    for (int64_t i = 0; i < elements; i++)
        snug_view_set(total, i, snug_view_get(total, i) + snug_view_get(x, i));
    return SNUG_OK;
}

static const snug_sample samples[] = {
    {.name = "matrix",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "from bfloat16",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_TENSOR(SNUG_BF16, SNUG_ROW_MAJOR, 5, 7)}},
};

const snug_op snug_op_accumulate = {
    .name = "accumulate",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer,
    .mutates = 1,
    .is_elementwise = true,
    .flops = snug_flops_input,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_accumulate, NULL};
const snug_op_file snug_ops_accumulate = {ops};
