// oneDNN's threads transpose 16-bit data for each other and wait for that in loops that never give
// their processor away: on a machine that is busy otherwise a gradient takes twenty times as long.
// Here each thread has samples and sums of its own, in float32, which are added up at the end.
// Workspace: [each share's sums, as the library lays weights out | each share's scratchpad | the
// reorder's].
#include "device/cpu/kernels/weight_gradient.h"

#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "device/cpu/convert.h"
#include "device/cpu/threads.h"

typedef struct share {
    snug_onednn *onednn;
    snug_onednn_primitive *primitive;
    int64_t first, samples;
    size_t sums, scratchpad; // offsets in the workspace
    snug_status status;      // of the last run
} share;

typedef struct gradient {
    share *shares;
    int count;
    size_t elements;       // of a share's sums, the library's padding included
    size_t reorder_offset; // in the workspace
    snug_onednn_primitive *reorder;
} gradient;

static void discard(snug_cpu_kernel *kernel) {
    gradient *self = kernel->state;
    if (!self) return;
    snug_onednn_primitive_free(self->reorder);
    for (int i = 0; i < self->count; i++) {
        snug_onednn_primitive_free(self->shares[i].primitive);
        snug_onednn_close(self->shares[i].onednn);
    }
    snug_memory_free(self->shares);
    snug_memory_free(self);
}

// Code for one thread, wherever it runs.
static snug_status finish(snug_cpu_kernel *kernel) {
    gradient *self = kernel->state;
    snug_status status = SNUG_OK;
    snug_threads_use(1);
    for (int i = 0; i < self->count && status == SNUG_OK; i++)
        status = snug_onednn_generate(self->shares[i].primitive);
    snug_threads_use(kernel->threads);
    return status == SNUG_OK ? snug_onednn_generate(self->reorder) : status;
}

typedef struct running {
    const gradient *self;
    const snug_call *call;
} running;

static float *sums_of(const running *work, int index) {
    return (float *)(void *)((char *)work->call->workspace + work->self->shares[index].sums);
}

static char *samples_of(const snug_view *view, int64_t first) {
    size_t row = snug_type_bytes(&view->type) / (size_t)view->type.dims[0];
    return (char *)view->data + row * (size_t)first;
}

static void run_share(const void *context, int part, int64_t begin, int64_t end) {
    const running *work = context;
    (void)part;
    for (int64_t i = begin; i < end; i++) {
        share *own = &work->self->shares[i];
        void *data[SNUG_ONEDNN_ARGUMENTS] = {
            [SNUG_ONEDNN_SOURCE] = samples_of(&work->call->inputs[0], own->first),
            [SNUG_ONEDNN_WEIGHTS] = sums_of(work, (int)i),
            [SNUG_ONEDNN_DESTINATION] = samples_of(&work->call->inputs[1], own->first),
            [SNUG_ONEDNN_SCRATCHPAD] = (char *)work->call->workspace + own->scratchpad};
        own->status = snug_onednn_run(own->primitive, data);
    }
}

SNUG_MULTIARCH static void add(float *total, const float *part, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        total[i] += part[i];
}

static void add_range(const void *context, int part, int64_t begin, int64_t end) {
    const running *work = context;
    (void)part;
    for (int i = 1; i < work->self->count; i++)
        add(sums_of(work, 0) + begin, sums_of(work, i) + begin, end - begin);
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain = 16384 };
    const gradient *self = kernel->state;
    running work = {self, call};
    snug_parallel(kernel->threads, self->count, 1, run_share, &work);
    for (int i = 0; i < self->count; i++)
        if (self->shares[i].status != SNUG_OK) // its message is another thread's
            return snug_fail(self->shares[i].status, "oneDNN: a weight gradient failed");
    snug_parallel(kernel->threads, (int64_t)self->elements, grain, add_range, &work);
    void *data[SNUG_ONEDNN_ARGUMENTS] = {[SNUG_ONEDNN_SOURCE] = sums_of(&work, 0),
                                         [SNUG_ONEDNN_DESTINATION] = call->outputs[0].data,
                                         [SNUG_ONEDNN_SCRATCHPAD] =
                                             (char *)call->workspace + self->reorder_offset};
    return snug_onednn_run(self->reorder, data);
}

static snug_status make_share(share *own, const snug_onednn_convolution *whole) {
    snug_onednn_convolution part = *whole;
    part.source.dims[0] = part.destination.dims[0] = own->samples;
    part.weights.is_any = true;
    part.weights.dtype = SNUG_F32;
    SNUG_TRY(snug_onednn_open(&own->onednn));
    return snug_onednn_convolution_new(own->onednn, &part, &own->primitive);
}

static void lay_out(snug_cpu_kernel *kernel, gradient *self) {
    const snug_onednn_primitive *first = self->shares[0].primitive;
    size_t sums = snug_onednn_bytes(first, SNUG_ONEDNN_WEIGHTS), bytes = 0;
    self->elements = sums / sizeof(float);
    for (int i = 0; i < self->count; i++) {
        self->shares[i].sums = bytes;
        bytes += snug_size_align(sums, SNUG_ARENA_ALIGNMENT);
    }
    for (int i = 0; i < self->count; i++) {
        share *own = &self->shares[i];
        size_t scratchpad = snug_onednn_bytes(own->primitive, SNUG_ONEDNN_SCRATCHPAD);
        own->scratchpad = bytes;
        bytes += snug_size_align(scratchpad, SNUG_ARENA_ALIGNMENT);
    }
    self->reorder_offset = bytes;
    kernel->cached.kernel.workspace_bytes =
        bytes + snug_onednn_bytes(self->reorder, SNUG_ONEDNN_SCRATCHPAD);
}

static snug_status make_shares(gradient *self, const snug_onednn_convolution *whole) {
    int64_t samples = whole->source.dims[0];
    for (int i = 0; i < self->count; i++) {
        share *own = &self->shares[i];
        own->first = samples * i / self->count;
        own->samples = samples * (i + 1) / self->count - own->first;
        SNUG_TRY(make_share(own, whole));
        // Another number of samples may have another kernel, whose sums do not add to these.
        if (!snug_onednn_alike(self->shares[0].primitive, own->primitive, SNUG_ONEDNN_WEIGHTS))
            return SNUG_UNSUPPORTED;
    }
    return SNUG_OK;
}

snug_status snug_weight_gradient_prepare(snug_cpu_kernel *kernel,
                                         const snug_onednn_convolution *whole) {
    int64_t samples = whole->source.dims[0];
    if (kernel->threads < 2 || samples < 2 || !snug_is_16_bit(whole->source.dtype))
        return SNUG_UNSUPPORTED;
    gradient *self;
    SNUG_TRY(SNUG_NEW(&self, 1));
    kernel->state = self;
    kernel->discard = discard;
    kernel->run = run;
    kernel->finish = finish;
    int count = samples < kernel->threads ? (int)samples : kernel->threads;
    SNUG_TRY(SNUG_NEW(&self->shares, (size_t)count));
    self->count = count;
    snug_threads_use(1);
    snug_status status = make_shares(self, whole);
    snug_threads_use(kernel->threads);
    SNUG_TRY(status);
    SNUG_TRY(snug_onednn_reorder_new(kernel->onednn, self->shares[0].primitive, SNUG_ONEDNN_WEIGHTS,
                                     &whole->weights, true, &self->reorder));
    lay_out(kernel, self);
    return SNUG_OK;
}

static const snug_cpu_kernel_entry entries[] = {{NULL, NULL}}; // convolution.c chooses
const snug_cpu_kernel_file snug_cpu_kernels_weight_gradient = {entries};
