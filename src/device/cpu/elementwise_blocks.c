// Element-wise operators with broadcasting, in float32, on data of any floating-point type but
// float64 and, as operands, on bools and integers. The result is walked in memory order, a block at
// a time; an operand that lies as the block does is read where it is, any other is laid out in a
// buffer first, so that the loops see nothing but arrays.
#include <string.h>

#include "base/half.h"
#include "device/cpu/convert.h"
#include "device/cpu/elementwise_blocks.h"
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { most_operands = 3, block_elements = 512, short_run = 64, grain_elements = 8192 };

// Dimensions of the result from the outermost in memory; |steps| are the operands', in elements.
typedef struct nest {
    int rank, operands;
    int64_t dims[SNUG_MAX_RANK], steps[most_operands][SNUG_MAX_RANK];
} nest;

typedef struct work {
    nest nest;
    const snug_call *call;
    snug_elementwise_block *apply;
} work;

static void append(nest *self, int64_t extent, const int64_t *steps) {
    int last = self->rank - 1;
    bool merges = last >= 0;
    for (int i = 0; i < self->operands && merges; i++)
        merges = self->steps[i][last] == steps[i] * extent;
    if (!merges) {
        last = self->rank++;
        self->dims[last] = 1;
    }
    self->dims[last] *= extent;
    for (int i = 0; i < self->operands; i++)
        self->steps[i][last] = steps[i];
}

static nest nest_of(const snug_call *call) {
    const snug_type *y = &call->outputs[0].type;
    nest self = {.operands = call->input_count};
    int64_t strides[most_operands][SNUG_MAX_RANK];
    for (int i = 0; i < self.operands; i++)
        snug_type_strides(&call->inputs[i].type, strides[i]);
    bool channels_last = y->layout == SNUG_CHANNELS_LAST && y->rank >= 3;
    for (int i = 0; i < y->rank; i++) {
        int dimension = !channels_last || i == 0 ? i : i == y->rank - 1 ? 1 : i + 1;
        int64_t steps[most_operands];
        for (int j = 0; j < self.operands; j++) {
            const snug_type *x = &call->inputs[j].type;
            int own = dimension - (y->rank - x->rank);
            steps[j] = own < 0 || x->dims[own] == 1 ? 0 : strides[j][own];
        }
        if (y->dims[dimension] != 1) append(&self, y->dims[dimension], steps);
    }
    if (self.rank == 0) append(&self, 1, (const int64_t[most_operands]){1, 1, 1});
    return self;
}

#define STRIDED(type, value)                                                                       \
    for (int64_t i = 0; i < count; i++)                                                            \
        to[i] = value(((const type *)data)[at + i * step]);                                        \
    break

// |count| elements of |view| from |at| on, |step| apart.
static void load_run(const snug_view *view, int64_t at, int64_t step, int64_t count, float *to) {
    const void *data = view->data;
    if (step == 0 && count > 1) {
        load_run(view, at, 1, 1, to);
        for (int64_t i = 1; i < count; i++)
            to[i] = to[0];
        return;
    }
    switch (view->type.dtype) {
    case SNUG_F32:
        STRIDED(float, );
    case SNUG_BF16:
        STRIDED(uint16_t, snug_from_bfloat16);
    case SNUG_F16:
        STRIDED(uint16_t, snug_from_float16);
    case SNUG_I64:
        STRIDED(int64_t, (float));
    case SNUG_I32:
        STRIDED(int32_t, (float));
    default: // bools
        STRIDED(uint8_t, (float));
    }
}

// Operand |index| for the elements [begin, begin + count) of the result: where it lies, or in
// |buffer|.
static const float *load(const work *self, int index, int64_t begin, int64_t count, float *buffer) {
    const nest *loops = &self->nest;
    const snug_view *view = &self->call->inputs[index];
    int inner = loops->rank - 1;
    int64_t length = loops->dims[inner], step = loops->steps[index][inner], done = 0;
    while (done < count) {
        int64_t column = (begin + done) % length, row = (begin + done) / length;
        int64_t run = length - column < count - done ? length - column : count - done;
        int64_t at = column * step;
        for (int i = inner - 1; i >= 0; i--) {
            at += row % loops->dims[i] * loops->steps[index][i];
            row /= loops->dims[i];
        }
        if (run == count && step == 1 && view->type.dtype == SNUG_F32)
            return (const float *)view->data + at;
        load_run(view, at, step, run, buffer + done);
        done += run;
    }
    return buffer;
}

static void store(const snug_view *y, int64_t begin, int64_t count, const float *from) {
    if (y->type.dtype == SNUG_BOOL)
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)y->data)[begin + i] = from[i] != 0;
    else
        snug_narrow(from, y->type.dtype, count, (uint16_t *)y->data + begin);
}

static void run_range(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const snug_view *y = &self->call->outputs[0];
    float buffers[most_operands + 1][block_elements];
    int64_t length = self->nest.dims[self->nest.rank - 1];
    bool in_place = y->type.dtype == SNUG_F32;
    while (begin < end) {
        int64_t count = end - begin < block_elements ? end - begin : block_elements;
        int64_t left = length - begin % length;
        if (left < count && length >= short_run) count = left;
        const float *x[most_operands] = {load(self, 0, begin, count, buffers[0])};
        for (int i = 1; i < most_operands; i++)
            x[i] = i < self->nest.operands ? load(self, i, begin, count, buffers[i]) : x[0];
        float *to = in_place ? (float *)y->data + begin : buffers[most_operands];
        self->apply(x, to, count, self->call->attributes);
        if (!in_place) store(y, begin, count, to);
        begin += count;
    }
}

static snug_status run(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_op *op = kernel->cached.signature.op;
    work self = {.nest = nest_of(call), .call = call, .apply = snug_elementwise_find(op)};
    snug_parallel(kernel->threads, snug_type_elements(&call->outputs[0].type), grain_elements,
                  run_range, &self);
    return SNUG_OK;
}

static bool is_float(snug_dtype dtype) {
    return dtype == SNUG_F32 || snug_is_16_bit(dtype);
}

// Floating-point data, and integers where rounding them to float32 is what is asked for.
snug_status snug_elementwise_prepare(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    snug_dtype result = signature->outputs[0].dtype;
    bool takes_integers =
        signature->op == &snug_op_power || signature->op == &snug_op_power_backward_base ||
        signature->op == &snug_op_power_backward_exponent || signature->op == &snug_op_cast;
    bool fits = is_float(result) || result == SNUG_BOOL;
    for (int i = 0; i < signature->input_count; i++) {
        snug_dtype dtype = signature->inputs[i].dtype;
        bool is_integer = dtype == SNUG_I32 || dtype == SNUG_I64;
        fits = fits && (is_float(dtype) || dtype == SNUG_BOOL || (takes_integers && is_integer));
    }
    kernel->run = run;
    return fits && signature->input_count <= most_operands ? SNUG_OK : SNUG_UNSUPPORTED;
}
