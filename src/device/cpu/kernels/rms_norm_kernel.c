// RMS norm over contiguous rows in float32. Workspace of the gradient: each part's line of sums and
// totals for dgamma.
#include <math.h>
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/columns.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

typedef struct work {
    int64_t length; // of a row
    double eps;
    const float *x, *gamma, *dy;
    float *y, *inverses; // y: dx in the backward
    char *parts;
} work;

static size_t part_bytes(int64_t length) {
    return snug_columns_bytes(length, sizeof(double)) + snug_columns_bytes(length, sizeof(float));
}

static double *totals_of(const work *self, int part) {
    return (double *)(void *)(self->parts + (size_t)part * part_bytes(self->length));
}

SNUG_MULTIARCH static float square_of(const float *x, int64_t length) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += x[i] * x[i];
    return sum / (float)length;
}

SNUG_MULTIARCH static void normalise(const float *x, float inverse, const float *gamma,
                                     int64_t length, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        y[i] = x[i] * inverse * gamma[i];
}

static void run_rows(const void *context, int index, int64_t begin, int64_t end) {
    (void)index;
    const work *self = context;
    for (int64_t row = begin; row < end; row++) {
        const float *x = self->x + row * self->length;
        float inverse = (float)(1 / sqrt((double)square_of(x, self->length) + self->eps));
        normalise(x, inverse, self->gamma, self->length, self->y + row * self->length);
        self->inverses[row] = inverse;
    }
}

SNUG_MULTIARCH static void differentiate_row(const float *x, const float *dy, const float *gamma,
                                             float inverse, int64_t length, float *dgamma,
                                             float *dx) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++) {
        float part = dy[i] * x[i] * inverse;
        dgamma[i] += part;
        sum += gamma[i] * part;
    }
    sum /= (float)length;
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        dx[i] = inverse * (gamma[i] * dy[i] - x[i] * inverse * sum);
}

static void run_backward_rows(const void *context, int index, int64_t begin, int64_t end) {
    const work *self = context;
    snug_columns line = snug_columns_of(1, self->length);
    double *totals = totals_of(self, index);
    size_t bytes = snug_columns_bytes(self->length, sizeof(double));
    float *sums = (float *)(void *)((char *)totals + bytes);
    memset(totals, 0, part_bytes(self->length));
    for (int64_t row = begin; row < end; row++) {
        int64_t from = row * self->length;
        differentiate_row(self->x + from, self->dy + from, self->gamma, self->inverses[row],
                          self->length, sums, self->y + from);
        bool folds = (row - begin) % SNUG_COLUMNS_FOLD_LINES == SNUG_COLUMNS_FOLD_LINES - 1;
        if (!folds && row < end - 1) continue;
        snug_columns_fold(&line, sums, totals);
        memset(sums, 0, (size_t)self->length * sizeof *sums);
    }
}

static int64_t grain_of(const work *self) {
    enum { grain_elements = 8192 };
    return grain_elements / (self->length + 1) + 1;
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_rms_norm_attributes *norm = call->attributes;
    work self = {.length = snug_type_elements(&call->inputs[1].type),
                 .eps = norm->eps,
                 .x = call->inputs[0].data,
                 .gamma = call->inputs[1].data,
                 .y = call->outputs[0].data,
                 .inverses = call->outputs[1].data};
    snug_parallel(kernel->threads, snug_type_elements(&call->outputs[1].type), grain_of(&self),
                  run_rows, &self);
    return SNUG_OK;
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.length = snug_type_elements(&call->inputs[1].type),
                 .x = call->inputs[0].data,
                 .gamma = call->inputs[1].data,
                 .inverses = call->inputs[2].data,
                 .dy = call->inputs[3].data,
                 .y = call->outputs[0].data,
                 .parts = call->workspace};
    int parts = snug_parallel(kernel->threads, snug_type_elements(&call->inputs[2].type),
                              grain_of(&self), run_backward_rows, &self);
    float *dgamma = call->outputs[1].data;
    for (int64_t i = 0; i < self.length; i++) {
        double total = 0;
        for (int j = 0; j < parts; j++)
            total += totals_of(&self, j)[i];
        dgamma[i] = (float)total;
    }
    return SNUG_OK;
}

static bool fits(const snug_cpu_kernel *kernel) {
    return snug_cpu_all_float(kernel) &&
           snug_type_elements(&kernel->cached.signature.inputs[0]) > 0;
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    kernel->run = run;
    return fits(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    if (!fits(kernel)) return SNUG_UNSUPPORTED;
    kernel->run = run_backward;
    kernel->cached.kernel.workspace_bytes =
        (size_t)kernel->threads *
        part_bytes(snug_type_elements(&kernel->cached.signature.inputs[1]));
    return SNUG_OK;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_rms_norm, prepare},
    {&snug_op_rms_norm_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_rms_norm = {entries};
