// Layer norm over contiguous rows in float32. Workspace of the gradient: each part's line of sums
// and totals for dgamma and dbeta.
#include <math.h>
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/columns.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

typedef struct work {
    int64_t length; // of a row
    double eps;
    const float *x, *gamma, *beta, *dy;
    float *y, *means, *inverses; // y: dx in the backward
    char *parts;
} work;

typedef struct part {
    float *sums[2];    // of dy * xhat and dy, over some rows
    double *totals[2]; // over all rows of the part
} part;

static size_t part_bytes(int64_t length) {
    return 2 * snug_columns_bytes(length, sizeof(float)) +
           2 * snug_columns_bytes(length, sizeof(double));
}

static part part_of(const work *self, int index) {
    char *at = self->parts + (size_t)index * part_bytes(self->length);
    part result;
    for (int i = 0; i < 2; i++) {
        result.sums[i] = (float *)(void *)at;
        at += snug_columns_bytes(self->length, sizeof(float));
    }
    for (int i = 0; i < 2; i++) {
        result.totals[i] = (double *)(void *)at;
        at += snug_columns_bytes(self->length, sizeof(double));
    }
    return result;
}

SNUG_MULTIARCH static float mean_of(const float *x, int64_t length) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += x[i];
    return sum / (float)length;
}

SNUG_MULTIARCH static float variance_of(const float *x, float mean, int64_t length) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (float)length;
}

SNUG_MULTIARCH static void normalise(const float *x, float mean, float inverse, const float *gamma,
                                     const float *beta, int64_t length, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        y[i] = (x[i] - mean) * inverse * gamma[i] + beta[i];
}

static void run_rows(const void *context, int index, int64_t begin, int64_t end) {
    (void)index;
    const work *self = context;
    for (int64_t row = begin; row < end; row++) {
        const float *x = self->x + row * self->length;
        float mean = mean_of(x, self->length);
        double variance = (double)variance_of(x, mean, self->length);
        float inverse = (float)(1 / sqrt(variance + self->eps));
        normalise(x, mean, inverse, self->gamma, self->beta, self->length,
                  self->y + row * self->length);
        self->means[row] = mean;
        self->inverses[row] = inverse;
    }
}

// Adds a row to the sums; |out| receives its sums of gamma * dy and gamma * dy * xhat.
SNUG_MULTIARCH static void add_row(const float *x, const float *dy, const float *gamma, float mean,
                                   float inverse, int64_t length, float *dgamma, float *dbeta,
                                   float out[2]) {
    float plain = 0, weighted = 0;
#pragma omp simd reduction(+ : plain, weighted)
    for (int64_t i = 0; i < length; i++) {
        float normal = (x[i] - mean) * inverse;
        dgamma[i] += dy[i] * normal;
        dbeta[i] += dy[i];
        plain += gamma[i] * dy[i];
        weighted += gamma[i] * dy[i] * normal;
    }
    out[0] = plain;
    out[1] = weighted;
}

SNUG_MULTIARCH static void write_row(const float *x, const float *dy, const float *gamma,
                                     float mean, float inverse, const float sums[2], int64_t length,
                                     float *dx) {
    float plain = sums[0] / (float)length, weighted = sums[1] / (float)length;
#pragma omp simd
    for (int64_t i = 0; i < length; i++) {
        float normal = (x[i] - mean) * inverse;
        dx[i] = inverse * (gamma[i] * dy[i] - (plain + normal * weighted));
    }
}

static void run_backward_rows(const void *context, int index, int64_t begin, int64_t end) {
    const work *self = context;
    snug_columns line = snug_columns_of(1, self->length);
    part own = part_of(self, index);
    for (int i = 0; i < 2; i++) {
        memset(own.totals[i], 0, (size_t)self->length * sizeof(double));
        memset(own.sums[i], 0, (size_t)self->length * sizeof(float));
    }
    for (int64_t row = begin; row < end; row++) {
        const float *x = self->x + row * self->length, *dy = self->dy + row * self->length;
        float mean = self->means[row], inverse = self->inverses[row], sums[2];
        add_row(x, dy, self->gamma, mean, inverse, self->length, own.sums[0], own.sums[1], sums);
        write_row(x, dy, self->gamma, mean, inverse, sums, self->length,
                  self->y + row * self->length);
        bool folds = (row - begin) % SNUG_COLUMNS_FOLD_LINES == SNUG_COLUMNS_FOLD_LINES - 1;
        for (int i = 0; i < 2 && (folds || row == end - 1); i++) {
            snug_columns_fold(&line, own.sums[i], own.totals[i]);
            memset(own.sums[i], 0, (size_t)self->length * sizeof(float));
        }
    }
}

static int64_t grain_of(const work *self) {
    enum { grain_elements = 8192 };
    return grain_elements / (self->length + 1) + 1;
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_layer_norm_attributes *norm = call->attributes;
    work self = {.length = snug_type_elements(&call->inputs[1].type),
                 .eps = norm->eps,
                 .x = call->inputs[0].data,
                 .gamma = call->inputs[1].data,
                 .beta = call->inputs[2].data,
                 .y = call->outputs[0].data,
                 .means = call->outputs[1].data,
                 .inverses = call->outputs[2].data};
    snug_parallel(kernel->threads, snug_type_elements(&call->outputs[1].type), grain_of(&self),
                  run_rows, &self);
    return SNUG_OK;
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.length = snug_type_elements(&call->inputs[1].type),
                 .x = call->inputs[0].data,
                 .gamma = call->inputs[1].data,
                 .means = call->inputs[2].data,
                 .inverses = call->inputs[3].data,
                 .dy = call->inputs[4].data,
                 .y = call->outputs[0].data,
                 .parts = call->workspace};
    int parts = snug_parallel(kernel->threads, snug_type_elements(&call->inputs[2].type),
                              grain_of(&self), run_backward_rows, &self);
    for (int i = 0; i < 2; i++) {
        float *out = call->outputs[1 + i].data;
        for (int64_t c = 0; c < self.length; c++) {
            double total = 0;
            for (int j = 0; j < parts; j++)
                total += part_of(&self, j).totals[i][c];
            out[c] = (float)total;
        }
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
    {&snug_op_layer_norm, prepare},
    {&snug_op_layer_norm_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_layer_norm = {entries};
