// The sum of a gradient's squares, in double: each part of the elements has its own, in the
// workspace a cache line apart, and they are added in order. And each element within a limit.
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"
#include "ops/update.h"

enum { grain = 8192, block = 1024, line_bytes = 64 };

typedef struct work {
    const float *x;
    float *y, limit;
    char *sums;
} work;

// In float within a block, whose sum is exact enough for it.
SNUG_MULTIARCH static float square_block(const float *x, int64_t count) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sum;
}

static void sum_part(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    double sum = 0;
    for (int64_t i = begin; i < end; i += block)
        sum += (double)square_block(self->x + i, end - i < block ? end - i : block);
    *(double *)(void *)(self->sums + (size_t)part * line_bytes) = sum;
}

static snug_status run_sum(snug_cpu_kernel *kernel, const snug_call *call) {
    double times = snug_update_weight(call->state), sum = 0;
    work self = {.x = call->inputs[0].data, .sums = call->workspace};
    float before = *(const float *)call->inputs[1].data;
    int parts = snug_parallel(kernel->threads, snug_type_elements(&call->inputs[0].type), grain,
                              sum_part, &self);
    for (int i = 0; i < parts; i++)
        sum += *(double *)(void *)(self.sums + (size_t)i * line_bytes);
    *(float *)call->outputs[0].data = (float)((double)before + times * times * sum);
    return SNUG_OK;
}

static snug_status prepare_sum(snug_cpu_kernel *kernel) {
    kernel->run = run_sum;
    kernel->cached.kernel.workspace_bytes = (size_t)kernel->threads * line_bytes;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

SNUG_MULTIARCH static void clip(const float *x, float *y, float limit, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}

static void clip_part(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    (void)part;
    clip(self->x + begin, self->y + begin, self->limit, end - begin);
}

static snug_status run_clip(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_clip_gradient_attributes *attributes = call->attributes;
    work self = {.x = call->inputs[0].data,
                 .y = call->outputs[0].data,
                 .limit = (float)(attributes->limit / snug_update_weight(call->state))};
    snug_parallel(kernel->threads, snug_type_elements(&call->inputs[0].type), grain, clip_part,
                  &self);
    return SNUG_OK;
}

static snug_status prepare_clip(snug_cpu_kernel *kernel) {
    kernel->run = run_clip;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_square_sum, prepare_sum}, {&snug_op_clip_gradient, prepare_clip}, {NULL, NULL}};
const snug_cpu_kernel_file snug_cpu_kernels_clip_gradient = {entries};
