// Average pooling, plain and adaptive, in float32, a pixel's channels at a time. Windows are worked
// out once, an axis at a time. The gradient gathers, so that threads never share a pixel.
#include "base/memory.h"
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

// Pixels [begin, end) that a window sees along an axis, and its extent for the divisor.
typedef struct window {
    int64_t begin, end, divisor;
} window;

typedef struct axis {
    int64_t inputs, outputs;
    window *windows; // by output
    window *seen_by; // by input: the outputs [begin, end) whose windows may hold it
} axis;

typedef struct pooling {
    int64_t samples, channels;
    axis axes[2];
} pooling;

typedef struct work {
    const pooling *pool;
    const float *from;
    float *to;
} work;

SNUG_MULTIARCH static void scale_channels(const float *x, float scale, int64_t channels, float *y) {
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        y[c] = x[c] * scale;
}

SNUG_MULTIARCH static void add_scaled(const float *x, float scale, int64_t channels, float *y) {
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        y[c] += x[c] * scale;
}

SNUG_MULTIARCH static void clear_channels(float *y, int64_t channels) {
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        y[c] = 0;
}

// y = the sum over a window's row of pixels, added to what |y| holds.
SNUG_MULTIARCH static void add_row(const float *x, int64_t pixels, int64_t channels, float *y) {
    for (int64_t pixel = 0; pixel < pixels; pixel++, x += channels) {
#pragma omp simd
        for (int64_t c = 0; c < channels; c++)
            y[c] += x[c];
    }
}

static void pool_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const pooling *pool = self->pool;
    const axis *vertical = &pool->axes[0], *horizontal = &pool->axes[1];
    for (int64_t row = begin; row < end; row++) {
        const window *rows = &vertical->windows[row % vertical->outputs];
        int64_t image = row / vertical->outputs * vertical->inputs;
        for (int64_t w = 0; w < horizontal->outputs; w++) {
            const window *columns = &horizontal->windows[w];
            float *y = self->to + (row * horizontal->outputs + w) * pool->channels;
            clear_channels(y, pool->channels);
            for (int64_t h = rows->begin; h < rows->end; h++)
                add_row(self->from +
                            ((image + h) * horizontal->inputs + columns->begin) * pool->channels,
                        columns->end - columns->begin, pool->channels, y);
            scale_channels(y, 1.0f / (float)(rows->divisor * columns->divisor), pool->channels, y);
        }
    }
}

static bool holds(const window *of, int64_t at) {
    return at >= of->begin && at < of->end;
}

static void gather_pixel(const work *self, int64_t row, int64_t w) {
    const pooling *pool = self->pool;
    const axis *vertical = &pool->axes[0], *horizontal = &pool->axes[1];
    int64_t h = row % vertical->inputs, image = row / vertical->inputs * vertical->outputs;
    const window *rows = &vertical->seen_by[h], *columns = &horizontal->seen_by[w];
    float *dx = self->to + (row * horizontal->inputs + w) * pool->channels;
    bool begun = false;
    for (int64_t i = rows->begin; i < rows->end; i++)
        for (int64_t j = columns->begin; j < columns->end; j++) {
            const window *down = &vertical->windows[i], *across = &horizontal->windows[j];
            if (!holds(down, h) || !holds(across, w)) continue;
            const float *dy = self->from + ((image + i) * horizontal->outputs + j) * pool->channels;
            (begun ? add_scaled : scale_channels)(
                dy, 1.0f / (float)(down->divisor * across->divisor), pool->channels, dx);
            begun = true;
        }
    if (!begun) clear_channels(dx, pool->channels);
}

static void gather_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    for (int64_t row = begin; row < end; row++)
        for (int64_t w = 0; w < self->pool->axes[1].inputs; w++)
            gather_pixel(self, row, w);
}

// |inputs| and |outputs| of the forward: one row's elements are worth a thread by the larger side.
static int64_t grain_of(const pooling *pool) {
    enum { grain_elements = 8192 };
    return grain_elements / (pool->axes[1].inputs * pool->channels + 1) + 1;
}

static snug_status run_forward(snug_cpu_kernel *kernel, const snug_call *call) {
    const pooling *pool = kernel->state;
    work self = {.pool = pool, .from = call->inputs[0].data, .to = call->outputs[0].data};
    snug_parallel(kernel->threads, pool->samples * pool->axes[0].outputs, grain_of(pool), pool_rows,
                  &self);
    return SNUG_OK;
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    const pooling *pool = kernel->state;
    work self = {.pool = pool, .from = call->inputs[0].data, .to = call->outputs[0].data};
    snug_parallel(kernel->threads, pool->samples * pool->axes[0].inputs, grain_of(pool),
                  gather_rows, &self);
    return SNUG_OK;
}

static void discard(snug_cpu_kernel *kernel) {
    pooling *pool = kernel->state;
    for (int i = 0; pool && i < 2; i++) {
        snug_memory_free(pool->axes[i].windows);
        snug_memory_free(pool->axes[i].seen_by);
    }
    snug_memory_free(pool);
}

// Fills |seen_by| from |windows|: a range that covers the outputs that see each input.
static snug_status invert(axis *self) {
    SNUG_TRY(SNUG_NEW(&self->seen_by, (size_t)self->inputs));
    for (int64_t i = 0; i < self->outputs; i++)
        for (int64_t at = self->windows[i].begin; at < self->windows[i].end; at++) {
            window *seen = &self->seen_by[at];
            if (seen->end == 0) seen->begin = i;
            seen->end = i + 1;
        }
    return SNUG_OK;
}

static window plain_window(const snug_pool2d_attributes *pool, int which, int64_t index,
                           int64_t inputs) {
    int64_t begin = index * pool->stride[which] - pool->padding[which];
    int64_t end = begin + pool->kernel[which], limit = inputs + pool->padding[which + 2];
    if (end > limit) end = limit;
    window result = {.begin = begin < 0 ? 0 : begin, .end = end > inputs ? inputs : end};
    result.divisor = pool->count_include_pad ? end - begin : result.end - result.begin;
    return result;
}

static window adaptive_window(const axis *self, int64_t index) {
    window result = {.begin = index * self->inputs / self->outputs,
                     .end = ((index + 1) * self->inputs + self->outputs - 1) / self->outputs};
    result.divisor = result.end - result.begin;
    return result;
}

static snug_status prepare(snug_cpu_kernel *kernel, bool is_adaptive, bool is_backward) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_type *x = is_backward ? &signature->outputs[0] : &signature->inputs[0];
    const snug_type *y = is_backward ? &signature->inputs[0] : &signature->outputs[0];
    if (!snug_cpu_all_float(kernel)) return SNUG_UNSUPPORTED;
    pooling *pool;
    SNUG_TRY(SNUG_NEW(&pool, 1));
    kernel->state = pool;
    kernel->discard = discard;
    kernel->run = is_backward ? run_backward : run_forward;
    pool->samples = x->dims[0];
    pool->channels = x->dims[1];
    for (int i = 0; i < 2; i++) {
        axis *self = &pool->axes[i];
        self->inputs = x->dims[2 + i];
        self->outputs = y->dims[2 + i];
        SNUG_TRY(SNUG_NEW(&self->windows, (size_t)self->outputs));
        for (int64_t at = 0; at < self->outputs; at++)
            self->windows[at] = is_adaptive
                                    ? adaptive_window(self, at)
                                    : plain_window(signature->attributes, i, at, self->inputs);
        SNUG_TRY(invert(self));
    }
    return SNUG_OK;
}

static snug_status prepare_plain(snug_cpu_kernel *kernel) {
    return prepare(kernel, false, false);
}

static snug_status prepare_plain_backward(snug_cpu_kernel *kernel) {
    return prepare(kernel, false, true);
}

static snug_status prepare_adaptive(snug_cpu_kernel *kernel) {
    return prepare(kernel, true, false);
}

static snug_status prepare_adaptive_backward(snug_cpu_kernel *kernel) {
    return prepare(kernel, true, true);
}

static const snug_cpu_kernel_entry entries[] = {
    {"avg_pool2d", prepare_plain},
    {"avg_pool2d_backward", prepare_plain_backward},
    {"adaptive_avg_pool2d", prepare_adaptive},
    {"adaptive_avg_pool2d_backward", prepare_adaptive_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_avg_pool = {entries};
