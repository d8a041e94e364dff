// Loss scaling (Micikevicius et al., 2018): the loss is multiplied before the backward pass, so
// that gradients that float16 would round to zero survive, and gradients are divided before the
// update.
#include <math.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static double scale_of(const snug_call *call) {
    return call->state->loss_scale != 0 ? call->state->loss_scale : 1;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_scale_loss, NULL, dy));
    return SNUG_OK;
}

static snug_status scale_kernel(const snug_call *call) {
    int64_t elements = snug_type_elements(&call->outputs[0].type);
    for (int64_t i = 0; i < elements; i++)
        snug_view_set(&call->outputs[0], i, snug_view_get(&call->inputs[0], i) * scale_of(call));
    return SNUG_OK;
}

static snug_status unscale_kernel(const snug_call *call) {
    const snug_view *gradient_ = &call->inputs[0];
    int64_t elements = snug_type_elements(&gradient_->type);
    double found = snug_view_get(&call->inputs[1], 0);
    for (int64_t i = 0; i < elements; i++) {
        double value = snug_view_get(gradient_, i) / scale_of(call);
        if (!isfinite(value)) found = 1;
        snug_view_set(gradient_, i, value);
    }
    snug_view_set(&call->outputs[0], 0, found);
    return SNUG_OK;
}

static const snug_sample scale_samples[] = {
    {.name = "scalar", .input_count = 1, .inputs = {SNUG_SAMPLE_SCALAR}},
};
static const snug_sample unscale_samples[] = {
    {.name = "matrix",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(129, 257), SNUG_SAMPLE_SCALAR}},
};

const snug_op snug_op_scale_loss = {
    .name = "scale_loss",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .infer = snug_infer_same,
    .gradient = gradient,
    .overwrites = 1,
    .precision = SNUG_PRECISION_FULL,
    .flops = snug_flops_input,
    .reference = scale_kernel,
    SNUG_SAMPLES(scale_samples),
};

const snug_op snug_op_unscale = {
    .name = "unscale",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = snug_infer_tally,
    .overwrites = 2,
    .mutates = 1,
    .is_elementwise = true,
    .precision = SNUG_PRECISION_FULL,
    .flops = snug_flops_input,
    .reference = unscale_kernel,
    SNUG_SAMPLES(unscale_samples),
};

static const snug_op *const ops[] = {&snug_op_scale_loss, &snug_op_unscale, NULL};
const snug_op_file snug_ops_loss_scale = {ops};
