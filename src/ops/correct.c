#include "ops/loss.h"

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)attributes, (void)input_count;
    SNUG_TRY(snug_loss_check_targets(inputs));
    outputs[0] = snug_type_scalar(SNUG_F32);
    return SNUG_OK;
}

// Whether the row's first maximum is at |target|; false for a target out of range, and when a NaN
// is compared.
static bool is_correct(const snug_view *logits, const snug_axis *axis, int64_t start,
                       int64_t target) {
    if (target < 0 || target >= axis->length) return false;
    double at_target = snug_view_get(logits, start + target * axis->stride);
    for (int64_t c = 0; c < axis->length; c++) {
        double logit = snug_view_get(logits, start + c * axis->stride);
        if (!(c < target ? at_target > logit : at_target >= logit)) return false;
    }
    return true;
}

static snug_status kernel(const snug_call *call) {
    snug_axis axis = snug_axis_of(&call->inputs[0].type, 1);
    int64_t count = 0;
    for (int64_t i = 0; i < axis.lines; i++)
        count += is_correct(&call->inputs[0], &axis, snug_axis_start(&axis, i),
                            (int64_t)snug_view_get(&call->inputs[1], i));
    snug_view_set(&call->outputs[0], 0, (double)count);
    return SNUG_OK;
}

static const snug_sample samples[] = {
    {.name = "matrix",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(40, 3), SNUG_SAMPLE_INT32(40)},
     .integer_below = 3,
     .no_gradient = 3},
    {.name = "pixels",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 3, 5, 4), SNUG_SAMPLE_INT32(2, 5, 4)},
     .integer_below = 3,
     .no_gradient = 3},
};

const snug_op snug_op_correct = {
    .name = "correct",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = infer,
    .flops = snug_flops_input,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_correct, NULL};
const snug_op_file snug_ops_correct = {ops};
