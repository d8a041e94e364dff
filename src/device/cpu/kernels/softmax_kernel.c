// softmax and log_softmax with their gradients in float32, along any dimension: lines that lie
// together are taken one at a time (softmax's are loss_kernel.c's), others side by side.
#include <math.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"
#include "ops/axis.h"
#include "ops/ops.h"

enum { width = 64, grain_elements = 4096 };

typedef struct work {
    const float *x, *dy; // dy NULL: forward; else x is the result
    float *y;
    snug_axis axis;
    bool is_log;
} work;

// 0 where exp's argument is below its range.
static inline float exp_below(float x) {
    return x < -87.0f ? 0 : snug_exp(x);
}

// |columns| lines whose elements are |step| apart.
SNUG_MULTIARCH static void forward(const float *x, float *y, int64_t columns, int64_t length,
                                   int64_t step, bool is_log) {
    float highest[width], sum[width];
    for (int64_t j = 0; j < columns; j++) {
        highest[j] = -INFINITY;
        sum[j] = 0;
    }
    for (int64_t i = 0; i < length; i++) {
        const float *row = x + i * step;
#pragma omp simd
        for (int64_t j = 0; j < columns; j++)
            highest[j] = row[j] > highest[j] ? row[j] : highest[j];
    }
    for (int64_t i = 0; i < length; i++) {
        const float *row = x + i * step;
#pragma omp simd
        for (int64_t j = 0; j < columns; j++)
            sum[j] += exp_below(row[j] - highest[j]);
    }
    for (int64_t j = 0; j < columns; j++)
        sum[j] = is_log ? snug_log(sum[j]) : 1 / sum[j];
    for (int64_t i = 0; i < length; i++) {
        const float *row = x + i * step;
        float *to = y + i * step;
#pragma omp simd
        for (int64_t j = 0; j < columns; j++) {
            float below = row[j] - highest[j];
            to[j] = is_log ? below - sum[j] : exp_below(below) * sum[j];
        }
    }
}

SNUG_MULTIARCH static void backward(const float *y, const float *dy, float *dx, int64_t columns,
                                    int64_t length, int64_t step, bool is_log) {
    float sum[width] = {0};
    for (int64_t i = 0; i < length; i++) {
        const float *result = y + i * step, *slope = dy + i * step;
#pragma omp simd
        for (int64_t j = 0; j < columns; j++)
            sum[j] += is_log ? slope[j] : slope[j] * result[j];
    }
    for (int64_t i = 0; i < length; i++) {
        const float *result = y + i * step, *slope = dy + i * step;
        float *to = dx + i * step;
#pragma omp simd
        for (int64_t j = 0; j < columns; j++)
            to[j] =
                is_log ? slope[j] - exp_below(result[j]) * sum[j] : result[j] * (slope[j] - sum[j]);
    }
}

SNUG_MULTIARCH static void log_row(const float *x, float *y, int64_t length) {
    float highest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : highest)
    for (int64_t i = 0; i < length; i++)
        highest = x[i] > highest ? x[i] : highest;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += exp_below(x[i] - highest);
    float shift = snug_log(sum);
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        y[i] = x[i] - highest - shift;
}

SNUG_MULTIARCH static void log_row_backward(const float *y, const float *dy, float *dx,
                                            int64_t length) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; i++)
        sum += dy[i];
#pragma omp simd
    for (int64_t i = 0; i < length; i++)
        dx[i] = dy[i] - exp_below(y[i]) * sum;
}

static void run_lines(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const snug_axis *axis = &self->axis;
    while (begin < end) {
        int64_t start = snug_axis_start(axis, begin);
        int64_t columns = axis->stride - begin % axis->stride;
        if (columns > width) columns = width;
        if (columns > end - begin) columns = end - begin;
        const float *x = self->x + start, *dy = self->dy ? self->dy + start : NULL;
        if (axis->stride == 1 && self->is_log && dy)
            log_row_backward(x, dy, self->y + start, axis->length);
        else if (axis->stride == 1 && self->is_log)
            log_row(x, self->y + start, axis->length);
        else if (dy)
            backward(x, dy, self->y + start, columns, axis->length, axis->stride, self->is_log);
        else
            forward(x, self->y + start, columns, axis->length, axis->stride, self->is_log);
        begin += columns;
    }
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_op *op = kernel->cached.signature.op;
    const snug_axis_attributes *along = call->attributes;
    work self = {.x = call->inputs[0].data,
                 .dy = call->input_count > 1 ? call->inputs[1].data : NULL,
                 .y = call->outputs[0].data,
                 .axis = snug_axis_of(&call->inputs[0].type, along->axis),
                 .is_log = op == &snug_op_log_softmax || op == &snug_op_log_softmax_backward};
    snug_parallel(kernel->threads, self.axis.lines, grain_elements / (self.axis.length + 1) + 1,
                  run_lines, &self);
    return SNUG_OK;
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    kernel->run = run;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_softmax, prepare},
    {&snug_op_softmax_backward, prepare},
    {&snug_op_log_softmax, prepare},
    {&snug_op_log_softmax_backward, prepare},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_softmax = {entries};
