#include "device/cpu/kernels/sums_apart.h"

#include "base/memory.h"
#include "device/cpu/threads.h"

enum { kept_outside, summed_outside, kept_inside, summed_inside, stages };

typedef struct form {
    int64_t extents[stages];
    double scale;
} form;

typedef struct work {
    const form *form;
    const float *a, *b; // b NULL: no product
    float *y;
} work;

SNUG_MULTIARCH static float sum_run(const float *a, int64_t count) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += a[i];
    return sum;
}

SNUG_MULTIARCH static float sum_products(const float *a, const float *b, int64_t count) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void run_results(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    enum { run_elements = 4096 }; // what float adds up without losing digits
    const work *self = context;
    const int64_t *extents = self->form->extents;
    int64_t inner = extents[kept_inside], length = extents[summed_inside];
    for (int64_t result = begin; result < end; result++) {
        double total = 0;
        for (int64_t i = 0; i < extents[summed_outside]; i++) {
            int64_t line = result / inner * extents[summed_outside] + i;
            int64_t start = (line * inner + result % inner) * length;
            for (int64_t at = 0; at < length; at += run_elements) {
                int64_t count = length - at < run_elements ? length - at : run_elements;
                const float *a = self->a + start + at;
                total += (double)(self->b ? sum_products(a, self->b + start + at, count)
                                          : sum_run(a, count));
            }
        }
        self->y[result] = (float)(total * self->form->scale);
    }
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    enum { grain_elements = 16384 };
    const form *self = kernel->state;
    const int64_t *extents = self->extents;
    work shared = {.form = self,
                   .a = call->inputs[0].data,
                   .b = call->input_count > 1 ? call->inputs[1].data : NULL,
                   .y = call->outputs[0].data};
    int64_t terms = extents[summed_outside] * extents[summed_inside];
    snug_parallel(kernel->threads, extents[kept_outside] * extents[kept_inside],
                  grain_elements / terms + 1, run_results, &shared);
    return SNUG_OK;
}

// The extents of the row-major |x|; false when |axes| do not lie so.
static bool find_extents(const snug_type *x, uint32_t axes, int64_t extents[stages]) {
    int stage = kept_outside;
    for (int i = 0; i < stages; i++)
        extents[i] = 1;
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[i] == 1) continue;
        bool summed = axes >> i & 1;
        while (stage < stages && (stage % 2 == 1) != summed)
            stage++;
        if (stage == stages) return false;
        extents[stage] *= x->dims[i];
    }
    return true;
}

snug_status snug_sums_apart_prepare(snug_cpu_kernel *kernel, uint32_t axes, double scale) {
    const snug_type *x = &kernel->cached.signature.inputs[0];
    form found = {.scale = scale}, *self;
    bool is_row_major = x->layout == SNUG_ROW_MAJOR || x->rank < 3;
    if (!snug_cpu_all_float(kernel) || !is_row_major || snug_type_elements(x) == 0 ||
        !find_extents(x, axes, found.extents))
        return SNUG_UNSUPPORTED;
    SNUG_TRY(SNUG_NEW(&self, 1));
    *self = found;
    kernel->state = self;
    kernel->run = run;
    return SNUG_OK;
}

static const snug_cpu_kernel_entry entries[] = {{NULL, NULL}};
const snug_cpu_kernel_file snug_cpu_kernels_sums_apart = {entries};
