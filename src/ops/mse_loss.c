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

// The loss is symmetric: the target's gradient is x's with the operands exchanged.
static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_tensor_id dloss = snug_backward_of(backward, node, 0);
    for (int i = 0; i < 2; i++) {
        if (!snug_backward_wants(backward, node, i)) continue;
        snug_backward_give(backward, node, i,
                           SNUG_EMIT(backward->graph, &snug_op_mse_loss_backward, node->attributes,
                                     node->inputs[i], node->inputs[1 - i], dloss));
    }
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    double sum = 0;
    for (int64_t i = 0; i < elements; i++) {
        double error = snug_view_get(&call->inputs[0], i) - snug_view_get(&call->inputs[1], i);
        if (!isnan(snug_view_get(&call->inputs[1], i))) sum += error * error;
    }
    snug_view_set(&call->outputs[0], 0, sum / snug_loss_denominator(call->attributes, elements));
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    double scale =
        2 * snug_view_get(&call->inputs[2], 0) / snug_loss_denominator(call->attributes, elements);
    for (int64_t i = 0; i < elements; i++) {
        double error = snug_view_get(&call->inputs[0], i) - snug_view_get(&call->inputs[1], i);
        bool counts = !isnan(snug_view_get(&call->inputs[1], i));
        snug_view_set(&call->outputs[0], i, counts ? scale * error : 0);
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 3 * snug_flops_input(attributes, inputs, outputs);
}

static const snug_loss_attributes mean = {0}, part = {.denominator = 64};

static const snug_sample samples[] = {
    {.name = "matrix",
     .attributes = &mean,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "part of a batch",
     .attributes = &part,
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

static const snug_sample backward_samples[] = {
    {.name = "matrix",
     .attributes = &mean,
     .input_count = 3,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_SCALAR}},
    {.name = "part of a batch",
     .attributes = &part,
     .input_count = 3,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_SCALAR}},
};

const snug_op snug_op_mse_loss = {
    .name = "mse_loss",
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

const snug_op snug_op_mse_loss_backward = {
    .name = "mse_loss_backward",
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

static const snug_op *const ops[] = {&snug_op_mse_loss, &snug_op_mse_loss_backward, NULL};
const snug_op_file snug_ops_mse_loss = {ops};
