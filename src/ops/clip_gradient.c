// Clipping gradients (Pascanu et al., 2013), as torch.nn.utils has it: the sum of squares whose
// root is the norm of all gradients together, and each element within a limit.
#include "ops/update.h"

static snug_status sum_kernel(const snug_call *call) {
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    double times = snug_update_weight(call->state), sum = 0;
    for (int64_t i = 0; i < elements; i++) {
        double value = times * snug_view_get(&call->inputs[0], i);
        sum += value * value;
    }
    snug_view_set(&call->outputs[0], 0, snug_view_get(&call->inputs[1], 0) + sum);
    return SNUG_OK;
}

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_clip_gradient_attributes, limit, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

static snug_status clip_kernel(const snug_call *call) {
    const snug_clip_gradient_attributes *clip = call->attributes;
    double limit = clip->limit / snug_update_weight(call->state);
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    for (int64_t i = 0; i < elements; i++) {
        double value = snug_view_get(&call->inputs[0], i);
        // What is no number stays it, as with torch.clamp().
        snug_view_set(&call->outputs[0], i,
                      value > limit    ? limit
                      : value < -limit ? -limit
                                       : value);
    }
    return SNUG_OK;
}

static double flops_sum(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 2 * snug_flops_input(attributes, inputs, outputs);
}

static const snug_clip_gradient_attributes close = {.limit = 0.25}, far = {.limit = 100};

static const snug_sample sum_samples[] = {
    {.name = "matrix",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(129, 257), SNUG_SAMPLE_SCALAR}},
};
static const snug_sample clip_samples[] = {
    {.name = "close",
     .attributes = &close,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(129, 257)}},
    {.name = "far", .attributes = &far, .input_count = 1, .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
};

const snug_op snug_op_square_sum = {
    .name = "square_sum",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = snug_infer_tally,
    .overwrites = 2,
    .is_elementwise = true,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops_sum,
    .reference = sum_kernel,
    SNUG_SAMPLES(sum_samples),
};

const snug_op snug_op_clip_gradient = {
    .name = "clip_gradient",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_clip_gradient_attributes),
    .infer = snug_infer_same,
    .overwrites = 1,
    .is_elementwise = true,
    .precision = SNUG_PRECISION_FULL,
    .flops = snug_flops_input,
    .reference = clip_kernel,
    SNUG_SAMPLES(clip_samples),
};

static const snug_op *const ops[] = {&snug_op_square_sum, &snug_op_clip_gradient, NULL};
const snug_op_file snug_ops_clip_gradient = {ops};
