// sum_to, multiply_sum_to, reduce_sum and reduce_mean where the summed dimensions are neighbours in
// memory: [kept][summed][kept]. Each outer index is a matrix whose columns are summed; a sum over
// the innermost dimension is one of a single column. Workspace: each part's line and totals.
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/columns.h"
#include "device/cpu/kernels/extents.h"
#include "device/cpu/kernels/sums_apart.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { grain_elements = 16384 };

typedef struct sums {
    int64_t outer;
    snug_columns shape; // of one outer index
    double scale;
} sums;

typedef struct work {
    sums sums;
    const float *a, *b; // b NULL: no product
    float *y;
    char *parts;
} work;

static size_t part_bytes(const sums *self) {
    return snug_columns_bytes(self->shape.width, sizeof(float)) +
           snug_columns_bytes(self->shape.columns, sizeof(double));
}

static float *line_of(const work *self, int part) {
    return (float *)(void *)(self->parts + (size_t)part * part_bytes(&self->sums));
}

static double *totals_of(const work *self, int part) {
    return (double *)(void *)(self->parts + (size_t)part * part_bytes(&self->sums) +
                              snug_columns_bytes(self->sums.shape.width, sizeof(float)));
}

SNUG_MULTIARCH static void add_lines(const float *a, int64_t width, int64_t count, float *sum) {
    int64_t at = 0;
    for (; at + 4 * width <= count; at += 4 * width) {
        const float *a0 = a + at, *a1 = a0 + width, *a2 = a1 + width, *a3 = a2 + width;
        snug_columns_prefetch(a0, width);
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            sum[i] += (a0[i] + a1[i]) + (a2[i] + a3[i]);
    }
    for (; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *a0 = a + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++)
            sum[i] += a0[i];
    }
}

SNUG_MULTIARCH static void add_product_lines(const float *a, const float *b, int64_t width,
                                             int64_t count, float *sum) {
    int64_t at = 0;
    for (; at + 4 * width <= count; at += 4 * width) {
        const float *a0 = a + at, *a1 = a0 + width, *a2 = a1 + width, *a3 = a2 + width;
        const float *b0 = b + at, *b1 = b0 + width, *b2 = b1 + width, *b3 = b2 + width;
        snug_columns_prefetch(a0, width);
        snug_columns_prefetch(b0, width);
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            sum[i] += (a0[i] * b0[i] + a1[i] * b1[i]) + (a2[i] * b2[i] + a3[i] * b3[i]);
    }
    for (; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *a0 = a + at, *b0 = b + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++)
            sum[i] += a0[i] * b0[i];
    }
}

// Totals of the rows [begin, end) of the matrix at |offset|.
static void sum_rows(const work *self, int part, int64_t offset, int64_t begin, int64_t end) {
    const snug_columns *shape = &self->sums.shape;
    float *line = line_of(self, part);
    double *totals = totals_of(self, part);
    memset(totals, 0, (size_t)shape->columns * sizeof *totals);
    int64_t step = SNUG_COLUMNS_FOLD_LINES * shape->repeat;
    for (int64_t row = begin; row < end; row += step) {
        int64_t rows = end - row < step ? end - row : step;
        int64_t at = offset + row * shape->columns, count = rows * shape->columns;
        memset(line, 0, (size_t)shape->width * sizeof *line);
        if (self->b)
            add_product_lines(self->a + at, self->b + at, shape->width, count, line);
        else
            add_lines(self->a + at, shape->width, count, line);
        snug_columns_fold(shape, line, totals);
    }
}

static void store(const work *self, const double *totals, float *y) {
    for (int64_t c = 0; c < self->sums.shape.columns; c++)
        y[c] = (float)(totals[c] * self->sums.scale);
}

static void run_rows(const void *context, int part, int64_t begin, int64_t end) {
    sum_rows(context, part, 0, begin, end);
}

static void run_outer(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    const snug_columns *shape = &self->sums.shape;
    for (int64_t outer = begin; outer < end; outer++) {
        sum_rows(self, part, outer * shape->rows * shape->columns, 0, shape->rows);
        store(self, totals_of(self, part), self->y + outer * shape->columns);
    }
}

static void run_sums(const snug_cpu_kernel *kernel, const work *self) {
    const snug_columns *shape = &self->sums.shape;
    if (self->sums.outer > 1) {
        int64_t grain = grain_elements / (shape->rows * shape->columns) + 1;
        snug_parallel(kernel->threads, self->sums.outer, grain, run_outer, self);
        return;
    }
    int parts = snug_parallel(kernel->threads, shape->rows, shape->grain, run_rows, self);
    double *all = totals_of(self, 0);
    for (int i = 1; i < parts; i++)
        for (int64_t c = 0; c < shape->columns; c++)
            all[c] += totals_of(self, i)[c];
    store(self, all, self->y);
}

static bool plan_sums(const snug_signature *signature, uint32_t axes, double scale, sums *out) {
    const snug_type *x = &signature->inputs[0];
    int64_t extents[3];
    if (snug_type_elements(x) == 0 || !snug_extents_keep_order(x, &signature->outputs[0], axes) ||
        !snug_extents_find(x, axes, extents))
        return false;
    *out = (sums){
        .outer = extents[0], .shape = snug_columns_of(extents[1], extents[2]), .scale = scale};
    return true;
}

// The dimensions that sum_to and multiply_sum_to sum.
static uint32_t target_axes(const snug_signature *signature) {
    const snug_sum_to_attributes *target = signature->attributes;
    const snug_type *x = &signature->inputs[0];
    int dropped = x->rank - (int)target->rank;
    uint32_t axes = 0;
    for (int i = 0; i < x->rank; i++)
        if (i < dropped || target->dims[i - dropped] == 1) axes |= UINT32_C(1) << i;
    return axes;
}

// What a kernel sums: dimensions, and the factor of a mean.
typedef struct terms {
    uint32_t axes;
    double scale;
} terms;

static terms target_terms(const snug_signature *signature) {
    return (terms){target_axes(signature), 1};
}

static terms sum_terms(const snug_signature *signature) {
    const snug_reduce_attributes *reduce = signature->attributes;
    return (terms){(uint32_t)reduce->axes, 1};
}

static terms mean_terms(const snug_signature *signature) {
    terms result = sum_terms(signature);
    result.scale = (double)snug_type_elements(&signature->outputs[0]) /
                   (double)snug_type_elements(&signature->inputs[0]);
    return result;
}

typedef terms reader(const snug_signature *signature);

static bool plan(const snug_signature *signature, reader *read, sums *out) {
    terms found = read(signature);
    return plan_sums(signature, found.axes, found.scale, out);
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call, reader *read) {
    work self = {.a = call->inputs[0].data,
                 .b = call->input_count > 1 ? call->inputs[1].data : NULL,
                 .y = call->outputs[0].data,
                 .parts = call->workspace};
    if (!plan(&kernel->cached.signature, read, &self.sums)) return SNUG_INTERNAL;
    run_sums(kernel, &self);
    return SNUG_OK;
}

static snug_status prepare(snug_cpu_kernel *kernel, reader *read) {
    sums self;
    if (!snug_cpu_all_float(kernel)) return SNUG_UNSUPPORTED;
    if (!plan(&kernel->cached.signature, read, &self)) {
        terms found = read(&kernel->cached.signature);
        return snug_sums_apart_prepare(kernel, found.axes, found.scale);
    }
    kernel->cached.kernel.workspace_bytes = (size_t)kernel->threads * part_bytes(&self);
    return SNUG_OK;
}

#define KERNEL(name, read)                                                                         \
    static snug_status run_##name(snug_cpu_kernel *kernel, const snug_call *call) {                \
        return run(kernel, call, read);                                                            \
    }                                                                                              \
    static snug_status prepare_##name(snug_cpu_kernel *kernel) {                                   \
        kernel->run = run_##name;                                                                  \
        return prepare(kernel, read);                                                              \
    }
KERNEL(target, target_terms)
KERNEL(sum, sum_terms)
KERNEL(mean, mean_terms)

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_sum_to, prepare_target},
    {&snug_op_multiply_sum_to, prepare_target},
    {&snug_op_reduce_sum, prepare_sum},
    {&snug_op_reduce_mean, prepare_mean},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_sums = {entries};
