// Max pooling in float32, a pixel's channels at a time. The gradient gathers: each pixel of dx asks
// the windows that it lies in whether it was their maximum, so that threads never share a pixel.
#include <assert.h>

#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { MAX_TAPS = 255 }; // as many as a byte of the indices tells apart

typedef struct work {
    const snug_pool2d_attributes *pool;
    const snug_type *x, *y; // the forward's
    const float *from;      // x, or dy
    float *to;              // y, or dx
    uint8_t *indices;
    int32_t *places; // forward: a pixel's, by part
} work;

static int64_t dilation(const snug_pool2d_attributes *pool, int axis) {
    return pool->dilation[axis] ? pool->dilation[axis] : 1;
}

// The pixels of one window that lie inside the image.
typedef struct window {
    int count;
    const float *pixels[MAX_TAPS];
    int32_t taps[MAX_TAPS]; // their places in the window
} window;

// Takes what is greater, or not a number. 32-bit |places| are blended as fast as the values; they
// become bytes at the end.
SNUG_MULTIARCH static void pool_window(const window *of, int64_t channels, float *y,
                                       int32_t *places, uint8_t *indices) {
    assert(of->count > 0);
    const float *first = of->pixels[0];
    int32_t first_tap = of->taps[0];
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) {
        y[c] = first[c];
        places[c] = first_tap;
    }
    for (int i = 1; i < of->count; i++) {
        const float *x = of->pixels[i];
        int32_t tap = of->taps[i];
#pragma omp simd
        for (int64_t c = 0; c < channels; c++) {
            float value = x[c], best = y[c];
            int32_t place = places[c], takes = -((value > best) | (value != value));
            y[c] = takes ? value : best;
            // Not a choice: that would become a masked store, which the next load has to wait for.
            places[c] = place ^ ((place ^ tap) & takes);
        }
    }
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        indices[c] = (uint8_t)places[c];
}

// Elements of a part's |places|, whole cache lines of them.
static int64_t places_of(const snug_type *y) {
    enum { line = SNUG_ARENA_ALIGNMENT / sizeof(int32_t) };
    return (y->dims[1] + line - 1) / line * line;
}

static void find_window(const work *self, int64_t n, int64_t h, int64_t w, window *out) {
    const snug_pool2d_attributes *pool = self->pool;
    int64_t channels = self->x->dims[1], height = self->x->dims[2], width = self->x->dims[3];
    out->count = 0;
    for (int64_t kh = 0; kh < pool->kernel[0]; kh++) {
        int64_t row = h * pool->stride[0] - pool->padding[0] + kh * dilation(pool, 0);
        if (row < 0 || row >= height) continue;
        for (int64_t kw = 0; kw < pool->kernel[1]; kw++) {
            int64_t column = w * pool->stride[1] - pool->padding[1] + kw * dilation(pool, 1);
            if (column < 0 || column >= width) continue;
            out->pixels[out->count] = self->from + ((n * height + row) * width + column) * channels;
            out->taps[out->count++] = (int32_t)(kh * pool->kernel[1] + kw);
        }
    }
}

static void pool_rows(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    int64_t height = self->y->dims[2], width = self->y->dims[3], channels = self->y->dims[1];
    int32_t *places = self->places + part * places_of(self->y);
    window seen;
    for (int64_t row = begin; row < end; row++)
        for (int64_t w = 0; w < width; w++) {
            int64_t to = (row * width + w) * channels;
            find_window(self, row / height, row % height, w, &seen);
            pool_window(&seen, channels, self->to + to, places, self->indices + to);
        }
}

SNUG_MULTIARCH static void clear_channels(float *dx, int64_t channels) {
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        dx[c] = 0;
}

SNUG_MULTIARCH static void add_where(const float *dy, const uint8_t *indices, uint8_t index,
                                     int64_t channels, float *dx) {
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        dx[c] += indices[c] == index ? dy[c] : 0;
}

// The window position along |axis| whose |k|-th pixel is |at|, or -1.
static int64_t window_of(const work *self, int axis, int64_t at, int64_t k) {
    int64_t start = at + self->pool->padding[axis] - k * dilation(self->pool, axis);
    int64_t stride = self->pool->stride[axis];
    if (start < 0 || start % stride) return -1;
    return start / stride < self->y->dims[2 + axis] ? start / stride : -1;
}

static void gather_pixel(const work *self, int64_t n, int64_t h, int64_t w) {
    const snug_pool2d_attributes *pool = self->pool;
    int64_t channels = self->x->dims[1];
    float *dx = self->to + ((n * self->x->dims[2] + h) * self->x->dims[3] + w) * channels;
    clear_channels(dx, channels);
    for (int64_t kh = 0; kh < pool->kernel[0]; kh++) {
        int64_t row = window_of(self, 0, h, kh);
        for (int64_t kw = 0; row >= 0 && kw < pool->kernel[1]; kw++) {
            int64_t column = window_of(self, 1, w, kw);
            if (column < 0) continue;
            int64_t at = ((n * self->y->dims[2] + row) * self->y->dims[3] + column) * channels;
            add_where(self->from + at, self->indices + at, (uint8_t)(kh * pool->kernel[1] + kw),
                      channels, dx);
        }
    }
}

static void gather_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    int64_t height = self->x->dims[2];
    for (int64_t row = begin; row < end; row++)
        for (int64_t w = 0; w < self->x->dims[3]; w++)
            gather_pixel(self, row / height, row % height, w);
}

static int64_t grain_of(const snug_type *type) {
    enum { grain_elements = 8192 };
    return grain_elements / (type->dims[3] * type->dims[1] + 1) + 1;
}

static snug_status run_forward(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.pool = call->attributes,
                 .x = &call->inputs[0].type,
                 .y = &call->outputs[0].type,
                 .from = call->inputs[0].data,
                 .to = call->outputs[0].data,
                 .indices = call->outputs[1].data,
                 .places = call->workspace};
    snug_parallel(kernel->threads, self.y->dims[0] * self.y->dims[2], grain_of(self.y), pool_rows,
                  &self);
    return SNUG_OK;
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.pool = call->attributes,
                 .x = &call->outputs[0].type,
                 .y = &call->inputs[0].type,
                 .from = call->inputs[0].data,
                 .to = call->outputs[0].data,
                 .indices = call->inputs[1].data};
    snug_parallel(kernel->threads, self.x->dims[0] * self.x->dims[2], grain_of(self.x), gather_rows,
                  &self);
    return SNUG_OK;
}

static snug_status prepare_forward(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    kernel->run = run_forward;
    kernel->cached.kernel.workspace_bytes =
        (size_t)kernel->threads * (size_t)places_of(&signature->outputs[0]) * sizeof(int32_t);
    bool fits = signature->inputs[0].dtype == SNUG_F32 && signature->outputs[1].dtype == SNUG_U8;
    return fits ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    kernel->run = run_backward;
    bool fits = signature->inputs[0].dtype == SNUG_F32 && signature->inputs[1].dtype == SNUG_U8;
    return fits ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_max_pool2d, prepare_forward},
    {&snug_op_max_pool2d_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_max_pool = {entries};
