// dweight[c][kh][kw] is the sum over samples and output pixels of x * dy at that tap. Channels are
// split among threads, a tap's row of pixels is summed at a time. Workspace: sums of one sample and
// totals, [tap][channel] each; the first keeps a long sum's error small.
#include "device/cpu/kernels/depthwise.h"

#include <string.h>

#include "base/size.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

typedef struct work {
    const snug_conv2d_attributes *conv;
    const snug_type *x_type, *dy_type;
    const float *x, *dy;
    float *sums, *totals, *dweight;
} work;

static int64_t taps_of(const snug_conv2d_attributes *conv) {
    return conv->kernel[0] * conv->kernel[1];
}

// sum[c] += the dot product of |pixels| pixels of x and dy, |x_step| and |dy_step| elements apart.
SNUG_MULTIARCH static void add_pixels(const float *x, int64_t x_step, const float *dy,
                                      int64_t dy_step, int64_t pixels, int64_t channels,
                                      float *sum) {
    int64_t pixel = 0;
    for (; pixel + 3 <= pixels; pixel += 3, x += 3 * x_step, dy += 3 * dy_step) {
        const float *x1 = x + x_step, *x2 = x1 + x_step, *d1 = dy + dy_step, *d2 = d1 + dy_step;
#pragma omp simd
        for (int64_t c = 0; c < channels; c++)
            sum[c] += (x[c] * dy[c] + x1[c] * d1[c]) + x2[c] * d2[c];
    }
    for (; pixel < pixels; pixel++, x += x_step, dy += dy_step) {
#pragma omp simd
        for (int64_t c = 0; c < channels; c++)
            sum[c] += x[c] * dy[c];
    }
}

SNUG_MULTIARCH static void add_range(const float *from, int64_t count, float *to) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

// Outputs [begin, end) along |axis| whose tap |k| lies inside x.
static void inside(const work *self, int axis, int64_t k, int64_t *begin, int64_t *end) {
    const snug_conv2d_attributes *conv = self->conv;
    int64_t stride = conv->stride[axis], input = self->x_type->dims[2 + axis];
    int64_t shift = conv->padding[axis] - k * conv->dilation[axis]; // x = output * stride - shift
    *begin = shift > 0 ? (shift + stride - 1) / stride : 0;
    int64_t limit = input + shift;
    *end = limit > 0 ? (limit + stride - 1) / stride : 0;
    if (*end > self->dy_type->dims[2 + axis]) *end = self->dy_type->dims[2 + axis];
}

// Adds one tap's products of a sample, channels |first| on.
static void add_tap(const work *self, int64_t sample, int64_t kh, int64_t kw, int64_t first,
                    int64_t count) {
    const snug_conv2d_attributes *conv = self->conv;
    const int64_t *x = self->x_type->dims, *y = self->dy_type->dims;
    int64_t channels = x[1], top, bottom, left, right;
    inside(self, 0, kh, &top, &bottom);
    inside(self, 1, kw, &left, &right);
    if (left >= right) return;
    float *sum = self->sums + (kh * conv->kernel[1] + kw) * channels + first;
    int64_t column = left * conv->stride[1] - conv->padding[1] + kw * conv->dilation[1];
    for (int64_t h = top; h < bottom; h++) {
        int64_t row = h * conv->stride[0] - conv->padding[0] + kh * conv->dilation[0];
        add_pixels(self->x + ((sample * x[2] + row) * x[3] + column) * channels + first,
                   conv->stride[1] * channels,
                   self->dy + ((sample * y[2] + h) * y[3] + left) * channels + first, channels,
                   right - left, count, sum);
    }
}

static void add_sample(const work *self, int64_t sample, int64_t first, int64_t count) {
    int64_t channels = self->x_type->dims[1];
    for (int64_t kh = 0; kh < self->conv->kernel[0]; kh++)
        for (int64_t kw = 0; kw < self->conv->kernel[1]; kw++) {
            int64_t at = (kh * self->conv->kernel[1] + kw) * channels + first;
            memset(self->sums + at, 0, (size_t)count * sizeof(float));
            add_tap(self, sample, kh, kw, first, count);
            add_range(self->sums + at, count, self->totals + at);
        }
}

static void run_channels(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    enum { block = 64 }; // channels whose rows of a sample stay in the first-level cache
    const work *self = context;
    int64_t channels = self->x_type->dims[1], taps = taps_of(self->conv);
    for (int64_t tap = 0; tap < taps; tap++)
        memset(self->totals + tap * channels + begin, 0, (size_t)(end - begin) * sizeof(float));
    for (int64_t sample = 0; sample < self->x_type->dims[0]; sample++)
        for (int64_t first = begin; first < end; first += block)
            add_sample(self, sample, first, end - first < block ? end - first : block);
    for (int64_t c = begin; c < end; c++)
        for (int64_t tap = 0; tap < taps; tap++)
            self->dweight[c * taps + tap] = self->totals[tap * channels + c];
}

static size_t sums_bytes(const snug_signature *signature) {
    const snug_type *dweight = &signature->outputs[0];
    return snug_size_align(snug_type_bytes(dweight), SNUG_ARENA_ALIGNMENT);
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain = 16 };
    work self = {.conv = call->attributes,
                 .x_type = &call->inputs[0].type,
                 .dy_type = &call->inputs[1].type,
                 .x = call->inputs[0].data,
                 .dy = call->inputs[1].data,
                 .sums = call->workspace,
                 .dweight = call->outputs[0].data};
    self.totals =
        (float *)(void *)((char *)call->workspace + sums_bytes(&kernel->cached.signature));
    snug_parallel(kernel->threads, self.x_type->dims[1], grain, run_channels, &self);
    return SNUG_OK;
}

bool snug_depthwise_fits(const snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_conv2d_attributes *conv = signature->attributes;
    return snug_cpu_all_float(kernel) && conv->groups == signature->inputs[0].dims[1] &&
           conv->groups == signature->inputs[1].dims[1];
}

snug_status snug_depthwise_prepare(snug_cpu_kernel *kernel) {
    kernel->run = run;
    kernel->cached.kernel.workspace_bytes = 2 * sums_bytes(&kernel->cached.signature);
    return SNUG_OK;
}

static const snug_cpu_kernel_entry entries[] = {{NULL, NULL}}; // convolution.c chooses
const snug_cpu_kernel_file snug_cpu_kernels_depthwise = {entries};
