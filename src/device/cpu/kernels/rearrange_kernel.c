// transpose, strided_slice and its gradient, pad with a constant: copies between two places with a
// step of their own along each dimension, of elements of any size. Dimensions are merged where both
// steps allow; runs that lie together in both places are copied as bytes, matrices whose columns
// lie together in one place and rows in the other in tiles.
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"
#include "ops/reference.h"

enum { grain_bytes = 32768, tile = 16 };

typedef struct nest {
    int rank;
    int64_t dims[SNUG_MAX_RANK], from_step[SNUG_MAX_RANK], to_step[SNUG_MAX_RANK];
} nest;

typedef struct work {
    nest nest;
    const char *from;
    char *to;
    size_t size;    // bytes an element
    int along;      // the dimension that lies together in |from|
    int64_t blocks; // tiles along it
} work;

// Dimensions are appended from the outermost of the destination.
static void append(nest *self, int64_t extent, int64_t from_step, int64_t to_step) {
    int last = self->rank - 1;
    if (extent == 1) return;
    bool merges = last >= 0 && self->from_step[last] == from_step * extent &&
                  self->to_step[last] == to_step * extent;
    if (merges) {
        self->dims[last] *= extent;
    } else {
        last = self->rank++;
        self->dims[last] = extent;
    }
    self->from_step[last] = from_step;
    self->to_step[last] = to_step;
}

// The dimension of |type| that is |index|-th in memory.
static int memory_order(const snug_type *type, int index) {
    bool channels_last = type->layout == SNUG_CHANNELS_LAST && type->rank >= 3;
    if (!channels_last || index == 0) return index;
    return index == type->rank - 1 ? 1 : index + 1;
}

static void copy_strided(const work *self, const char *from, char *to, int64_t count,
                         int64_t from_step, int64_t to_step) {
    switch (self->size) {
    case 4:
        for (int64_t i = 0; i < count; i++)
            ((uint32_t *)(void *)to)[i * to_step] =
                ((const uint32_t *)(const void *)from)[i * from_step];
        break;
    case 2:
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)(void *)to)[i * to_step] =
                ((const uint16_t *)(const void *)from)[i * from_step];
        break;
    case 1:
        for (int64_t i = 0; i < count; i++)
            to[i * to_step] = from[i * from_step];
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            ((uint64_t *)(void *)to)[i * to_step] =
                ((const uint64_t *)(const void *)from)[i * from_step];
    }
}

// Moves |*from| and |*to| to the |row|-th of all places along the dimensions but the innermost and
// |skipped|.
static void find_row(const work *self, int64_t row, int skipped, const char **from, char **to) {
    const nest *loops = &self->nest;
    int64_t from_at = 0, to_at = 0;
    for (int i = loops->rank - 2; i >= 0; i--) {
        if (i == skipped) continue;
        int64_t at = row % loops->dims[i];
        row /= loops->dims[i];
        from_at += at * loops->from_step[i];
        to_at += at * loops->to_step[i];
    }
    *from = self->from + from_at * (int64_t)self->size;
    *to = self->to + to_at * (int64_t)self->size;
}

static void copy_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    int inner = self->nest.rank - 1;
    int64_t count = self->nest.dims[inner], from_step = self->nest.from_step[inner];
    int64_t to_step = self->nest.to_step[inner];
    bool together = from_step == 1 && to_step == 1;
    for (int64_t row = begin; row < end; row++) {
        const char *from;
        char *to;
        find_row(self, row, -1, &from, &to);
        if (together)
            memcpy(to, from, (size_t)count * self->size);
        else
            copy_strided(self, from, to, count, from_step, to_step);
    }
}

// Tiles of |along| (together in |from|) by the innermost dimension (together in |to|).
static void copy_tiles(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const nest *loops = &self->nest;
    int inner = loops->rank - 1, along = self->along;
    int64_t columns = loops->dims[inner], length = loops->dims[along];
    int64_t size = (int64_t)self->size;
    for (int64_t unit = begin; unit < end; unit++) {
        const char *from;
        char *to;
        int64_t first = unit % self->blocks * tile;
        int64_t rows = length - first < tile ? length - first : tile;
        find_row(self, unit / self->blocks, along, &from, &to);
        from += first * size;
        to += first * loops->to_step[along] * size;
        for (int64_t column = 0; column < columns; column += tile) {
            int64_t width = columns - column < tile ? columns - column : tile;
            for (int64_t i = 0; i < rows; i++)
                copy_strided(self, from + (column * loops->from_step[inner] + i) * size,
                             to + (i * loops->to_step[along] + column) * size, width,
                             loops->from_step[inner], 1);
        }
    }
}

static void copy(const snug_cpu_kernel *kernel, work *self) {
    nest *loops = &self->nest;
    int64_t elements = 1;
    if (loops->rank == 0) { // one element
        loops->rank = 1;
        loops->dims[0] = loops->from_step[0] = loops->to_step[0] = 1;
    }
    for (int i = 0; i < loops->rank; i++)
        elements *= loops->dims[i];
    if (elements == 0) return;
    int inner = loops->rank - 1;
    self->along = -1;
    for (int i = 0; i < inner; i++)
        if (loops->from_step[i] == 1) self->along = i;
    if (loops->to_step[inner] == 1 && loops->from_step[inner] != 1 && self->along >= 0) {
        int64_t length = loops->dims[self->along];
        self->blocks = (length + tile - 1) / tile;
        int64_t bytes = loops->dims[inner] * tile * (int64_t)self->size;
        snug_parallel(kernel->threads, elements / loops->dims[inner] / length * self->blocks,
                      grain_bytes / bytes + 1, copy_tiles, self);
        return;
    }
    int64_t bytes = loops->dims[inner] * (int64_t)self->size;
    snug_parallel(kernel->threads, elements / loops->dims[inner], grain_bytes / bytes + 1,
                  copy_rows, self);
}

static snug_status run_transpose(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_transpose_attributes *transpose = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t from[SNUG_MAX_RANK] = {0}, to[SNUG_MAX_RANK] = {0};
    snug_type_strides(&x->type, from);
    snug_type_strides(&y->type, to);
    work self = {.from = x->data, .to = y->data, .size = snug_dtype_bytes(y->type.dtype)};
    for (int i = 0; i < y->type.rank; i++) {
        int dimension = memory_order(&y->type, i);
        append(&self.nest, y->type.dims[dimension], from[transpose->perm[dimension]],
               to[dimension]);
    }
    copy(kernel, &self);
    return SNUG_OK;
}

// Copies between |part| and the elements of |whole| from |start| on in steps of |step|.
static void copy_part(const snug_cpu_kernel *kernel, const snug_view *whole, const int64_t *start,
                      const int64_t *step, const snug_view *part, const int64_t *skipped,
                      const int64_t *dims, bool into) {
    int64_t in_whole[SNUG_MAX_RANK] = {0}, in_part[SNUG_MAX_RANK] = {0};
    int64_t whole_at = 0, part_at = 0;
    snug_type_strides(&whole->type, in_whole);
    snug_type_strides(&part->type, in_part);
    work self = {.size = snug_dtype_bytes(part->type.dtype)};
    for (int i = 0; i < part->type.rank; i++) {
        int dimension = memory_order(&part->type, i);
        int64_t outer = in_whole[dimension] * (step ? step[dimension] : 1);
        int64_t inner = in_part[dimension];
        if (dims[dimension] <= 0) return;
        whole_at += in_whole[dimension] * start[dimension];
        part_at += inner * (skipped ? skipped[dimension] : 0);
        append(&self.nest, dims[dimension], into ? inner : outer, into ? outer : inner);
    }
    char *at = (char *)whole->data + whole_at * (int64_t)self.size;
    char *part_data = (char *)part->data + part_at * (int64_t)self.size;
    self.from = into ? part_data : at;
    self.to = into ? at : part_data;
    copy(kernel, &self);
}

static snug_status run_slice(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_strided_slice_attributes *slice = call->attributes;
    const snug_view *y = &call->outputs[0];
    copy_part(kernel, &call->inputs[0], slice->start, slice->step, y, NULL, y->type.dims, false);
    return SNUG_OK;
}

static snug_status run_slice_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_strided_slice_attributes *slice = call->attributes;
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    size_t bytes = snug_type_bytes(&dx->type);
    if (bytes) memset(dx->data, 0, bytes);
    copy_part(kernel, dx, slice->start, slice->step, dy, NULL, dy->type.dims, true);
    return SNUG_OK;
}

// |value| everywhere.
static void fill(const snug_view *y, const void *value) {
    size_t size = snug_dtype_bytes(y->type.dtype), bytes = snug_type_bytes(&y->type), done = size;
    if (bytes == 0) return;
    memcpy(y->data, value, size);
    for (; done < bytes; done *= 2) // what is there, again
        memcpy((char *)y->data + done, y->data, done < bytes - done ? done : bytes - done);
}

static snug_status run_pad(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_pad_attributes *pad = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    bool has_value = call->input_count == 2 && call->inputs[1].data;
    int64_t element = 0, start[SNUG_MAX_RANK] = {0}, skipped[SNUG_MAX_RANK] = {0};
    int64_t dims[SNUG_MAX_RANK] = {0};
    bool is_cut = true; // nothing is new
    for (int i = 0; i < x->type.rank; i++) {
        int64_t before = pad->before[i], after = pad->after[i];
        start[i] = before > 0 ? before : 0;
        skipped[i] = before < 0 ? -before : 0;
        dims[i] = x->type.dims[i] - skipped[i] - (after < 0 ? -after : 0);
        is_cut = is_cut && before <= 0 && after <= 0;
    }
    snug_reference_store(&element, y->type.dtype, 0, pad->value);
    if (!is_cut) fill(y, has_value ? call->inputs[1].data : &element);
    copy_part(kernel, y, start, NULL, x, skipped, dims, true);
    return SNUG_OK;
}

static snug_status prepare_transpose(snug_cpu_kernel *kernel) {
    kernel->run = run_transpose;
    return SNUG_OK;
}

static snug_status prepare_slice(snug_cpu_kernel *kernel) {
    kernel->run = run_slice;
    return SNUG_OK;
}

static snug_status prepare_slice_backward(snug_cpu_kernel *kernel) {
    kernel->run = run_slice_backward;
    return SNUG_OK;
}

static snug_status prepare_pad(snug_cpu_kernel *kernel) {
    const snug_pad_attributes *pad = kernel->cached.signature.attributes;
    kernel->run = run_pad;
    return pad->mode == SNUG_PAD_CONSTANT ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_transpose, prepare_transpose},
    {&snug_op_strided_slice, prepare_slice},
    {&snug_op_strided_slice_backward, prepare_slice_backward},
    {&snug_op_pad, prepare_pad},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_rearrange = {entries};
