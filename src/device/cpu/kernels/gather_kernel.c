// gather as copies of rows, of any type, and its gradient: each row of the result is one thread's,
// which adds what belongs there in the order of the indices.
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"
#include "ops/place.h"

enum { grain_bytes = 32768 };

typedef struct work {
    const snug_view *indices;
    const char *from;
    char *to;
    int64_t count, extent, inner; // indices; the dimension they count in; elements of a row
    size_t bytes;                 // of a row
} work;

static work work_of(const snug_type *x, int64_t axis, const snug_view *indices) {
    work self = {.indices = indices,
                 .count = snug_type_elements(&indices->type),
                 .extent = x->dims[axis],
                 .inner = 1};
    for (int i = (int)axis + 1; i < x->rank; i++)
        self.inner *= x->dims[i];
    self.bytes = (size_t)self.inner * snug_dtype_bytes(x->dtype);
    return self;
}

static int64_t place_of(const work *self, int64_t index) {
    int64_t place =
        (int64_t)snug_reference_load_whole(self->indices->data, self->indices->type.dtype, index);
    return place < 0 ? place + self->extent : place;
}

static snug_status check(const work *self) {
    int64_t place;
    for (int64_t i = 0; i < self->count; i++)
        SNUG_TRY(snug_view_place(self->indices, i, self->extent, &place));
    return SNUG_OK;
}

static void copy_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = i / self->count * self->extent + place_of(self, i % self->count);
        memcpy(self->to + (size_t)i * self->bytes, self->from + (size_t)row * self->bytes,
               self->bytes);
    }
}

static snug_status run_gather(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_gather_attributes *gather = call->attributes;
    work self = work_of(&call->inputs[0].type, gather->axis, &call->inputs[1]);
    self.from = call->inputs[0].data;
    self.to = call->outputs[0].data;
    int64_t elements = snug_type_elements(&call->outputs[0].type);
    if (elements == 0) return SNUG_OK;
    SNUG_TRY(check(&self));
    snug_parallel(kernel->threads, elements / self.inner, (int64_t)(grain_bytes / self.bytes) + 1,
                  copy_rows, &self);
    return SNUG_OK;
}

static snug_status prepare_gather(snug_cpu_kernel *kernel) {
    kernel->run = run_gather;
    return SNUG_OK;
}

SNUG_MULTIARCH static void add_row(float *to, const float *from, int64_t count) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void add_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    float *to = (float *)(void *)self->to;
    const float *from = (const float *)(const void *)self->from;
    memset(to + begin * self->inner, 0, (size_t)(end - begin) * self->bytes);
    for (int64_t outer = begin / self->extent; outer * self->extent < end; outer++)
        for (int64_t i = 0; i < self->count; i++) {
            int64_t row = outer * self->extent + place_of(self, i);
            if (row < begin || row >= end) continue;
            add_row(to + row * self->inner, from + (outer * self->count + i) * self->inner,
                    self->inner);
        }
}

static snug_status run_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_gather_attributes *gather = call->attributes;
    const snug_view *dx = &call->outputs[0];
    work self = work_of(&dx->type, gather->axis, &call->inputs[0]);
    self.from = call->inputs[1].data;
    self.to = dx->data;
    int64_t elements = snug_type_elements(&dx->type);
    if (elements == 0) return SNUG_OK;
    SNUG_TRY(check(&self));
    snug_parallel(kernel->threads, elements / self.inner, (int64_t)(grain_bytes / self.bytes) + 1,
                  add_rows, &self);
    return SNUG_OK;
}

static snug_status prepare_backward(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    kernel->run = run_backward;
    bool fits = signature->inputs[1].dtype == SNUG_F32;
    return fits ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_gather, prepare_gather},
    {&snug_op_gather_backward, prepare_backward},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_gather = {entries};
