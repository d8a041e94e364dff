// Optimizer steps on 8-bit state. A block is decoded by table, updated and encoded by arithmetic
// alone (ops/lean.h has the codes): nothing depends on the values, so that all of it is vector
// code. The gradient may have 16 bits. The kernel's state holds the two tables.
#include <math.h>

#include "base/half.h"
#include "base/memory.h"
#include "device/cpu/convert.h"
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/lean.h"
#include "ops/ops.h"
#include "ops/update.h"

enum { block = SNUG_LEAN_BLOCK, grain_blocks = 16 };

typedef struct tables {
    float signed_values[256], values[256];
} tables;

typedef struct work {
    const tables *tables;
    int64_t elements;
    float *weight;
    const char *gradient;
    snug_dtype gradient_type;
    float times;       // what gradients are multiplied by
    uint8_t *codes[2]; // momentum, or m and v
    float *scales[2];
    float momentum, dampened, decay, rate; // SGD
    bool is_first, nesterov;
    float beta1, beta2, rest1, rest2; // Adam
    float step_size, inverse_correction, eps, keep;
} work;

static void decode(const float *table, const uint8_t *codes, float scale, int64_t count,
                   float *to) {
    for (int64_t i = 0; i < count; i++)
        to[i] = table[codes[i]] * scale;
}

SNUG_MULTIARCH static float largest(const float *values, int64_t count) {
    uint32_t most = 0;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = snug_bits_of_float(values[i]) & 0x7FFFFFFFu;
        most = bits > most ? bits : most;
    }
    return snug_float_of_bits(most);
}

// Of |share| in [0, 1]: the decade i whose values lie in (10^(i-bits), 10^(i-bits+1)], then the
// nearest of its 2^i steps; step 0 is the decade's lower end, the top of the one below.
static inline int32_t nearest(float share, int bits) {
    float scaled = share, steps = (float)(1 << (bits - 1));
    for (int i = 0; i < bits - 1; i++) {
        bool below = scaled <= 0.1f;
        scaled = below ? scaled * 10 : scaled;
        steps = below ? steps * 0.5f : steps;
    }
    float step = (scaled - 0.1f) * (steps * (1 / 0.9f));
    // Below the lowest decade lies 0 alone, half-way to its first value is half of that.
    step = steps == 1 && scaled < 0.5f ? 0 : step;
    step = steps == 1 && scaled >= 0.5f ? 1 : step;
    return (int32_t)steps - 1 + (int32_t)(step + 0.5f);
}

SNUG_MULTIARCH static void encode_signed(const float *values, float scale, int64_t count,
                                         uint8_t *to) {
    float inverse = scale > 0 ? 1 / scale : 0;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float share = fabsf(values[i]) * inverse;
        int32_t code = nearest(share > 1 ? 1 : share, SNUG_LEAN_SIGNED_BITS);
        int32_t sign = values[i] < 0 && code > 0 ? 128 : 0;
        to[i] = (uint8_t)(code | sign);
    }
}

SNUG_MULTIARCH static void encode(const float *values, float scale, int64_t count, uint8_t *to) {
    float inverse = scale > 0 ? 1 / scale : 0;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float share = values[i] * inverse;
        int32_t code = nearest(share > 1 ? 1 : share, SNUG_LEAN_BITS);
        to[i] = (uint8_t)(values[i] > 0 && code == 0 ? 1 : code);
    }
}

SNUG_MULTIARCH static void sgd_step(const work *self, const float *gradient, int64_t count,
                                    float *weight, float *m) {
    float decay = self->decay, rate = self->rate, times = self->times;
    float keep = self->is_first ? 0 : self->momentum,
          dampened = self->is_first ? 1 : self->dampened;
    float ahead = self->nesterov ? self->momentum : 1, own = self->nesterov ? 1 : 0;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float slope = times * gradient[i] + decay * weight[i];
        m[i] = keep * m[i] + dampened * slope;
        weight[i] -= rate * (own * slope + ahead * m[i]);
    }
}

SNUG_MULTIARCH static void adam_step(const work *self, const float *gradient, int64_t count,
                                     float *weight, float *m, float *v) {
    float beta1 = self->beta1, beta2 = self->beta2, rest1 = self->rest1, rest2 = self->rest2;
    float step_size = self->step_size, correction = self->inverse_correction, eps = self->eps;
    float decay = self->decay, keep = self->keep, times = self->times;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float slope = times * gradient[i] + decay * weight[i];
        m[i] = beta1 * m[i] + rest1 * slope;
        v[i] = beta2 * v[i] + rest2 * slope * slope;
        weight[i] = keep * weight[i] - step_size * m[i] / (sqrtf(v[i]) * correction + eps);
    }
}

static void run_block(const work *self, int64_t index) {
    float m[block], v[block], gradient[block];
    int64_t first = index * block;
    int64_t count = self->elements - first < block ? self->elements - first : block;
    float *weight = self->weight + first;
    snug_widen(self->gradient + (size_t)first * snug_dtype_bytes(self->gradient_type),
               self->gradient_type, count, gradient);
    decode(self->tables->signed_values, self->codes[0] + first, self->scales[0][index], count, m);
    if (self->codes[1]) {
        decode(self->tables->values, self->codes[1] + first, self->scales[1][index], count, v);
        adam_step(self, gradient, count, weight, m, v);
        self->scales[1][index] = largest(v, count);
        encode(v, self->scales[1][index], count, self->codes[1] + first);
    } else {
        sgd_step(self, gradient, count, weight, m);
    }
    self->scales[0][index] = largest(m, count);
    encode_signed(m, self->scales[0][index], count, self->codes[0] + first);
}

static void run_blocks(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    for (; begin < end; begin++)
        run_block(context, begin);
}

static work begin_work(const snug_cpu_kernel *kernel, const snug_call *call) {
    return (work){.tables = kernel->state,
                  .elements = snug_type_elements(&call->inputs[0].type),
                  .weight = call->inputs[0].data,
                  .gradient = call->inputs[1].data,
                  .gradient_type = call->inputs[1].type.dtype,
                  .times = (float)snug_update_weight(call->state),
                  .codes = {call->inputs[2].data},
                  .scales = {call->inputs[3].data},
                  .is_first = call->state->step == 0};
}

static snug_status run_sgd(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_sgd_attributes *sgd = call->attributes;
    work self = begin_work(kernel, call);
    self.momentum = (float)sgd->momentum;
    self.dampened = (float)(1 - sgd->dampening);
    self.decay = (float)sgd->weight_decay;
    self.rate = (float)call->state->learning_rate;
    self.nesterov = sgd->nesterov;
    snug_parallel(kernel->threads, snug_lean_blocks(self.elements), grain_blocks, run_blocks,
                  &self);
    return SNUG_OK;
}

static snug_status run_adam(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_adam_attributes *adam = call->attributes;
    double rate = call->state->learning_rate, t = (double)call->state->step + 1;
    work self = begin_work(kernel, call);
    self.codes[1] = call->inputs[4].data;
    self.scales[1] = call->inputs[5].data;
    self.beta1 = (float)adam->beta1;
    self.beta2 = (float)adam->beta2;
    self.rest1 = (float)(1 - adam->beta1);
    self.rest2 = (float)(1 - adam->beta2);
    self.step_size = (float)(rate / (1 - pow(adam->beta1, t)));
    self.inverse_correction = (float)(1 / sqrt(1 - pow(adam->beta2, t)));
    self.eps = (float)adam->eps;
    self.decay = adam->decoupled ? 0 : (float)adam->weight_decay;
    self.keep = adam->decoupled ? (float)(1 - rate * adam->weight_decay) : 1;
    snug_parallel(kernel->threads, snug_lean_blocks(self.elements), grain_blocks, run_blocks,
                  &self);
    return SNUG_OK;
}

static bool fits(const snug_signature *signature) {
    snug_dtype gradient = signature->inputs[1].dtype;
    bool fit = signature->inputs[0].dtype == SNUG_F32 &&
               (gradient == SNUG_F32 || snug_is_16_bit(gradient));
    for (int i = 3; i < signature->input_count; i += 2)
        fit = fit && signature->inputs[i].dtype == SNUG_F32;
    return fit;
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    tables *self;
    if (!fits(&kernel->cached.signature)) return SNUG_UNSUPPORTED;
    SNUG_TRY(SNUG_NEW(&self, 1));
    for (int i = 0; i < 256; i++) {
        self->signed_values[i] = (float)snug_lean_decode_signed((uint8_t)i);
        self->values[i] = (float)snug_lean_decode((uint8_t)i);
    }
    kernel->state = self;
    return SNUG_OK;
}

static snug_status prepare_sgd(snug_cpu_kernel *kernel) {
    kernel->run = run_sgd;
    return prepare(kernel);
}

static snug_status prepare_adam(snug_cpu_kernel *kernel) {
    kernel->run = run_adam;
    return prepare(kernel);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_lean_sgd_update, prepare_sgd},
    {&snug_op_lean_adam_update, prepare_adam},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_lean_update = {entries};
