// One step of torch.optim.Adam (Kingma & Ba, 2015), or of AdamW (Loshchilov & Hutter, 2019), which
// decays the weight itself and not through the gradient.
#include <math.h>

#include "ops/update.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_adam_attributes, beta1, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, beta2, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, eps, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, weight_decay, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, decoupled, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)outputs;
    const snug_adam_attributes *adam = attributes;
    bool decays = adam->beta1 >= 0 && adam->beta1 < 1 && adam->beta2 >= 0 && adam->beta2 < 1;
    if (!decays)
        return snug_fail(SNUG_INVALID, "betas from 0 to below 1 expected, found %g and %g",
                         adam->beta1, adam->beta2);
    return snug_update_check(inputs, input_count);
}

static snug_status kernel(const snug_call *call) {
    const snug_adam_attributes *adam = call->attributes;
    const snug_view *weight = &call->inputs[0], *m = &call->inputs[2], *v = &call->inputs[3];
    double rate = call->state->learning_rate, t = (double)call->state->step + 1;
    double step_size = rate / (1 - pow(adam->beta1, t));
    double correction = sqrt(1 - pow(adam->beta2, t));
    double times = snug_update_weight(call->state);
    int64_t elements = snug_type_elements(&weight->type);
    for (int64_t i = 0; i < elements; i++) {
        double value = snug_view_get(weight, i);
        double gradient = times * snug_view_get(&call->inputs[1], i);
        if (adam->decoupled)
            value -= rate * adam->weight_decay * value;
        else
            gradient += adam->weight_decay * value;
        double mean = adam->beta1 * snug_view_get(m, i) + (1 - adam->beta1) * gradient;
        double square = adam->beta2 * snug_view_get(v, i) + (1 - adam->beta2) * gradient * gradient;
        snug_view_set(m, i, mean);
        snug_view_set(v, i, square);
        snug_view_set(weight, i,
                      value - step_size * mean / (sqrt(square) / correction + adam->eps));
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 14 * snug_flops_input(attributes, inputs, outputs);
}

static const snug_adam_attributes
    adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    decayed = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01},
    decoupled = {.beta1 = 0.8, .beta2 = 0.99, .eps = 1e-6, .weight_decay = 0.05, .decoupled = 1};

#define FOUR(...)                                                                                  \
    SNUG_SAMPLE_ROW_MAJOR(__VA_ARGS__), SNUG_SAMPLE_ROW_MAJOR(__VA_ARGS__),                        \
        SNUG_SAMPLE_ROW_MAJOR(__VA_ARGS__), SNUG_SAMPLE_ROW_MAJOR(__VA_ARGS__)

// Above 0, as the mean of squares is.
static const snug_sample samples[] = {
    {.name = "Adam",
     .attributes = &adam,
     .input_count = 4,
     .inputs = {FOUR(5, 7)},
     .low = 0.1,
     .high = 1},
    {.name = "decayed Adam",
     .attributes = &decayed,
     .input_count = 4,
     .inputs = {FOUR(6, 5, 3, 3)},
     .low = 0.1,
     .high = 1},
    {.name = "AdamW",
     .attributes = &decoupled,
     .input_count = 4,
     .inputs = {FOUR(17)},
     .low = 0.1,
     .high = 1},
};

const snug_op snug_op_adam_update = {
    .name = "adam_update",
    .min_inputs = 4,
    .max_inputs = 4,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_adam_attributes),
    .infer = infer,
    .mutates = 1 << 0 | 1 << 2 | 1 << 3,
    .is_elementwise = true,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_adam_update, NULL};
const snug_op_file snug_ops_adam_update = {ops};
