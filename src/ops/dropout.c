#include "ops/dropping.h"

static snug_status kernel(const snug_call *call) {
    const snug_dropout_attributes *dropout = call->attributes;
    const snug_run_state *state = call->state;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t samples = x->type.dims[0];
    int64_t elements = samples ? snug_type_elements(&x->type) / samples : 0;
    for (int64_t n = 0; n < samples; n++) {
        snug_random_block block = {0};
        for (int64_t i = 0; i < elements; i++) {
            if (i % 4 == 0)
                block = snug_mask_block(state->seed, state->step, dropout->salt,
                                        state->first_sample + n, i / 4);
            int64_t at = n * elements + i;
            snug_view_set(y, at,
                          snug_dropping_apply(dropout, block.words[i % 4], snug_view_get(x, at)));
        }
    }
    return SNUG_OK;
}

const snug_op snug_op_dropout = {
    .name = "dropout",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = snug_dropping_attributes,
    .attributes_size = sizeof(snug_dropout_attributes),
    .infer = snug_dropping_infer,
    .gradient = snug_dropping_gradient,
    .overwrites = 1,
    .is_random = true,
    .rows = {.inputs = 1},
    .flops = snug_flops_output,
    .reference = kernel,
    .onnx = "Dropout",
    SNUG_SAMPLES(snug_dropping_samples),
};

static const snug_op *const ops[] = {&snug_op_dropout, NULL};
const snug_op_file snug_ops_dropout = {ops};
