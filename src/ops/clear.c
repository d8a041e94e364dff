#include <string.h>

#include "ops/ops.h"
#include "ops/sample.h"

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)attributes, (void)inputs, (void)input_count, (void)outputs;
    return SNUG_OK;
}

// Zero is all bits zero in every element type.
static snug_status kernel(const snug_call *call) {
    size_t bytes = snug_type_bytes(&call->inputs[0].type);
    if (bytes) memset(call->inputs[0].data, 0, bytes);
    return SNUG_OK;
}

static const snug_sample samples[] = {
    {.name = "matrix", .input_count = 1, .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "scalar", .input_count = 1, .inputs = {SNUG_SAMPLE_SCALAR}},
};

const snug_op snug_op_clear = {
    .name = "clear",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .mutates = 1,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_clear, NULL};
const snug_op_file snug_ops_clear = {ops};
