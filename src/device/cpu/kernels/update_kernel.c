// Optimizer steps and gradient accumulation in float32: one pass over memory.
#include <math.h>

#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"
#include "ops/update.h"

enum { grain = 8192 };

typedef struct work {
    float *weight, *m, *v; // m: SGD's momentum buffer, or Adam's first moment
    const float *gradient;
    float times; // what gradients are multiplied by
    // SGD
    float momentum, dampened, decay, rate;
    bool is_first, nesterov;
    // Adam
    float beta1, beta2, rest1, rest2; // rest: 1 - beta
    float step_size, inverse_correction, eps, keep;
} work;

SNUG_MULTIARCH static void sgd_plain(const work *self, int64_t begin, int64_t end) {
    float *weight = self->weight, decay = self->decay, rate = self->rate, times = self->times;
    const float *gradient = self->gradient;
#pragma omp simd
    for (int64_t i = begin; i < end; i++)
        weight[i] -= rate * (times * gradient[i] + decay * weight[i]);
}

SNUG_MULTIARCH static void sgd_momentum(const work *self, int64_t begin, int64_t end) {
    float *weight = self->weight, *m = self->m;
    const float *gradient = self->gradient;
    float decay = self->decay, rate = self->rate, momentum = self->momentum, times = self->times;
    // The first step's buffer is the gradient, whatever the memory holds.
    if (self->is_first) {
#pragma omp simd
        for (int64_t i = begin; i < end; i++)
            m[i] = times * gradient[i] + decay * weight[i];
    } else {
        float dampened = self->dampened;
#pragma omp simd
        for (int64_t i = begin; i < end; i++)
            m[i] = momentum * m[i] + dampened * (times * gradient[i] + decay * weight[i]);
    }
    if (self->nesterov) {
#pragma omp simd
        for (int64_t i = begin; i < end; i++)
            weight[i] -= rate * ((times * gradient[i] + decay * weight[i]) + momentum * m[i]);
    } else {
#pragma omp simd
        for (int64_t i = begin; i < end; i++)
            weight[i] -= rate * m[i];
    }
}

static void run_sgd_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    enum { block = 2048 }; // the second loop over a block finds it in the first-level cache
    const work *self = context;
    if (!self->m) {
        sgd_plain(self, begin, end);
        return;
    }
    for (; begin < end; begin += block)
        sgd_momentum(self, begin, end - begin < block ? end : begin + block);
}

static snug_status run_sgd(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_sgd_attributes *sgd = call->attributes;
    work self = {.weight = call->inputs[0].data,
                 .gradient = call->inputs[1].data,
                 .times = (float)snug_update_weight(call->state),
                 .m = sgd->momentum != 0 ? call->inputs[2].data : NULL,
                 .momentum = (float)sgd->momentum,
                 .dampened = (float)(1 - sgd->dampening),
                 .decay = (float)sgd->weight_decay,
                 .rate = (float)call->state->learning_rate,
                 .is_first = call->state->step == 0,
                 .nesterov = sgd->nesterov};
    snug_parallel(kernel->threads, snug_type_elements(&call->inputs[0].type), grain, run_sgd_part,
                  &self);
    return SNUG_OK;
}

static snug_status prepare_sgd(snug_cpu_kernel *kernel) {
    kernel->run = run_sgd;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

SNUG_MULTIARCH static void adam_range(const work *self, int64_t begin, int64_t end) {
    float *weight = self->weight, *m = self->m, *v = self->v;
    const float *gradient = self->gradient;
    float beta1 = self->beta1, beta2 = self->beta2, rest1 = self->rest1, rest2 = self->rest2;
    float step_size = self->step_size, correction = self->inverse_correction, eps = self->eps;
    float decay = self->decay, keep = self->keep, times = self->times;
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
        float slope = times * gradient[i] + decay * weight[i];
        float mean = beta1 * m[i] + rest1 * slope;
        float square = beta2 * v[i] + rest2 * slope * slope;
        m[i] = mean;
        v[i] = square;
        weight[i] = keep * weight[i] - step_size * mean / (sqrtf(square) * correction + eps);
    }
}

static void run_adam_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    adam_range(context, begin, end);
}

static snug_status run_adam(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_adam_attributes *adam = call->attributes;
    double rate = call->state->learning_rate, t = (double)call->state->step + 1;
    work self = {.weight = call->inputs[0].data,
                 .gradient = call->inputs[1].data,
                 .times = (float)snug_update_weight(call->state),
                 .m = call->inputs[2].data,
                 .v = call->inputs[3].data,
                 .beta1 = (float)adam->beta1,
                 .beta2 = (float)adam->beta2,
                 .rest1 = (float)(1 - adam->beta1),
                 .rest2 = (float)(1 - adam->beta2),
                 .step_size = (float)(rate / (1 - pow(adam->beta1, t))),
                 .inverse_correction = (float)(1 / sqrt(1 - pow(adam->beta2, t))),
                 .eps = (float)adam->eps,
                 .decay = adam->decoupled ? 0 : (float)adam->weight_decay,
                 .keep = adam->decoupled ? (float)(1 - rate * adam->weight_decay) : 1};
    snug_parallel(kernel->threads, snug_type_elements(&call->inputs[0].type), grain, run_adam_part,
                  &self);
    return SNUG_OK;
}

static snug_status prepare_adam(snug_cpu_kernel *kernel) {
    kernel->run = run_adam;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

SNUG_MULTIARCH static void accumulate_range(const work *self, int64_t begin, int64_t end) {
    float *total = self->weight;
    const float *x = self->gradient;
#pragma omp simd
    for (int64_t i = begin; i < end; i++)
        total[i] += x[i];
}

static void run_accumulate_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    accumulate_range(context, begin, end);
}

static snug_status run_accumulate(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.weight = call->inputs[0].data, .gradient = call->inputs[1].data};
    snug_parallel(kernel->threads, snug_type_elements(&call->inputs[0].type), grain,
                  run_accumulate_part, &self);
    return SNUG_OK;
}

static snug_status prepare_accumulate(snug_cpu_kernel *kernel) {
    kernel->run = run_accumulate;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_sgd_update, prepare_sgd},
    {&snug_op_adam_update, prepare_adam},
    {&snug_op_accumulate, prepare_accumulate},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_update = {entries};
