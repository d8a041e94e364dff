// reduce_max and reduce_min with their gradients in float32, where the reduced dimensions are
// neighbours in memory: [outer][terms][inner]. Work is shared out by outer index and block of
// columns. A NaN stays, as in the reference kernels.
#include <math.h>

#include "device/cpu/kernel.h"
#include "device/cpu/kernels/extents.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { block = 256, grain_elements = 16384 };

typedef struct work {
    const float *x, *dy;
    float *y; // of the gradient: read alone
    float *dx;
    int64_t outer, terms, inner;
    int64_t blocks; // of columns, for each outer index
    bool smallest;
} work;

SNUG_MULTIARCH static float largest_of(const float *x, int64_t count) {
    float best = -INFINITY;
    int is_nan = 0;
#pragma omp simd reduction(max : best) reduction(| : is_nan)
    for (int64_t i = 0; i < count; i++) {
        best = x[i] > best ? x[i] : best;
        is_nan |= x[i] != x[i];
    }
    return is_nan ? NAN : best;
}

SNUG_MULTIARCH static float smallest_of(const float *x, int64_t count) {
    float best = INFINITY;
    int is_nan = 0;
#pragma omp simd reduction(min : best) reduction(| : is_nan)
    for (int64_t i = 0; i < count; i++) {
        best = x[i] < best ? x[i] : best;
        is_nan |= x[i] != x[i];
    }
    return is_nan ? NAN : best;
}

// Of |width| columns, whose rows are |step| apart.
SNUG_MULTIARCH static void columns_extremes(const float *x, int64_t terms, int64_t step,
                                            int64_t width, bool smallest, float *y) {
    float sign = smallest ? -1 : 1;
    for (int64_t i = 0; i < width; i++)
        y[i] = x[i];
    for (int64_t term = 1; term < terms; term++) {
        const float *row = x + term * step;
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            y[i] = sign * row[i] > sign * y[i] || row[i] != row[i] ? row[i] : y[i];
    }
}

// Elements that are equal to the result share its gradient. |dx| may be |x|.
SNUG_MULTIARCH static void columns_gradient(const float *x, const float *y, const float *dy,
                                            int64_t terms, int64_t step, int64_t width, float *dx) {
    float share[block] = {0};
    for (int64_t term = 0; term < terms; term++) {
        const float *row = x + term * step;
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            share[i] += row[i] == y[i] ? 1.0F : 0.0F;
    }
    for (int64_t i = 0; i < width; i++)
        share[i] = dy[i] / share[i];
    for (int64_t term = 0; term < terms; term++) {
        const float *row = x + term * step;
        float *to = dx + term * step;
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            to[i] = row[i] == y[i] ? share[i] : 0;
    }
}

SNUG_MULTIARCH static void row_gradient(const float *x, float y, float dy, int64_t count,
                                        float *dx) {
    int64_t ties = 0;
#pragma omp simd reduction(+ : ties)
    for (int64_t i = 0; i < count; i++)
        ties += x[i] == y;
    float share = dy / (float)ties;
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dx[i] = x[i] == y ? share : 0;
}

static void run_units(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t outer = unit / self->blocks, column = unit % self->blocks * block;
        int64_t width = self->inner - column < block ? self->inner - column : block;
        int64_t from = outer * self->terms * self->inner + column;
        int64_t at = outer * self->inner + column;
        const float *x = self->x + from;
        if (self->dx && self->inner == 1)
            row_gradient(x, self->y[at], self->dy[at], self->terms, self->dx + from);
        else if (self->dx)
            columns_gradient(x, self->y + at, self->dy + at, self->terms, self->inner, width,
                             self->dx + from);
        else if (self->inner == 1)
            self->y[at] = self->smallest ? smallest_of(x, self->terms) : largest_of(x, self->terms);
        else
            columns_extremes(x, self->terms, self->inner, width, self->smallest, self->y + at);
    }
}

// False where the kernel does not fit.
static bool plan(const snug_signature *signature, const snug_type *y, work *self) {
    const snug_reduce_attributes *reduce = signature->attributes;
    const snug_type *x = &signature->inputs[0];
    int64_t extents[3];
    if (snug_type_elements(x) == 0 || !snug_extents_keep_order(x, y, (uint32_t)reduce->axes) ||
        !snug_extents_find(x, (uint32_t)reduce->axes, extents))
        return false;
    self->outer = extents[0];
    self->terms = extents[1];
    self->inner = extents[2];
    self->blocks = (self->inner + block - 1) / block;
    return true;
}

static snug_status run(const snug_cpu_kernel *kernel, work *self, const snug_type *y) {
    if (!plan(&kernel->cached.signature, y, self)) return SNUG_INTERNAL;
    int64_t width = self->inner < block ? self->inner : block;
    snug_parallel(kernel->threads, self->outer * self->blocks,
                  grain_elements / (self->terms * width) + 1, run_units, self);
    return SNUG_OK;
}

static snug_status run_max(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.x = call->inputs[0].data, .y = call->outputs[0].data};
    return run(kernel, &self, &call->outputs[0].type);
}

static snug_status run_min(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.x = call->inputs[0].data, .y = call->outputs[0].data, .smallest = true};
    return run(kernel, &self, &call->outputs[0].type);
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.x = call->inputs[0].data,
                 .y = call->inputs[1].data,
                 .dy = call->inputs[2].data,
                 .dx = call->outputs[0].data};
    return run(kernel, &self, &call->inputs[1].type);
}

static snug_status prepare(snug_cpu_kernel *kernel, const snug_type *y) {
    work self = {0};
    bool fits = snug_cpu_all_float(kernel) && plan(&kernel->cached.signature, y, &self);
    return fits ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_max(snug_cpu_kernel *kernel) {
    kernel->run = run_max;
    return prepare(kernel, &kernel->cached.signature.outputs[0]);
}

static snug_status prepare_min(snug_cpu_kernel *kernel) {
    kernel->run = run_min;
    return prepare(kernel, &kernel->cached.signature.outputs[0]);
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    kernel->run = run_backward;
    return prepare(kernel, &kernel->cached.signature.inputs[1]);
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_reduce_max, prepare_max},
    {&snug_op_reduce_min, prepare_min},
    {&snug_op_reduce_max_backward, prepare_backward},
    {&snug_op_reduce_min_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_extremes = {entries};
