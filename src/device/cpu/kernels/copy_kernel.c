// Operators that only move memory, of any element type: concat, slice and its gradient as copies of
// runs, fill and clear, and to_layout as a transposition of pixels and channels.
#include <string.h>

#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/reference.h"

enum { grain_bytes = 32768 };

// |blocks| runs of |bytes| from one tensor to another, with the distance between runs in each.
typedef struct runs {
    const char *from;
    char *to;
    size_t bytes, from_step, to_step;
} runs;

static void copy_runs(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const runs *self = context;
    for (int64_t i = begin; i < end; i++)
        memcpy(self->to + (size_t)i * self->to_step, self->from + (size_t)i * self->from_step,
               self->bytes);
}

// Copies between |part| and the elements of |whole| from |start| on along |dimension|.
static void copy_slice(const snug_cpu_kernel *kernel, const snug_view *whole, int64_t dimension,
                       int64_t start, const snug_view *part, bool into) {
    snug_axis outer = snug_axis_of(&whole->type, dimension);
    snug_axis inner = snug_axis_of(&part->type, dimension);
    size_t element = snug_dtype_bytes(part->type.dtype);
    if (inner.lines == 0) return;
    size_t run = (size_t)(inner.length * inner.stride) * element;
    size_t step = (size_t)(outer.length * outer.stride) * element;
    char *at = (char *)whole->data + (size_t)(start * outer.stride) * element;
    runs copy = {.from = into ? part->data : at,
                 .to = into ? at : part->data,
                 .bytes = run,
                 .from_step = into ? run : step,
                 .to_step = into ? step : run};
    snug_parallel(kernel->threads, inner.lines / inner.stride, (int64_t)(grain_bytes / run) + 1,
                  copy_runs, &copy);
}

static snug_status run_concat(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_axis_attributes *along = call->attributes;
    int64_t start = 0;
    for (int i = 0; i < call->input_count; i++) {
        copy_slice(kernel, &call->outputs[0], along->axis, start, &call->inputs[i], true);
        start += call->inputs[i].type.dims[along->axis];
    }
    return SNUG_OK;
}

static snug_status prepare_concat(snug_cpu_kernel *kernel) {
    kernel->run = run_concat;
    return SNUG_OK;
}

static snug_status run_slice(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_axis_attributes *slice = call->attributes;
    copy_slice(kernel, &call->inputs[0], slice->axis, slice->start, &call->outputs[0], false);
    return SNUG_OK;
}

static snug_status prepare_slice(snug_cpu_kernel *kernel) {
    kernel->run = run_slice;
    return SNUG_OK;
}

static void clear_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const snug_view *view = context;
    memset((char *)view->data + begin, 0, (size_t)(end - begin));
}

static void clear(const snug_cpu_kernel *kernel, const snug_view *view) {
    snug_parallel(kernel->threads, (int64_t)snug_type_bytes(&view->type), grain_bytes, clear_part,
                  view);
}

static snug_status run_slice_backward(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_axis_attributes *slice = call->attributes;
    clear(kernel, &call->outputs[0]);
    copy_slice(kernel, &call->outputs[0], slice->axis, slice->start, &call->inputs[0], true);
    return SNUG_OK;
}

static snug_status prepare_slice_backward(snug_cpu_kernel *kernel) {
    kernel->run = run_slice_backward;
    return SNUG_OK;
}

static snug_status run_clear(snug_cpu_kernel *kernel, const snug_call *call) {
    clear(kernel, &call->inputs[0]);
    return SNUG_OK;
}

static snug_status prepare_clear(snug_cpu_kernel *kernel) {
    kernel->run = run_clear;
    return SNUG_OK;
}

// Matrices |rows| x |columns| of floats, one behind the other, each to be transposed.
typedef struct transposition {
    const float *from;
    float *to;
    int64_t rows, columns;
} transposition;

// Tiles keep both sides of a tile in the first-level cache.
static void transpose_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    enum { tile = 16 };
    const transposition *self = context;
    int64_t rows = self->rows, columns = self->columns;
    for (int64_t first = begin; first < end;) {
        int64_t row = first % rows, last = row + tile < rows ? row + tile : rows;
        if (last - row > end - first) last = row + end - first;
        const float *from = self->from + first / rows * rows * columns;
        float *to = self->to + first / rows * rows * columns;
        for (int64_t column = 0; column < columns; column += tile) {
            int64_t stop = column + tile < columns ? column + tile : columns;
            for (int64_t c = column; c < stop; c++)
                for (int64_t r = row; r < last; r++)
                    to[c * rows + r] = from[r * columns + c];
        }
        first += last - row;
    }
}

// Row-major is channels x pixels, channels last is pixels x channels.
static snug_status run_to_layout(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_type *x = &call->inputs[0].type;
    int64_t channels = x->dims[1], pixels = 1;
    for (int i = 2; i < x->rank; i++)
        pixels *= x->dims[i];
    bool from_pixels = x->layout == SNUG_CHANNELS_LAST;
    transposition self = {.from = call->inputs[0].data,
                          .to = call->outputs[0].data,
                          .rows = from_pixels ? pixels : channels,
                          .columns = from_pixels ? channels : pixels};
    int64_t grain = grain_bytes / 4 / (self.columns + 1) + 1;
    snug_parallel(kernel->threads, x->dims[0] * self.rows, grain, transpose_rows, &self);
    return SNUG_OK;
}

static snug_status prepare_to_layout(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_type *x = &signature->inputs[0];
    kernel->run = run_to_layout;
    bool fits = snug_cpu_all_float(kernel) && x->rank >= 3 && snug_type_elements(x) > 0 &&
                x->layout != signature->outputs[0].layout;
    return fits ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_concat, prepare_concat},
    {&snug_op_slice, prepare_slice},
    {&snug_op_slice_backward, prepare_slice_backward},
    {&snug_op_clear, prepare_clear},
    {&snug_op_to_layout, prepare_to_layout},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_copy = {entries};
