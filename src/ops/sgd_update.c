// One step of torch.optim.SGD.
#include "ops/update.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_sgd_attributes, momentum, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_sgd_attributes, dampening, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_sgd_attributes, weight_decay, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_sgd_attributes, nesterov, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)outputs;
    const snug_sgd_attributes *sgd = attributes;
    if (sgd->momentum != 0 && input_count < 3)
        return snug_fail(SNUG_INVALID, "a momentum buffer expected with momentum %g, found none",
                         sgd->momentum);
    if (sgd->nesterov && (!(sgd->momentum > 0) || sgd->dampening != 0))
        return snug_fail(SNUG_INVALID,
                         "Nesterov's form expects a momentum above 0 and no "
                         "dampening, found %g and %g",
                         sgd->momentum, sgd->dampening);
    return snug_update_check(inputs, sgd->momentum != 0 ? 3 : 2);
}

// The gradient with the momentum that |buffer| holds for element |i|.
static double with_momentum(const snug_sgd_attributes *sgd, const snug_view *buffer, int64_t i,
                            double gradient, bool is_first) {
    double velocity = gradient;
    if (!is_first)
        velocity = sgd->momentum * snug_view_get(buffer, i) + (1 - sgd->dampening) * gradient;
    snug_view_set(buffer, i, velocity);
    return sgd->nesterov ? gradient + sgd->momentum * velocity : velocity;
}

static snug_status kernel(const snug_call *call) {
    const snug_sgd_attributes *sgd = call->attributes;
    const snug_view *weight = &call->inputs[0];
    double times = snug_update_weight(call->state);
    int64_t elements = snug_type_elements(&weight->type);
    for (int64_t i = 0; i < elements; i++) {
        double value = snug_view_get(weight, i);
        double gradient = times * snug_view_get(&call->inputs[1], i) + sgd->weight_decay * value;
        if (sgd->momentum != 0)
            gradient = with_momentum(sgd, &call->inputs[2], i, gradient, call->state->step == 0);
        snug_view_set(weight, i, value - call->state->learning_rate * gradient);
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    const snug_sgd_attributes *sgd = attributes;
    return (sgd->momentum != 0 ? 6 : 4) * snug_flops_input(attributes, inputs, outputs);
}

static const snug_sgd_attributes plain = {0}, decayed = {.weight_decay = 0.1},
                                 momentum = {.momentum = 0.9, .weight_decay = 1e-4},
                                 dampened = {.momentum = 0.9, .dampening = 0.5},
                                 nesterov = {.momentum = 0.9, .nesterov = 1};

#define THREE SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)

static const snug_sample samples[] = {
    {.name = "plain", .attributes = &plain, .input_count = 2, .inputs = {THREE}},
    {.name = "decayed", .attributes = &decayed, .input_count = 2, .inputs = {THREE}},
    {.name = "momentum", .attributes = &momentum, .input_count = 3, .inputs = {THREE}},
    {.name = "dampened", .attributes = &dampened, .input_count = 3, .inputs = {THREE}},
    {.name = "nesterov", .attributes = &nesterov, .input_count = 3, .inputs = {THREE}},
};

const snug_op snug_op_sgd_update = {
    .name = "sgd_update",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_sgd_attributes),
    .infer = infer,
    .mutates = 1 << 0 | 1 << 2,
    .is_elementwise = true,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_sgd_update, NULL};
const snug_op_file snug_ops_sgd_update = {ops};
