// Batch norm on channels-last activations: one pass over memory for the sums, one for the result.
// Data in 16 bits is taken through float32 in blocks that stay in the cache.
// Workspace: [lines of coefficients | each part's sums, totals and blocks].
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "device/cpu/convert.h"
#include "device/cpu/kernel.h"
#include "device/cpu/kernels/columns.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

// Coefficients of the columns: the backward pass needs the most. 16-bit data are converted by so
// many lines, which stay in the first-level cache; four at a time are summed up.
enum { line_count = 6, converted_lines = 8 };

typedef struct part {
    float *sums[2];    // of one line
    double *totals[2]; // of the columns
    float *blocks[2];  // of x and dy, where they have 16 bits
} part;

typedef struct work {
    snug_columns shape;
    snug_dtype dtype;   // of x, dy and y
    const void *x, *dy; // dy: backward only
    void *y;            // dx in the backward
    float low, high;    // what the activation passes on lies between them
    float *lines[line_count];
    char *parts;
} work;

// Elements that are converted at a time.
static int64_t block_elements(const snug_columns *shape) {
    return converted_lines * shape->width;
}

static size_t part_bytes(const snug_columns *shape, snug_dtype dtype) {
    size_t block = snug_columns_bytes(block_elements(shape), sizeof(float));
    return 2 * snug_columns_bytes(shape->width, sizeof(float)) +
           2 * snug_columns_bytes(shape->columns, sizeof(double)) +
           (snug_is_16_bit(dtype) ? 2 * block : 0);
}

static part part_of(const work *self, int index) {
    char *at = self->parts + (size_t)index * part_bytes(&self->shape, self->dtype);
    size_t block = snug_columns_bytes(block_elements(&self->shape), sizeof(float));
    size_t line = snug_columns_bytes(self->shape.width, sizeof(float));
    size_t totals = snug_columns_bytes(self->shape.columns, sizeof(double));
    return (part){
        .sums = {(float *)(void *)at, (float *)(void *)(at + line)},
        .totals = {(double *)(void *)(at + 2 * line), (double *)(void *)(at + 2 * line + totals)},
        .blocks = {(float *)(void *)(at + 2 * (line + totals)),
                   (float *)(void *)(at + 2 * (line + totals) + block)}};
}

// |count| elements of |data| from |at| on as float32: where they are, or in |block|.
static const float *floats_of(const work *self, const void *data, int64_t at, int64_t count,
                              float *block) {
    if (self->dtype == SNUG_F32) return (const float *)data + at;
    snug_widen((const uint16_t *)data + at, self->dtype, count, block);
    return block;
}

// Where y's elements from |at| on are to be computed; store() brings them to their place.
static float *place_of(const work *self, int64_t at, float *block) {
    return self->dtype == SNUG_F32 ? (float *)self->y + at : block;
}

static void store(const work *self, const float *block, int64_t at, int64_t count) {
    if (self->dtype != SNUG_F32) snug_narrow(block, self->dtype, count, (uint16_t *)self->y + at);
}

static snug_columns shape_of(const snug_cpu_kernel *kernel) {
    const snug_type *x = &kernel->cached.signature.inputs[0];
    int64_t elements = snug_type_elements(x), columns = x->dims[1];
    return snug_columns_of(columns ? elements / columns : 0, columns);
}

static work begin(const snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.shape = shape_of(kernel),
                 .dtype = call->inputs[0].type.dtype,
                 .x = call->inputs[0].data,
                 .y = call->outputs[0].data,
                 .low = snug_norm_low(call->attributes),
                 .high = snug_norm_high(call->attributes)};
    char *at = call->workspace;
    for (int i = 0; i < line_count; i++) {
        self.lines[i] = (float *)(void *)at;
        at += snug_columns_bytes(self.shape.width, sizeof(float));
    }
    self.parts = at;
    return self;
}

// Of |count| elements, whole lines but for the last, which may be shorter: the sums of differences
// from |shift| and of their squares. Four lines at a time spare three of four loads of the sums.
SNUG_MULTIARCH static void add_moments(const float *x, const float *shift, int64_t width,
                                       int64_t count, float *sum, float *squares) {
    int64_t at = 0;
    for (; at + 4 * width <= count; at += 4 * width) {
        const float *x0 = x + at, *x1 = x0 + width, *x2 = x1 + width, *x3 = x2 + width;
        snug_columns_prefetch(x0, width);
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            float d0 = x0[i] - shift[i], d1 = x1[i] - shift[i];
            float d2 = x2[i] - shift[i], d3 = x3[i] - shift[i];
            sum[i] += (d0 + d1) + (d2 + d3);
            squares[i] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
        }
    }
    for (; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *x0 = x + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++) {
            float d0 = x0[i] - shift[i];
            sum[i] += d0;
            squares[i] += d0 * d0;
        }
    }
}

static bool is_linear(const work *self) {
    return isinf(self->low);
}

// dy where the activation passed on what it was given: (x - mean) * scale + shift.
static inline float passed_on(float distance, float scale, float shift, float low, float high,
                              float dy) {
    float y = distance * scale + shift;
    return y > low && y < high ? dy : 0;
}

// add_products of what passed the activation, in the same order of sums: fusing changes no bit.
SNUG_MULTIARCH static void add_passed_products(const work *self, const float *x, const float *dy,
                                               int64_t count, float *sum, float *products) {
    const float *mean = self->lines[0], *scale = self->lines[1], *shift = self->lines[2];
    const float low = self->low, high = self->high;
    const int64_t width = self->shape.width;
    int64_t at = 0;
    for (; at + 4 * width <= count; at += 4 * width) {
        const float *x0 = x + at, *x1 = x0 + width, *x2 = x1 + width, *x3 = x2 + width;
        const float *d0 = dy + at, *d1 = d0 + width, *d2 = d1 + width, *d3 = d2 + width;
        snug_columns_prefetch(x0, width);
        snug_columns_prefetch(d0, width);
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            float r0 = x0[i] - mean[i], r1 = x1[i] - mean[i];
            float r2 = x2[i] - mean[i], r3 = x3[i] - mean[i];
            float p0 = passed_on(r0, scale[i], shift[i], low, high, d0[i]);
            float p1 = passed_on(r1, scale[i], shift[i], low, high, d1[i]);
            float p2 = passed_on(r2, scale[i], shift[i], low, high, d2[i]);
            float p3 = passed_on(r3, scale[i], shift[i], low, high, d3[i]);
            sum[i] += (p0 + p1) + (p2 + p3);
            products[i] += (p0 * r0 + p1 * r1) + (p2 * r2 + p3 * r3);
        }
    }
    for (; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *x0 = x + at, *d0 = dy + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++) {
            float r0 = x0[i] - mean[i];
            float p0 = passed_on(r0, scale[i], shift[i], low, high, d0[i]);
            sum[i] += p0;
            products[i] += p0 * r0;
        }
    }
}

// The sums of dy and of dy * (x - mean).
SNUG_MULTIARCH static void add_products(const float *x, const float *dy, const float *mean,
                                        int64_t width, int64_t count, float *sum, float *products) {
    int64_t at = 0;
    for (; at + 4 * width <= count; at += 4 * width) {
        const float *x0 = x + at, *x1 = x0 + width, *x2 = x1 + width, *x3 = x2 + width;
        const float *d0 = dy + at, *d1 = d0 + width, *d2 = d1 + width, *d3 = d2 + width;
        snug_columns_prefetch(x0, width);
        snug_columns_prefetch(d0, width);
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            sum[i] += (d0[i] + d1[i]) + (d2[i] + d3[i]);
            products[i] += (d0[i] * (x0[i] - mean[i]) + d1[i] * (x1[i] - mean[i])) +
                           (d2[i] * (x2[i] - mean[i]) + d3[i] * (x3[i] - mean[i]));
        }
    }
    for (; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *x0 = x + at, *d0 = dy + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++) {
            sum[i] += d0[i];
            products[i] += d0[i] * (x0[i] - mean[i]);
        }
    }
}

// The elements from |at| on, as add_moments() has them.
static void add_elements(const work *self, part *sums, int64_t at, int64_t count) {
    const float *x = floats_of(self, self->x, at, count, sums->blocks[0]);
    const float *dy = self->dy ? floats_of(self, self->dy, at, count, sums->blocks[1]) : NULL;
    int64_t width = self->shape.width;
    if (dy && !is_linear(self))
        add_passed_products(self, x, dy, count, sums->sums[0], sums->sums[1]);
    else if (dy)
        add_products(x, dy, self->lines[0], width, count, sums->sums[0], sums->sums[1]);
    else
        add_moments(x, self->lines[0], width, count, sums->sums[0], sums->sums[1]);
}

static void sum_part(const void *context, int index, int64_t first, int64_t end) {
    const work *self = context;
    const snug_columns *shape = &self->shape;
    part sums = part_of(self, index);
    memset(sums.totals[0], 0, (size_t)shape->columns * sizeof(double));
    memset(sums.totals[1], 0, (size_t)shape->columns * sizeof(double));
    int64_t step = SNUG_COLUMNS_FOLD_LINES * shape->repeat;
    for (int64_t row = first; row < end; row += step) {
        int64_t rows = end - row < step ? end - row : step, at = row * shape->columns;
        memset(sums.sums[0], 0, (size_t)shape->width * sizeof(float));
        memset(sums.sums[1], 0, (size_t)shape->width * sizeof(float));
        int64_t left = rows * shape->columns;
        int64_t most = self->dtype == SNUG_F32 ? left : block_elements(shape);
        for (; left > 0; at += most, left -= most)
            add_elements(self, &sums, at, left < most ? left : most);
        snug_columns_fold(shape, sums.sums[0], sums.totals[0]);
        snug_columns_fold(shape, sums.sums[1], sums.totals[1]);
    }
}

// Sums over all rows; the result is in part 0.
static part find_sums(const snug_cpu_kernel *kernel, const work *self) {
    int parts = snug_parallel(kernel->threads, self->shape.rows, self->shape.grain, sum_part, self);
    part all = part_of(self, 0);
    for (int i = 1; i < parts; i++) {
        part one = part_of(self, i);
        for (int64_t c = 0; c < self->shape.columns; c++) {
            all.totals[0][c] += one.totals[0][c];
            all.totals[1][c] += one.totals[1][c];
        }
    }
    return all;
}

// y = (x - mean) * scale + shift: folding the mean into the shift would cost the digits that a mean
// far above the deviation has in common with x.
SNUG_MULTIARCH static void scale_lines(const float *x, const float *mean, const float *scale,
                                       const float *shift, float low, float high, int64_t width,
                                       int64_t count, float *y) {
    for (int64_t at = 0; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *from = x + at;
        float *to = y + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++) {
            float value = (from[i] - mean[i]) * scale[i] + shift[i];
            value = value < low ? low : value;
            to[i] = value > high ? high : value;
        }
    }
}

static void scale_part(const void *context, int index, int64_t first, int64_t end) {
    const work *self = context;
    part own = part_of(self, index);
    int64_t at = first * self->shape.columns, stop = end * self->shape.columns;
    int64_t step = self->dtype == SNUG_F32 ? stop - at : block_elements(&self->shape);
    for (; at < stop; at += step) {
        int64_t count = stop - at < step ? stop - at : step;
        const float *x = floats_of(self, self->x, at, count, own.blocks[0]);
        float *y = place_of(self, at, own.blocks[0]);
        scale_lines(x, self->lines[0], self->lines[1], self->lines[2], self->low, self->high,
                    self->shape.width, count, y);
        store(self, y, at, count);
    }
}

// The lines mean, scale and shift.
static void find_lines(const work *self, const snug_call *call, const float *means,
                       const float *variances) {
    const snug_batch_norm_attributes *norm = call->attributes;
    const float *gamma = call->inputs[1].data, *beta = call->inputs[2].data;
    for (int64_t c = 0; c < self->shape.columns; c++) {
        self->lines[0][c] = means[c];
        self->lines[1][c] = (float)((double)gamma[c] / sqrt((double)variances[c] + norm->eps));
        self->lines[2][c] = beta[c];
    }
    for (int i = 0; i < 3; i++)
        snug_columns_repeat(&self->shape, self->lines[i]);
}

// y = (x - mean) * gamma / sqrt(variance + eps) + beta, and the activation.
static void normalise(const snug_cpu_kernel *kernel, const work *self, const snug_call *call,
                      const float *means, const float *variances) {
    find_lines(self, call, means, variances);
    snug_parallel(kernel->threads, self->shape.rows, self->shape.grain, scale_part, self);
}

static void update_running(const snug_call *call, int64_t column, double rows, double mean,
                           double variance) {
    const snug_batch_norm_attributes *norm = call->attributes;
    float *running_mean = call->inputs[3].data, *running_variance = call->inputs[4].data;
    bool corrects = rows > 1 && !norm->biased;
    double unbiased = corrects ? variance * rows / (rows - 1) : variance;
    double keep = 1 - norm->momentum;
    running_mean[column] = (float)(keep * (double)running_mean[column] + norm->momentum * mean);
    running_variance[column] =
        (float)(keep * (double)running_variance[column] + norm->momentum * unbiased);
}

// Sums of differences from a row in the middle, so that a mean far from 0 costs no digits.
static snug_status run_training(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_batch_norm_attributes *norm = call->attributes;
    work self = begin(kernel, call);
    float *means = call->outputs[1].data, *variances = call->outputs[2].data;
    size_t middle = (size_t)(self.shape.rows / 2 * self.shape.columns);
    snug_widen((const char *)self.x + middle * snug_dtype_bytes(self.dtype), self.dtype,
               self.shape.columns, self.lines[0]);
    snug_columns_repeat(&self.shape, self.lines[0]);
    part sums = find_sums(kernel, &self);
    double rows = (double)self.shape.rows;
    for (int64_t c = 0; c < self.shape.columns; c++) {
        double distance = sums.totals[0][c] / rows;
        double mean = (double)self.lines[0][c] + distance;
        double variance = sums.totals[1][c] / rows - distance * distance;
        if (variance < 0) variance = 0;
        means[c] = (float)mean;
        variances[c] = (float)variance;
        if (norm->update) update_running(call, c, rows, mean, variance);
    }
    normalise(kernel, &self, call, means, variances);
    return SNUG_OK;
}

static snug_status run_inference(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = begin(kernel, call);
    normalise(kernel, &self, call, call->inputs[3].data, call->inputs[4].data);
    return SNUG_OK;
}

// dx = a * dy + b * (x - mean) + c, with |lines| mean, scale, shift, a, b and c.
SNUG_MULTIARCH static void combine_lines(const work *self, const float *x, const float *dy,
                                         int64_t count, float *dx) {
    const float *mean = self->lines[0], *a = self->lines[3], *b = self->lines[4];
    const float *c = self->lines[5];
    const int64_t width = self->shape.width;
    for (int64_t at = 0; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *from = x + at, *slope = dy + at;
        float *to = dx + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++)
            to[i] = a[i] * slope[i] + (b[i] * (from[i] - mean[i]) + c[i]);
    }
}

// The same with dy where it passed the activation.
SNUG_MULTIARCH static void combine_passed_lines(const work *self, const float *x, const float *dy,
                                                int64_t count, float *dx) {
    const float *mean = self->lines[0], *scale = self->lines[1], *shift = self->lines[2];
    const float *a = self->lines[3], *b = self->lines[4], *c = self->lines[5];
    const float low = self->low, high = self->high;
    const int64_t width = self->shape.width;
    for (int64_t at = 0; at < count; at += width) {
        int64_t length = count - at < width ? count - at : width;
        const float *from = x + at, *slope = dy + at;
        float *to = dx + at;
#pragma omp simd
        for (int64_t i = 0; i < length; i++) {
            float distance = from[i] - mean[i];
            to[i] = a[i] * passed_on(distance, scale[i], shift[i], low, high, slope[i]) +
                    (b[i] * distance + c[i]);
        }
    }
}

static void combine_part(const void *context, int index, int64_t first, int64_t end) {
    const work *self = context;
    part own = part_of(self, index);
    int64_t at = first * self->shape.columns, stop = end * self->shape.columns;
    int64_t step = self->dtype == SNUG_F32 ? stop - at : block_elements(&self->shape);
    for (; at < stop; at += step) {
        int64_t count = stop - at < step ? stop - at : step;
        const float *x = floats_of(self, self->x, at, count, own.blocks[0]);
        const float *dy = floats_of(self, self->dy, at, count, own.blocks[1]);
        float *dx = place_of(self, at, own.blocks[0]);
        if (is_linear(self))
            combine_lines(self, x, dy, count, dx);
        else
            combine_passed_lines(self, x, dy, count, dx);
        store(self, dx, at, count);
    }
}

// dx = gamma / sigma * (dy - mean(dy) - xhat * mean(dy * xhat)) as a line in dy, x and 1.
static snug_status differentiate(const snug_cpu_kernel *kernel, const snug_call *call,
                                 bool constant_statistics) {
    const snug_batch_norm_attributes *norm = call->attributes;
    const float *gamma = call->inputs[1].data;
    const float *means = call->inputs[3].data, *variances = call->inputs[4].data;
    float *dgamma = call->outputs[1].data, *dbeta = call->outputs[2].data;
    work self = begin(kernel, call);
    self.dy = call->inputs[5].data;
    find_lines(&self, call, means, variances);
    part sums = find_sums(kernel, &self);
    // Statistics that do not depend on x pass no gradient: as over infinitely many rows.
    double rows = constant_statistics ? INFINITY : (double)self.shape.rows;
    for (int64_t c = 0; c < self.shape.columns; c++) {
        double inverse = 1 / sqrt((double)variances[c] + norm->eps);
        double slope = (double)gamma[c] * inverse;
        self.lines[3][c] = (float)slope;
        self.lines[4][c] = (float)(-slope * inverse * inverse * sums.totals[1][c] / rows);
        self.lines[5][c] = (float)(-slope * sums.totals[0][c] / rows);
        dgamma[c] = (float)(sums.totals[1][c] * inverse);
        dbeta[c] = (float)sums.totals[0][c];
    }
    for (int i = 3; i < line_count; i++)
        snug_columns_repeat(&self.shape, self.lines[i]);
    snug_parallel(kernel->threads, self.shape.rows, self.shape.grain, combine_part, &self);
    return SNUG_OK;
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    return differentiate(kernel, call, false);
}

static snug_status run_inference_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    return differentiate(kernel, call, true);
}

// Data of one type, and float32 for all that belongs to channels.
static bool fits(const snug_signature *signature) {
    snug_dtype dtype = signature->inputs[0].dtype;
    bool fit = dtype == SNUG_F32 || snug_is_16_bit(dtype);
    for (int i = 1; i < signature->input_count; i++)
        fit = fit && signature->inputs[i].dtype == (i == 5 ? dtype : SNUG_F32);
    return fit;
}

static snug_status prepare(snug_cpu_kernel *kernel, bool has_sums) {
    const snug_signature *signature = &kernel->cached.signature;
    snug_columns shape = shape_of(kernel);
    if (!fits(signature) || shape.rows == 0 || shape.columns == 0) return SNUG_UNSUPPORTED;
    size_t bytes = line_count * snug_columns_bytes(shape.width, sizeof(float));
    if (has_sums || signature->inputs[0].dtype != SNUG_F32)
        bytes += (size_t)kernel->threads * part_bytes(&shape, signature->inputs[0].dtype);
    kernel->cached.kernel.workspace_bytes = bytes;
    return SNUG_OK;
}

static snug_status prepare_training(snug_cpu_kernel *kernel) {
    kernel->run = run_training;
    return prepare(kernel, true);
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    kernel->run = run_backward;
    return prepare(kernel, true);
}

static snug_status prepare_inference_backward(snug_cpu_kernel *kernel) {
    kernel->run = run_inference_backward;
    return prepare(kernel, true);
}

static snug_status prepare_inference(snug_cpu_kernel *kernel) {
    kernel->run = run_inference;
    return prepare(kernel, false);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_batch_norm, prepare_training},
    {&snug_op_batch_norm_over, prepare_training},
    {&snug_op_batch_norm_backward, prepare_backward},
    {&snug_op_batch_norm_inference, prepare_inference},
    {&snug_op_batch_norm_inference_backward, prepare_inference_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_batch_norm = {entries};
