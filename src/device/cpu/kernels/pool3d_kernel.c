// Pooling of volumes in float32, a pixel's channels at a time. Samples are shared out in forward
// and backward alike, so that threads never share a pixel.
#include <math.h>
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

typedef struct work {
    const snug_pool3d_attributes *pool;
    const snug_type *x, *y; // of the forward
    const float *from;
    float *to;
    void *indices;
    bool is_max;
} work;

// The taps of a window along one axis that are pixels: |begin| up to |end|.
typedef struct span {
    int64_t at, begin, end, padded; // at: the first tap's coordinate; padded: taps before the end
} span;

static span span_of(const work *self, int axis, int64_t index) {
    const snug_pool3d_attributes *pool = self->pool;
    int64_t step = pool->dilation[axis], extent = self->x->dims[2 + axis];
    span result = {.at = index * pool->stride[axis] - pool->padding[axis]};
    int64_t room = extent + pool->padding[axis + 3] - result.at;
    result.begin = result.at < 0 ? (-result.at + step - 1) / step : 0;
    result.end = extent > result.at ? (extent - result.at + step - 1) / step : 0;
    result.padded = room > 0 ? (room + step - 1) / step : 0;
    if (result.end > pool->kernel[axis]) result.end = pool->kernel[axis];
    if (result.padded > pool->kernel[axis]) result.padded = pool->kernel[axis];
    if (result.begin > result.end) result.begin = result.end;
    return result;
}

// Calls |visit| with each pixel of the window; |pixel| is its place in the sample.
typedef void visitor(const work *self, void *context, int64_t pixel);
static void visit_window(const work *self, const span spans[3], visitor *visit, void *context) {
    const int64_t *dims = self->x->dims + 2, *step = self->pool->dilation;
    for (int64_t i = spans[0].begin; i < spans[0].end; i++)
        for (int64_t j = spans[1].begin; j < spans[1].end; j++)
            for (int64_t k = spans[2].begin; k < spans[2].end; k++) {
                int64_t row = (spans[0].at + i * step[0]) * dims[1] + spans[1].at + j * step[1];
                visit(self, context, row * dims[2] + spans[2].at + k * step[2]);
            }
}

// One window: its first elements in the sample's tensors, and what the visitors share.
typedef struct window {
    const float *from; // the sample's
    float *to;
    int32_t *places;
    int64_t channels;
    float weight;
    bool is_first;
} window;

SNUG_MULTIARCH static void add_scaled(const float *x, float weight, int64_t count, float *y) {
#pragma omp simd
    for (int64_t c = 0; c < count; c++)
        y[c] += x[c] * weight;
}

SNUG_MULTIARCH static void raise(const float *x, int32_t place, int64_t count, float *y,
                                 int32_t *places) {
    for (int64_t c = 0; c < count; c++) {
        bool takes = x[c] > y[c] || isnan(x[c]);
        y[c] = takes ? x[c] : y[c];
        places[c] = takes ? place : places[c];
    }
}

static void visit_max(const work *self, void *context, int64_t pixel) {
    (void)self;
    window *at = context;
    const float *x = at->from + pixel * at->channels;
    if (!at->is_first) {
        raise(x, (int32_t)pixel, at->channels, at->to, at->places);
        return;
    }
    at->is_first = false;
    memcpy(at->to, x, (size_t)at->channels * sizeof *x);
    for (int64_t c = 0; c < at->channels; c++)
        at->places[c] = (int32_t)pixel;
}

static void visit_average(const work *self, void *context, int64_t pixel) {
    (void)self;
    window *at = context;
    add_scaled(at->from + pixel * at->channels, at->weight, at->channels, at->to);
}

static void visit_spread(const work *self, void *context, int64_t pixel) {
    (void)self;
    window *at = context;
    add_scaled(at->from, at->weight, at->channels, at->to + pixel * at->channels);
}

static float weight_of(const work *self, const span spans[3]) {
    int64_t count = 1, counts = self->pool->count_include_pad;
    for (int i = 0; i < 3; i++)
        count *= counts == 2 ? self->pool->kernel[i]
                 : counts    ? spans[i].padded
                             : spans[i].end - spans[i].begin;
    return count ? 1 / (float)count : 1;
}

static int64_t pixels_of(const snug_type *type) {
    return type->dims[2] * type->dims[3] * type->dims[4];
}

static void spans_of(const work *self, int64_t output, span spans[3]) {
    for (int i = 2; i >= 0; i--) {
        spans[i] = span_of(self, i, output % self->y->dims[2 + i]);
        output /= self->y->dims[2 + i];
    }
}

static void run_windows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    int64_t channels = self->x->dims[1], outputs = pixels_of(self->y);
    for (int64_t i = begin; i < end; i++) {
        span spans[3];
        spans_of(self, i % outputs, spans);
        window at = {.from = self->from + i / outputs * pixels_of(self->x) * channels,
                     .to = self->to + i * channels,
                     .channels = channels,
                     .weight = weight_of(self, spans),
                     .is_first = true};
        if (self->is_max) at.places = (int32_t *)self->indices + i * channels;
        memset(at.to, 0, (size_t)channels * sizeof(float));
        if (self->is_max) memset(at.places, -1, (size_t)channels * sizeof(int32_t));
        visit_window(self, spans, self->is_max ? visit_max : visit_average, &at);
    }
}

static void spread_max(const work *self, int64_t sample) {
    int64_t channels = self->x->dims[1], inputs = pixels_of(self->x), outputs = pixels_of(self->y);
    const int32_t *places = (const int32_t *)self->indices + sample * outputs * channels;
    const float *dy = self->from + sample * outputs * channels;
    float *dx = self->to + sample * inputs * channels;
    for (int64_t i = 0; i < outputs * channels; i++)
        if (places[i] >= 0 && places[i] < inputs) dx[places[i] * channels + i % channels] += dy[i];
}

static void run_backward_samples(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    int64_t channels = self->x->dims[1], outputs = pixels_of(self->y);
    int64_t sample_elements = pixels_of(self->x) * channels;
    for (int64_t sample = begin; sample < end; sample++) {
        float *to = self->to + sample * sample_elements;
        memset(to, 0, (size_t)sample_elements * sizeof *to);
        if (self->is_max) spread_max(self, sample);
        for (int64_t i = 0; i < outputs && !self->is_max; i++) {
            span spans[3];
            spans_of(self, i, spans);
            window at = {.from = self->from + (sample * outputs + i) * channels,
                         .to = to,
                         .channels = channels,
                         .weight = weight_of(self, spans)};
            visit_window(self, spans, visit_spread, &at);
        }
    }
}

static snug_status run_forward(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain_elements = 2048 };
    work self = {.pool = call->attributes,
                 .x = &call->inputs[0].type,
                 .y = &call->outputs[0].type,
                 .from = call->inputs[0].data,
                 .to = call->outputs[0].data,
                 .is_max = call->output_count == 2};
    if (self.is_max) self.indices = call->outputs[1].data;
    int64_t channels = self.x->dims[1];
    snug_parallel(kernel->threads, snug_type_elements(self.y) / channels,
                  grain_elements / channels + 1, run_windows, &self);
    return SNUG_OK;
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    work self = {.pool = call->attributes,
                 .x = &call->outputs[0].type,
                 .y = &call->inputs[0].type,
                 .from = call->inputs[0].data,
                 .to = call->outputs[0].data,
                 .is_max = call->input_count == 2};
    if (self.is_max) self.indices = call->inputs[1].data;
    snug_parallel(kernel->threads, self.x->dims[0], 1, run_backward_samples, &self);
    return SNUG_OK;
}

// Indices are int32 beside float32 data; ONNX's int64 ones are left to the reference kernel.
static bool fits(const snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_pool3d_attributes *pool = signature->attributes;
    return signature->inputs[0].dtype == SNUG_F32 && pool->indices == SNUG_INDICES_PLANE &&
           snug_type_elements(&signature->inputs[0]) > 0 &&
           snug_type_elements(&signature->outputs[0]) > 0;
}

static snug_status prepare(snug_cpu_kernel *kernel) {
    kernel->run = run_forward;
    return fits(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    kernel->run = run_backward;
    return fits(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_max_pool3d, prepare},
    {&snug_op_max_pool3d_backward, prepare_backward},
    {&snug_op_avg_pool3d, prepare},
    {&snug_op_avg_pool3d_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_pool3d = {entries};
