// Unscaling: one pass over a gradient that also looks for what is not finite. Workspace: a flag for
// each thread, a cache line apart.
#include "base/half.h"
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { grain = 8192, line_bytes = 64 };

typedef struct work {
    float *gradient, inverse;
    char *flags;
} work;

// The largest magnitude by its bits: what is not finite has all exponent bits.
SNUG_MULTIARCH static uint32_t unscale(float *gradient, float inverse, int64_t count) {
    uint32_t most = 0;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < count; i++) {
        float value = gradient[i] * inverse;
        gradient[i] = value;
        uint32_t bits = snug_bits_of_float(value) & 0x7FFFFFFFu;
        most = bits > most ? bits : most;
    }
    return most;
}

static void run_part(const void *context, int part, int64_t begin, int64_t end) {
    const work *self = context;
    uint32_t most = unscale(self->gradient + begin, self->inverse, end - begin);
    self->flags[(size_t)part * line_bytes] = most >= 0x7F800000u;
}

static snug_status run_unscale(snug_cpu_kernel *kernel, const snug_call *call) {
    double scale = call->state->loss_scale != 0 ? call->state->loss_scale : 1;
    work self = {
        .gradient = call->inputs[0].data, .inverse = (float)(1 / scale), .flags = call->workspace};
    float found = *(const float *)call->inputs[1].data;
    int parts = snug_parallel(kernel->threads, snug_type_elements(&call->inputs[0].type), grain,
                              run_part, &self);
    for (int i = 0; i < parts; i++)
        if (self.flags[i * line_bytes]) found = 1;
    *(float *)call->outputs[0].data = found;
    return SNUG_OK;
}

static snug_status prepare_unscale(snug_cpu_kernel *kernel) {
    kernel->run = run_unscale;
    kernel->cached.kernel.workspace_bytes = (size_t)kernel->threads * line_bytes;
    return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {{&snug_op_unscale, prepare_unscale}, {NULL, NULL}};
const snug_cpu_kernel_file snug_cpu_kernels_loss_scale = {entries};
