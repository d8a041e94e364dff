// Losses whose target is shaped like the result: mse and binary cross-entropy. Elements in memory
// order; a NaN as the target leaves its element out. Workspace: one double a thread.
#include <math.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"
#include "ops/loss.h"
#include "ops/ops.h"

enum { GRAIN = 4096 };

typedef struct work {
    const float *x, *target;
    float *dx;
    float scale;
    double *sums; // by part
} work;

// Parts of at most so many elements add up in float without losing digits.
enum { PIECE = 1024 };

SNUG_MULTIARCH static float squares_of(const float *x, const float *target, int64_t count) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) {
        float error = target[i] == target[i] ? x[i] - target[i] : 0;
        sum += error * error;
    }
    return sum;
}

static void mse_part(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    double sum = 0;
    for (int64_t at = begin; at < end; at += PIECE)
        sum += (double)squares_of(self->x + at, self->target + at,
                                  end - at < PIECE ? end - at : PIECE);
    self->sums[part] = sum;
}

SNUG_MULTIARCH static void mse_slopes(const float *x, const float *target, float scale,
                                      int64_t count, float *dx) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dx[i] = target[i] == target[i] ? scale * (x[i] - target[i]) : 0;
}

static void mse_backward_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    mse_slopes(self->x + begin, self->target + begin, self->scale, end - begin, self->dx + begin);
}

// max(x, 0) - x * t + log(1 + exp(-|x|)): nothing overflows.
static void bce_part(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    double sum = 0;
    for (int64_t i = begin; i < end; i++) {
        float x = self->x[i], t = self->target[i];
        if (t != t) continue;
        sum += (double)((x > 0 ? x : 0) - x * t + log1pf(expf(-fabsf(x))));
    }
    self->sums[part] = sum;
}

SNUG_MULTIARCH static void bce_slopes(const float *x, const float *target, float scale,
                                      int64_t count, float *dx) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dx[i] = target[i] == target[i] ? scale * (snug_sigmoid(x[i]) - target[i]) : 0;
}

static void bce_backward_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    bce_slopes(self->x + begin, self->target + begin, self->scale, end - begin, self->dx + begin);
}

static void correct_part(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    int64_t count = 0;
    for (int64_t i = begin; i < end; i++) {
        float x = self->x[i], t = self->target[i];
        count += (x > 0 && t > 0.5f) || (x <= 0 && t <= 0.5f);
    }
    self->sums[part] = (double)count;
}

static work begin_work(const snug_call *call) {
    return (work){.x = call->inputs[0].data,
                  .target = call->inputs[1].data,
                  .dx = call->outputs[0].data,
                  .sums = call->workspace};
}

// The sum of |apply| over all elements.
static double total_of(const snug_cpu_kernel *kernel, const snug_call *call,
                       snug_range_work *apply) {
    work self = begin_work(call);
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    int parts = snug_parallel(kernel->threads, elements, GRAIN, apply, &self);
    double total = 0;
    for (int i = 0; i < parts; i++)
        total += self.sums[i];
    return total;
}

static snug_status store_loss(const snug_call *call, double total) {
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    *(float *)call->outputs[0].data =
        (float)(total / snug_loss_denominator(call->attributes, elements));
    return SNUG_OK;
}

static snug_status run_mse(snug_cpu_kernel *kernel, const snug_call *call) {
    return store_loss(call, total_of(kernel, call, mse_part));
}

static snug_status run_bce(snug_cpu_kernel *kernel, const snug_call *call) {
    return store_loss(call, total_of(kernel, call, bce_part));
}

static snug_status run_correct(snug_cpu_kernel *kernel, const snug_call *call) {
    *(float *)call->outputs[0].data = (float)total_of(kernel, call, correct_part);
    return SNUG_OK;
}

static snug_status run_backward(const snug_cpu_kernel *kernel, const snug_call *call, double factor,
                                snug_range_work *apply) {
    work self = begin_work(call);
    int64_t elements = snug_type_elements(&call->inputs[0].type);
    double slope = (double)*(const float *)call->inputs[2].data;
    self.scale = (float)(factor * slope / snug_loss_denominator(call->attributes, elements));
    snug_parallel(kernel->threads, elements, GRAIN, apply, &self);
    return SNUG_OK;
}

static snug_status run_mse_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    return run_backward(kernel, call, 2, mse_backward_part);
}

static snug_status run_bce_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    return run_backward(kernel, call, 1, bce_backward_part);
}

static snug_status prepare(snug_cpu_kernel *kernel,
                           snug_status (*run)(snug_cpu_kernel *kernel, const snug_call *call),
                           bool has_sums) {
    kernel->run = run;
    if (has_sums) kernel->cached.kernel.workspace_bytes = (size_t)kernel->threads * sizeof(double);
    bool is_empty = snug_type_elements(&kernel->cached.signature.inputs[0]) == 0;
    return snug_cpu_all_float(kernel) && !is_empty ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_mse(snug_cpu_kernel *kernel) {
    return prepare(kernel, run_mse, true);
}

static snug_status prepare_mse_backward(snug_cpu_kernel *kernel) {
    return prepare(kernel, run_mse_backward, false);
}

static snug_status prepare_bce(snug_cpu_kernel *kernel) {
    return prepare(kernel, run_bce, true);
}

static snug_status prepare_bce_backward(snug_cpu_kernel *kernel) {
    return prepare(kernel, run_bce_backward, false);
}

static snug_status prepare_correct(snug_cpu_kernel *kernel) {
    return prepare(kernel, run_correct, true);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_mse_loss, prepare_mse},           {&snug_op_mse_loss_backward, prepare_mse_backward},
    {&snug_op_bce_loss, prepare_bce},           {&snug_op_bce_loss_backward, prepare_bce_backward},
    {&snug_op_correct_binary, prepare_correct}, {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_pointwise_loss = {entries};
