// Binary cross-entropy of logits, as torch.nn.functional.binary_cross_entropy_with_logits.
#include <math.h>

#include "ops/loss.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_loss_attributes, denominator, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    SNUG_TRY(snug_loss_check(attributes));
    SNUG_TRY(snug_infer_equal(attributes, inputs, 2, outputs));
    outputs[0] = snug_loss_type(inputs[0].dtype);
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    SNUG_TRY(snug_loss_check(attributes));
    SNUG_TRY(snug_loss_check_gradient(&inputs[2]));
    return snug_infer_equal(attributes, inputs, 2, outputs);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_tensor_id dloss = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_bce_loss_backward, node->attributes,
                                 node->inputs[0], node->inputs[1], dloss));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    double sum = 0;
    for (int64_t i = 0; i < elements; i++) {
        double x = snug_view_get(&call->inputs[0], i), t = snug_view_get(&call->inputs[1], i);
        if (!isnan(t)) sum += (x > 0 ? x : 0) - x * t + log1p(exp(-fabs(x)));
    }
    snug_view_set(&call->outputs[0], 0, sum / snug_loss_denominator(call->attributes, elements));
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    double scale =
        snug_view_get(&call->inputs[2], 0) / snug_loss_denominator(call->attributes, elements);
    for (int64_t i = 0; i < elements; i++) {
        double x = snug_view_get(&call->inputs[0], i), t = snug_view_get(&call->inputs[1], i);
        double slope = isnan(t) ? 0 : scale * (1 / (1 + exp(-x)) - t);
        snug_view_set(&call->outputs[0], i, slope);
    }
    return SNUG_OK;
}

// A NaN is on no side.
static snug_status correct_kernel(const snug_call *call) {
    int64_t elements = snug_type_elements(&call->inputs[0].type), count = 0;
    for (int64_t i = 0; i < elements; i++) {
        double x = snug_view_get(&call->inputs[0], i), t = snug_view_get(&call->inputs[1], i);
        count += (x > 0 && t > 0.5) || (x <= 0 && t <= 0.5);
    }
    snug_view_set(&call->outputs[0], 0, (double)count);
    return SNUG_OK;
}

static snug_status infer_correct(const void *attributes, const snug_type *inputs, int input_count,
                                 snug_type *outputs) {
    SNUG_TRY(snug_infer_equal(attributes, inputs, input_count, outputs));
    outputs[0] = snug_type_scalar(SNUG_F32);
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 5 * snug_flops_input(attributes, inputs, outputs);
}

static const snug_loss_attributes mean = {0}, part = {.denominator = 64};

static const snug_sample samples[] = {
    {.name = "matrix",
     .attributes = &mean,
     .low = -4,
     .high = 4,
     .no_gradient = 2,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "part of a batch",
     .attributes = &part,
     .low = -4,
     .high = 4,
     .no_gradient = 2,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

static const snug_sample backward_samples[] = {
    {.name = "matrix",
     .attributes = &mean,
     .low = -4,
     .high = 4,
     .no_gradient = 2,
     .input_count = 3,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_SCALAR}},
    {.name = "part of a batch",
     .attributes = &part,
     .low = -4,
     .high = 4,
     .no_gradient = 2,
     .input_count = 3,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_SCALAR}},
};

static const snug_sample correct_samples[] = {
    {.name = "matrix",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)},
     .no_gradient = 3},
};

const snug_op snug_op_bce_loss = {
    .name = "bce_loss",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_loss_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_bce_loss_backward = {
    .name = "bce_loss_backward",
    .min_inputs = 3,
    .max_inputs = 3,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_loss_attributes),
    .infer = infer_backward,
    .overwrites = 3,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

const snug_op snug_op_correct_binary = {
    .name = "correct_binary",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = infer_correct,
    .flops = snug_flops_input,
    .reference = correct_kernel,
    SNUG_SAMPLES(correct_samples),
};

static const snug_op *const ops[] = {&snug_op_bce_loss, &snug_op_bce_loss_backward,
                                     &snug_op_correct_binary, NULL};
const snug_op_file snug_ops_bce_loss = {ops};
