// Average pooling (plain and adaptive), up-sampling, and their gradients. All are weighted sums of
// pixels whose weights are a product of one weight an axis, so an axis is a list of taps for each
// output; the gradient has the same form with the lists turned round, and gathers, so that threads
// never share a pixel. Lists are worked out once; float32, a pixel's channels at a time.
#include "base/memory.h"
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

typedef struct tap {
    int64_t pixel;
    double weight;
} tap;

// The taps of output |i| are those from starts[i] up to starts[i + 1].
typedef struct axis {
    int64_t inputs, outputs;
    int64_t *starts;
    tap *taps;
} axis;

typedef struct resampling {
    int64_t samples, channels;
    axis axes[2];
} resampling;

typedef struct work {
    const resampling *form;
    const float *from;
    float *to;
} work;

SNUG_MULTIARCH static void clear_channels(float *y, int64_t channels) {
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        y[c] = 0;
}

// y += weight * the taps' pixels of one row.
SNUG_MULTIARCH static void add_taps(const float *row, const tap *taps, int64_t count, double weight,
                                    int64_t channels, float *y) {
    int64_t i = 0;
    for (; i + 2 <= count; i += 2) {
        const float *x0 = row + taps[i].pixel * channels, *x1 = row + taps[i + 1].pixel * channels;
        float w0 = (float)(weight * taps[i].weight), w1 = (float)(weight * taps[i + 1].weight);
#pragma omp simd
        for (int64_t c = 0; c < channels; c++)
            y[c] += x0[c] * w0 + x1[c] * w1;
    }
    for (; i < count; i++) {
        const float *x = row + taps[i].pixel * channels;
        float w = (float)(weight * taps[i].weight);
#pragma omp simd
        for (int64_t c = 0; c < channels; c++)
            y[c] += x[c] * w;
    }
}

static void run_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const axis *down = &self->form->axes[0], *across = &self->form->axes[1];
    int64_t channels = self->form->channels;
    for (int64_t row = begin; row < end; row++) {
        int64_t h = row % down->outputs, image = row / down->outputs * down->inputs;
        for (int64_t w = 0; w < across->outputs; w++) {
            int64_t first = across->starts[w], count = across->starts[w + 1] - first;
            float *y = self->to + (row * across->outputs + w) * channels;
            clear_channels(y, channels);
            for (int64_t i = down->starts[h]; i < down->starts[h + 1]; i++)
                add_taps(self->from + (image + down->taps[i].pixel) * across->inputs * channels,
                         across->taps + first, count, down->taps[i].weight, channels, y);
        }
    }
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain_elements = 8192 };
    const resampling *form = kernel->state;
    const axis *down = &form->axes[0], *across = &form->axes[1];
    work self = {.form = form, .from = call->inputs[0].data, .to = call->outputs[0].data};
    // A row costs as much as the larger side of it.
    int64_t taps = across->starts[across->outputs];
    int64_t pixels = taps > across->outputs ? taps : across->outputs;
    snug_parallel(kernel->threads, form->samples * down->outputs,
                  grain_elements / (pixels * form->channels + 1) + 1, run_rows, &self);
    return SNUG_OK;
}

static void discard(snug_cpu_kernel *kernel) {
    resampling *form = kernel->state;
    for (int i = 0; form && i < 2; i++) {
        snug_memory_free(form->axes[i].starts);
        snug_memory_free(form->axes[i].taps);
    }
    snug_memory_free(form);
}

// The taps of output |index| along axis |which|, written to |out| (room for every input) in the
// order of their pixels; returns their number.
typedef int64_t rule(const void *attributes, int which, int64_t index, const axis *along, tap *out);

static int64_t average(int64_t begin, int64_t end, int64_t divisor, tap *out) {
    for (int64_t pixel = begin; pixel < end; pixel++)
        out[pixel - begin] = (tap){pixel, 1.0 / (double)divisor};
    return end > begin ? end - begin : 0;
}

static int64_t pool_taps(const void *attributes, int which, int64_t index, const axis *along,
                         tap *out) {
    const snug_pool2d_attributes *pool = attributes;
    int64_t begin = index * pool->stride[which] - pool->padding[which];
    int64_t end = begin + pool->kernel[which];
    int64_t limit = along->inputs + pool->padding[which + 2];
    if (end > limit) end = limit;
    int64_t padded = end - begin;
    if (begin < 0) begin = 0;
    if (end > along->inputs) end = along->inputs;
    return average(begin, end, pool->count_include_pad ? padded : end - begin, out);
}

static int64_t adaptive_taps(const void *attributes, int which, int64_t index, const axis *along,
                             tap *out) {
    (void)attributes, (void)which;
    int64_t begin = index * along->inputs / along->outputs;
    int64_t end = ((index + 1) * along->inputs + along->outputs - 1) / along->outputs;
    return average(begin, end, end - begin, out);
}

static int64_t upsample_taps(const void *attributes, int which, int64_t index, const axis *along,
                             tap *out) {
    (void)which;
    const snug_upsample2d_attributes *upsample = attributes;
    int64_t inputs = along->inputs, outputs = along->outputs;
    if (!upsample->bilinear) {
        out[0] = (tap){index * inputs / outputs, 1};
        return 1;
    }
    double source = ((double)index + 0.5) * (double)inputs / (double)outputs - 0.5;
    if (upsample->align_corners)
        source = outputs > 1 ? (double)(index * (inputs - 1)) / (double)(outputs - 1) : 0;
    if (source < 0) source = 0;
    int64_t first = (int64_t)source < inputs - 1 ? (int64_t)source : inputs - 1;
    double share = first + 1 < inputs ? source - (double)first : 0;
    out[0] = (tap){first, 1 - share};
    if (share == 0) return 1;
    out[1] = (tap){first + 1, share};
    return 2;
}

// Lists the taps of every output.
static snug_status list_taps(const void *attributes, int which, rule *taps_of, axis *self) {
    tap *scratch = NULL;
    snug_status status;
    SNUG_TRY(SNUG_NEW(&scratch, (size_t)self->inputs + 2));
    SNUG_TRY_GOTO(SNUG_NEW(&self->starts, (size_t)self->outputs + 1), done);
    for (int64_t i = 0; i < self->outputs; i++)
        self->starts[i + 1] = self->starts[i] + taps_of(attributes, which, i, self, scratch);
    SNUG_TRY_GOTO(SNUG_NEW(&self->taps, (size_t)self->starts[self->outputs] + 1), done);
    for (int64_t i = 0; i < self->outputs; i++)
        taps_of(attributes, which, i, self, self->taps + self->starts[i]);
done:
    snug_memory_free(scratch);
    return status;
}

// Turns the lists of |self| round: the taps of an input are the outputs that it went to.
static snug_status transpose(axis *self) {
    int64_t *starts = NULL, *next = NULL, count = self->starts[self->outputs];
    tap *taps = NULL;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&starts, (size_t)self->inputs + 1), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&next, (size_t)self->inputs + 1), failed);
    SNUG_TRY_GOTO(SNUG_NEW(&taps, (size_t)count + 1), failed);
    for (int64_t i = 0; i < count; i++)
        starts[self->taps[i].pixel + 1]++;
    for (int64_t i = 0; i < self->inputs; i++) {
        next[i] = starts[i];
        starts[i + 1] += starts[i];
    }
    for (int64_t output = 0; output < self->outputs; output++)
        for (int64_t i = self->starts[output]; i < self->starts[output + 1]; i++)
            taps[next[self->taps[i].pixel]++] = (tap){output, self->taps[i].weight};
    snug_memory_free(self->starts);
    snug_memory_free(self->taps);
    *self =
        (axis){.inputs = self->outputs, .outputs = self->inputs, .starts = starts, .taps = taps};
    snug_memory_free(next);
    return SNUG_OK;
failed:
    snug_memory_free(starts);
    snug_memory_free(next);
    snug_memory_free(taps);
    return status;
}

static snug_status prepare(snug_cpu_kernel *kernel, rule *taps_of, bool is_backward) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_type *x = is_backward ? &signature->outputs[0] : &signature->inputs[0];
    const snug_type *y = is_backward ? &signature->inputs[0] : &signature->outputs[0];
    if (!snug_cpu_all_float(kernel)) return SNUG_UNSUPPORTED;
    resampling *form;
    SNUG_TRY(SNUG_NEW(&form, 1));
    kernel->state = form;
    kernel->discard = discard;
    kernel->run = run;
    form->samples = x->dims[0];
    form->channels = x->dims[1];
    for (int i = 0; i < 2; i++) {
        axis *self = &form->axes[i];
        self->inputs = x->dims[2 + i];
        self->outputs = y->dims[2 + i];
        SNUG_TRY(list_taps(signature->attributes, i, taps_of, self));
        if (is_backward) SNUG_TRY(transpose(self));
    }
    return SNUG_OK;
}

#define KERNEL(name, taps_of, is_backward)                                                         \
    static snug_status prepare_##name(snug_cpu_kernel *kernel) {                                   \
        return prepare(kernel, taps_of, is_backward);                                              \
    }
KERNEL(pool, pool_taps, false)
KERNEL(pool_backward, pool_taps, true)
KERNEL(adaptive, adaptive_taps, false)
KERNEL(adaptive_backward, adaptive_taps, true)
KERNEL(upsample, upsample_taps, false)
KERNEL(upsample_backward, upsample_taps, true)

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_avg_pool2d, prepare_pool},
    {&snug_op_avg_pool2d_backward, prepare_pool_backward},
    {&snug_op_adaptive_avg_pool2d, prepare_adaptive},
    {&snug_op_adaptive_avg_pool2d_backward, prepare_adaptive_backward},
    {&snug_op_upsample2d, prepare_upsample},
    {&snug_op_upsample2d_backward, prepare_upsample_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_resample = {entries};
