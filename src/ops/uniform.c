// Random numbers in the shape of a tensor, of which nothing but the shape counts. Those of
// ops/mask.h: a sample has the same ones in every micro-batch.
#include "ops/mask.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_uniform_attributes, low, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_uniform_attributes, high, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_uniform_attributes, salt, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    if (inputs[0].rank == 0)
        return snug_fail(SNUG_INVALID, "samples along dimension 0 expected, found a scalar");
    if (!snug_dtype_is_float(inputs[0].dtype))
        return snug_fail(SNUG_INVALID, "a floating-point type expected, found %s",
                         snug_dtype_name(inputs[0].dtype));
    return snug_infer_same(attributes, inputs, input_count, outputs);
}

static snug_status kernel(const snug_call *call) {
    enum { words = 4 };
    const snug_uniform_attributes *uniform = call->attributes;
    const snug_run_state *state = call->state;
    const snug_view *y = &call->outputs[0];
    int64_t samples = y->type.dims[0];
    int64_t elements = samples ? snug_type_elements(&y->type) / samples : 0;
    for (int64_t n = 0; n < samples; n++)
        for (int64_t i = 0; i < elements; i++) {
            snug_random_block block = snug_mask_block(state->seed, state->step, uniform->salt,
                                                      state->first_sample + n, i / words);
            double share = (double)snug_random_uniform(block.words[i % words]);
            snug_view_set(y, n * elements + i,
                          uniform->low + (uniform->high - uniform->low) * share);
        }
    return SNUG_OK;
}

static const snug_uniform_attributes unit = {.low = 0, .high = 1, .salt = 1},
                                     wide = {.low = -3, .high = 5, .salt = 2};

static const snug_sample samples[] = {
    {.name = "matrix",
     .attributes = &unit,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "image",
     .attributes = &wide,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(4, 5, 3, 4)}},
};

const snug_op snug_op_uniform = {
    .name = "uniform",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_uniform_attributes),
    .infer = infer,
    .overwrites = 1,
    .is_random = true,
    .flops = snug_flops_output,
    .reference = kernel,
    .onnx = "RandomUniformLike",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_uniform, NULL};
const snug_op_file snug_ops_uniform = {ops};
