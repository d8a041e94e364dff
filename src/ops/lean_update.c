// SGD with momentum and Adam on state in 8 bits: blocks of 256 elements with a scale each, their
// largest magnitude.
#include "ops/lean.h"
#include "ops/update.h"

static const snug_attribute sgd_table[] = {
    SNUG_ATTRIBUTE(snug_sgd_attributes, momentum, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_sgd_attributes, dampening, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_sgd_attributes, weight_decay, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_sgd_attributes, nesterov, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};
static const snug_attribute adam_table[] = {
    SNUG_ATTRIBUTE(snug_adam_attributes, beta1, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, beta2, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, eps, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, weight_decay, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_adam_attributes, decoupled, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// Codes like the weight and a scale for each block, from input 2 on in pairs.
static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)attributes, (void)outputs;
    SNUG_TRY(snug_update_check(inputs, 2));
    int64_t blocks = snug_lean_blocks(snug_type_elements(&inputs[0]));
    for (int i = 2; i < input_count; i += 2) {
        bool fits = inputs[i].dtype == SNUG_U8 && snug_type_same_shape(&inputs[0], &inputs[i]) &&
                    snug_dtype_is_float(inputs[i + 1].dtype) && inputs[i + 1].rank == 1 &&
                    inputs[i + 1].dims[0] == blocks;
        if (!fits)
            return snug_fail(SNUG_INVALID,
                             "codes (uint8) like the weight and %lld scales expected as inputs %d "
                             "and %d",
                             (long long)blocks, i, i + 1);
    }
    return SNUG_OK;
}

// A block's state in float64, from and to its codes.
typedef struct block {
    const snug_view *codes, *scales;
    bool is_signed;
    double values[SNUG_LEAN_BLOCK];
} block;

static void load(block *self, int64_t index, int64_t count) {
    double scale = snug_view_get(self->scales, index);
    for (int64_t i = 0; i < count; i++) {
        uint8_t code = (uint8_t)snug_view_get(self->codes, index * SNUG_LEAN_BLOCK + i);
        self->values[i] =
            scale * (self->is_signed ? snug_lean_decode_signed(code) : snug_lean_decode(code));
    }
}

static void store(block *self, int64_t index, int64_t count) {
    double scale = 0;
    for (int64_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(self->values[i]));
    for (int64_t i = 0; i < count; i++) {
        double share = scale > 0 ? self->values[i] / scale : 0;
        snug_view_set(self->codes, index * SNUG_LEAN_BLOCK + i,
                      self->is_signed ? snug_lean_encode_signed(share) : snug_lean_encode(share));
    }
    snug_view_set(self->scales, index, scale);
}

static void sgd_block(const snug_call *call, block *momentum, int64_t first, int64_t count) {
    const snug_sgd_attributes *sgd = call->attributes;
    const snug_view *weight = &call->inputs[0];
    double times = snug_update_weight(call->state);
    for (int64_t i = 0; i < count; i++) {
        double value = snug_view_get(weight, first + i);
        double gradient =
            times * snug_view_get(&call->inputs[1], first + i) + sgd->weight_decay * value;
        double velocity = gradient;
        if (call->state->step > 0)
            velocity = sgd->momentum * momentum->values[i] + (1 - sgd->dampening) * gradient;
        momentum->values[i] = velocity;
        double slope = sgd->nesterov ? gradient + sgd->momentum * velocity : velocity;
        snug_view_set(weight, first + i, value - call->state->learning_rate * slope);
    }
}

static snug_status sgd_kernel(const snug_call *call) {
    block momentum = {.codes = &call->inputs[2], .scales = &call->inputs[3], .is_signed = true};
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    for (int64_t first = 0; first < elements; first += SNUG_LEAN_BLOCK) {
        int64_t count = elements - first < SNUG_LEAN_BLOCK ? elements - first : SNUG_LEAN_BLOCK;
        load(&momentum, first / SNUG_LEAN_BLOCK, count);
        sgd_block(call, &momentum, first, count);
        store(&momentum, first / SNUG_LEAN_BLOCK, count);
    }
    return SNUG_OK;
}

static void adam_block(const snug_call *call, block *m, block *v, int64_t first, int64_t count) {
    const snug_adam_attributes *adam = call->attributes;
    const snug_view *weight = &call->inputs[0];
    double rate = call->state->learning_rate, t = (double)call->state->step + 1;
    double step_size = rate / (1 - pow(adam->beta1, t));
    double correction = sqrt(1 - pow(adam->beta2, t)), times = snug_update_weight(call->state);
    for (int64_t i = 0; i < count; i++) {
        double value = snug_view_get(weight, first + i);
        double gradient = times * snug_view_get(&call->inputs[1], first + i);
        if (adam->decoupled)
            value -= rate * adam->weight_decay * value;
        else
            gradient += adam->weight_decay * value;
        m->values[i] = adam->beta1 * m->values[i] + (1 - adam->beta1) * gradient;
        v->values[i] = adam->beta2 * v->values[i] + (1 - adam->beta2) * gradient * gradient;
        double slope = m->values[i] / (sqrt(v->values[i]) / correction + adam->eps);
        snug_view_set(weight, first + i, value - step_size * slope);
    }
}

static snug_status adam_kernel(const snug_call *call) {
    block m = {.codes = &call->inputs[2], .scales = &call->inputs[3], .is_signed = true};
    block v = {.codes = &call->inputs[4], .scales = &call->inputs[5]};
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    for (int64_t first = 0; first < elements; first += SNUG_LEAN_BLOCK) {
        int64_t count = elements - first < SNUG_LEAN_BLOCK ? elements - first : SNUG_LEAN_BLOCK;
        load(&m, first / SNUG_LEAN_BLOCK, count);
        load(&v, first / SNUG_LEAN_BLOCK, count);
        adam_block(call, &m, &v, first, count);
        store(&m, first / SNUG_LEAN_BLOCK, count);
        store(&v, first / SNUG_LEAN_BLOCK, count);
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 40 * snug_flops_input(attributes, inputs, outputs);
}

static const snug_sgd_attributes momentum = {.momentum = 0.9, .weight_decay = 1e-4},
                                 nesterov = {.momentum = 0.9, .nesterov = 1};
static const snug_adam_attributes adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
                                  decoupled = {.beta1 = 0.8,
                                               .beta2 = 0.99,
                                               .eps = 1e-6,
                                               .weight_decay = 0.05,
                                               .decoupled = 1};

#define CODES(...) SNUG_SAMPLE_TENSOR(SNUG_U8, SNUG_ROW_MAJOR, __VA_ARGS__)
#define SCALES SNUG_SAMPLE_ROW_MAJOR(3)
#define WEIGHT SNUG_SAMPLE_ROW_MAJOR(30, 21)
#define SAMPLE(label, values, count, ...)                                                          \
    {                                                                                              \
        .name = (label), .attributes = &(values), .input_count = (count),                          \
        .inputs = {WEIGHT, WEIGHT, __VA_ARGS__}, .low = 0.1, .high = 1, .integer_below = 256       \
    }
static const snug_sample sgd_samples[] = {
    SAMPLE("momentum", momentum, 4, CODES(30, 21), SCALES),
    SAMPLE("nesterov", nesterov, 4, CODES(30, 21), SCALES),
};
static const snug_sample adam_samples[] = {
    SAMPLE("Adam", adam, 6, CODES(30, 21), SCALES, CODES(30, 21), SCALES),
    SAMPLE("AdamW", decoupled, 6, CODES(30, 21), SCALES, CODES(30, 21), SCALES),
};

const snug_op snug_op_lean_sgd_update = {
    .name = "lean_sgd_update",
    .min_inputs = 4,
    .max_inputs = 4,
    .attributes = sgd_table,
    .attributes_size = sizeof(snug_sgd_attributes),
    .infer = infer,
    .mutates = 1 << 0 | 1 << 2 | 1 << 3,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = sgd_kernel,
    SNUG_SAMPLES(sgd_samples),
};

const snug_op snug_op_lean_adam_update = {
    .name = "lean_adam_update",
    .min_inputs = 6,
    .max_inputs = 6,
    .attributes = adam_table,
    .attributes_size = sizeof(snug_adam_attributes),
    .infer = infer,
    .mutates = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = adam_kernel,
    SNUG_SAMPLES(adam_samples),
};

static const snug_op *const ops[] = {&snug_op_lean_sgd_update, &snug_op_lean_adam_update, NULL};
const snug_op_file snug_ops_lean_update = {ops};
