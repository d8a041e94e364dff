// Dropout and stochastic depth: the words of ops/mask.h, samples side by side.
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/mask.h"
#include "ops/ops.h"

typedef struct work {
    const snug_dropout_attributes *dropout;
    const snug_run_state *state;
    const float *x;
    float *y, scale;
    int64_t elements; // of a sample
} work;

static snug_random_block block_of(const work *self, int64_t sample, int64_t group) {
    return snug_mask_block(self->state->seed, self->state->step, self->dropout->salt,
                           self->state->first_sample + sample, group);
}

// A dropped element is 0 even where x is infinite or no number.
static void drop_elements(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    int64_t groups = (self->elements + 3) / 4;
    for (int64_t at = begin; at < end; at++) {
        int64_t sample = at / groups, first = at % groups * 4;
        int64_t count = self->elements - first < 4 ? self->elements - first : 4;
        snug_random_block block = block_of(self, sample, at % groups);
        const float *x = self->x + sample * self->elements + first;
        float *y = self->y + sample * self->elements + first;
        for (int64_t i = 0; i < count; i++)
            y[i] = snug_mask_keeps(block.words[i], self->dropout->p) ? x[i] * self->scale : 0;
    }
}

SNUG_MULTIARCH static void scale_sample(const float *x, float scale, int64_t count, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] * scale;
}

SNUG_MULTIARCH static void clear_sample(int64_t count, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] = 0;
}

static void drop_samples(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    for (int64_t sample = begin; sample < end; sample++) {
        int64_t at = sample * self->elements;
        if (snug_mask_keeps(block_of(self, sample, 0).words[0], self->dropout->p))
            scale_sample(self->x + at, self->scale, self->elements, self->y + at);
        else
            clear_sample(self->elements, self->y + at);
    }
}

static work begin_work(const snug_call *call) {
    const snug_dropout_attributes *dropout = call->attributes;
    const snug_type *x = &call->inputs[0].type;
    return (work){.dropout = dropout,
                  .state = call->state,
                  .x = call->inputs[0].data,
                  .y = call->outputs[0].data,
                  .scale = (float)(1 / (1 - dropout->p)),
                  .elements = x->dims[0] ? snug_type_elements(x) / x->dims[0] : 0};
}

static snug_status run_dropout(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain_groups = 512 };
    work self = begin_work(call);
    snug_parallel(kernel->threads, call->inputs[0].type.dims[0] * ((self.elements + 3) / 4),
                  grain_groups, drop_elements, &self);
    return SNUG_OK;
}

static snug_status prepare_dropout(snug_cpu_kernel *kernel) {
    kernel->run = run_dropout;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status run_depth(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain_elements = 8192 };
    work self = begin_work(call);
    snug_parallel(kernel->threads, call->inputs[0].type.dims[0],
                  grain_elements / (self.elements + 1) + 1, drop_samples, &self);
    return SNUG_OK;
}

static snug_status prepare_depth(snug_cpu_kernel *kernel) {
    kernel->run = run_depth;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_dropout, prepare_dropout},
    {&snug_op_stochastic_depth, prepare_depth},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_dropping = {entries};
