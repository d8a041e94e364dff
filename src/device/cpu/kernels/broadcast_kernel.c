// add, multiply and broadcast_to: loops over the result in memory order, with a step of 0 where an
// operand repeats. Neighbouring dimensions that step alike are merged, so that the usual shapes
// come down to one or two loops.
#include "device/cpu/kernel.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { operand_count = 2, grain_elements = 8192 };

// Dimensions from the outermost in; |steps| are the operands', in elements; the result is dense.
typedef struct nest {
    int rank;
    int64_t dims[SNUG_MAX_RANK], steps[operand_count][SNUG_MAX_RANK];
} nest;

// A two-dimensional piece: the innermost steps are 0 or 1.
typedef struct piece {
    const float *a, *b;
    float *y;
    int64_t rows, columns, a_row, b_row, y_row;
    int a_column, b_column;
    float scale; // broadcast_to
} piece;

typedef void piece_function(const piece *piece);

typedef struct work {
    nest nest;
    const float *operands[operand_count];
    float *y, scale;
    piece_function *apply;
} work;

// The dimensions of |y| from the outermost in memory.
static void memory_order(const snug_type *y, int order[SNUG_MAX_RANK]) {
    int count = 0;
    bool channels_last = y->layout == SNUG_CHANNELS_LAST && y->rank >= 3;
    for (int i = 0; i < y->rank; i++)
        if (!channels_last || i != 1) order[count++] = i;
    if (channels_last) order[count] = 1;
}

static void append(nest *self, int64_t extent, const int64_t steps[operand_count]) {
    int last = self->rank - 1;
    bool merges = last >= 0;
    for (int i = 0; i < operand_count && merges; i++)
        merges = self->steps[i][last] == steps[i] * extent;
    if (!merges) {
        last = self->rank++;
        self->dims[last] = 1;
    }
    self->dims[last] *= extent;
    for (int i = 0; i < operand_count; i++)
        self->steps[i][last] = steps[i];
}

// |steps| by operand and dimension of |y|.
static nest nest_of(const snug_type *y, int64_t steps[operand_count][SNUG_MAX_RANK]) {
    nest self = {0};
    int order[SNUG_MAX_RANK];
    memory_order(y, order);
    for (int i = 0; i < y->rank; i++) {
        int64_t at[operand_count];
        for (int j = 0; j < operand_count; j++)
            at[j] = steps[j][order[i]];
        if (y->dims[order[i]] != 1) append(&self, y->dims[order[i]], at);
    }
    if (self.rank == 0) append(&self, 1, (const int64_t[operand_count]){1, 1});
    return self;
}

// An operand's steps along the dimensions of |y| by numpy's rules.
static void broadcast_steps(const snug_type *operand, const snug_type *y,
                            int64_t steps[SNUG_MAX_RANK]) {
    int64_t strides[SNUG_MAX_RANK];
    int missing = y->rank - operand->rank;
    snug_type_strides(operand, strides);
    for (int i = 0; i < y->rank; i++)
        steps[i] = i < missing || operand->dims[i - missing] == 1 ? 0 : strides[i - missing];
}

#define PIECE(name, operation)                                                                     \
    SNUG_MULTIARCH static void name##_piece(const piece *self) {                                   \
        for (int64_t row = 0; row < self->rows; row++) {                                           \
            const float *a = self->a + row * self->a_row, *b = self->b + row * self->b_row;        \
            float *y = self->y + row * self->y_row;                                                \
            if (self->a_column && self->b_column) {                                                \
                _Pragma("omp simd") for (int64_t i = 0; i < self->columns; i++) y[i] =             \
                    a[i] operation b[i];                                                           \
            } else if (self->a_column) {                                                           \
                float one = *b;                                                                    \
                _Pragma("omp simd") for (int64_t i = 0; i < self->columns; i++) y[i] =             \
                    a[i] operation one;                                                            \
            } else {                                                                               \
                float one = *a;                                                                    \
                _Pragma("omp simd") for (int64_t i = 0; i < self->columns; i++) y[i] =             \
                    one operation b[i];                                                            \
            }                                                                                      \
        }                                                                                          \
    }
PIECE(add, +)
PIECE(multiply, *)

SNUG_MULTIARCH static void repeat_piece(const piece *self) {
    for (int64_t row = 0; row < self->rows; row++) {
        const float *a = self->a + row * self->a_row;
        float *y = self->y + row * self->y_row, scale = self->scale, one = *a * scale;
        if (self->a_column) {
#pragma omp simd
            for (int64_t i = 0; i < self->columns; i++)
                y[i] = a[i] * scale;
        } else {
#pragma omp simd
            for (int64_t i = 0; i < self->columns; i++)
                y[i] = one;
        }
    }
}

// Where operand |index| stands at |row|, counted over all dimensions but the innermost.
static const float *operand_at(const work *self, int index, int64_t row) {
    const nest *loops = &self->nest;
    int64_t offset = 0;
    for (int i = loops->rank - 2; i >= 0; i--) {
        offset += row % loops->dims[i] * loops->steps[index][i];
        row /= loops->dims[i];
    }
    return self->operands[index] + offset;
}

static void run_rows(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    const nest *loops = &self->nest;
    int inner = loops->rank - 1, middle = loops->rank - 2;
    while (begin < end) {
        int64_t left = loops->dims[middle] - begin % loops->dims[middle];
        piece next = {.a = operand_at(self, 0, begin),
                      .b = operand_at(self, 1, begin),
                      .y = self->y + begin * loops->dims[inner],
                      .rows = left < end - begin ? left : end - begin,
                      .columns = loops->dims[inner],
                      .a_row = loops->steps[0][middle],
                      .b_row = loops->steps[1][middle],
                      .y_row = loops->dims[inner],
                      .a_column = (int)loops->steps[0][inner],
                      .b_column = (int)loops->steps[1][inner],
                      .scale = self->scale};
        self->apply(&next);
        begin += next.rows;
    }
}

static void run_columns(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    int64_t a_step = self->nest.steps[0][0], b_step = self->nest.steps[1][0];
    piece whole = {.a = self->operands[0] + begin * a_step,
                   .b = self->operands[1] + begin * b_step,
                   .y = self->y + begin,
                   .rows = 1,
                   .columns = end - begin,
                   .a_column = (int)a_step,
                   .b_column = (int)b_step,
                   .scale = self->scale};
    self->apply(&whole);
}

static void run_nest(const snug_cpu_kernel *kernel, const work *self) {
    const nest *loops = &self->nest;
    if (loops->rank == 1) {
        snug_parallel(kernel->threads, loops->dims[0], grain_elements, run_columns, self);
        return;
    }
    int64_t rows = 1, columns = loops->dims[loops->rank - 1];
    for (int i = 0; i < loops->rank - 1; i++)
        rows *= loops->dims[i];
    if (columns > 0)
        snug_parallel(kernel->threads, rows, grain_elements / columns + 1, run_rows, self);
}

static snug_status run_binary(const snug_cpu_kernel *kernel, const snug_call *call,
                              piece_function *apply) {
    const snug_type *y = &call->outputs[0].type;
    int64_t steps[operand_count][SNUG_MAX_RANK];
    for (int i = 0; i < operand_count; i++)
        broadcast_steps(&call->inputs[i].type, y, steps[i]);
    work self = {.nest = nest_of(y, steps),
                 .operands = {call->inputs[0].data, call->inputs[1].data},
                 .y = call->outputs[0].data,
                 .apply = apply};
    run_nest(kernel, &self);
    return SNUG_OK;
}

static snug_status run_add(snug_cpu_kernel *kernel, const snug_call *call) {
    return run_binary(kernel, call, add_piece);
}

// Rows start by reading a single value, which a tensor without elements does not have.
static bool fits(const snug_cpu_kernel *kernel) {
    return snug_cpu_all_float(kernel) &&
           snug_type_elements(&kernel->cached.signature.outputs[0]) > 0;
}

static snug_status prepare_add(snug_cpu_kernel *kernel) {
    kernel->run = run_add;
    return fits(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

static snug_status run_multiply(snug_cpu_kernel *kernel, const snug_call *call) {
    return run_binary(kernel, call, multiply_piece);
}

static snug_status prepare_multiply(snug_cpu_kernel *kernel) {
    kernel->run = run_multiply;
    return fits(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;
}

// x's steps along y's dimensions: its own dimensions are y's without the reduced ones, or with 1 in
// their places.
static void reduced_steps(const snug_broadcast_to_attributes *to, const snug_type *x,
                          const snug_type *y, int64_t steps[SNUG_MAX_RANK]) {
    int64_t strides[SNUG_MAX_RANK];
    snug_type_strides(x, strides);
    bool keeps = x->rank == y->rank;
    for (int i = 0, from = 0; i < y->rank; i++) {
        bool reduced = to->reduced >> i & 1;
        steps[i] = reduced || x->dims[from] == 1 ? 0 : strides[from];
        if (!reduced || keeps) from++;
    }
}

static snug_status run_repeat(snug_cpu_kernel *kernel, const snug_call *call) {
    const snug_broadcast_to_attributes *to = call->attributes;
    const snug_type *y = &call->outputs[0].type;
    int64_t steps[operand_count][SNUG_MAX_RANK];
    reduced_steps(to, &call->inputs[0].type, y, steps[0]);
    reduced_steps(to, &call->inputs[0].type, y, steps[1]);
    work self = {.nest = nest_of(y, steps),
                 .operands = {call->inputs[0].data, call->inputs[0].data},
                 .y = call->outputs[0].data,
                 .scale = (float)to->scale,
                 .apply = repeat_piece};
    run_nest(kernel, &self);
    return SNUG_OK;
}

// A vector that runs along another dimension than the innermost has steps other than 0 and 1 there.
static snug_status prepare_repeat(snug_cpu_kernel *kernel) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_type *y = &signature->outputs[0];
    int64_t steps[operand_count][SNUG_MAX_RANK];
    if (!fits(kernel)) return SNUG_UNSUPPORTED;
    reduced_steps(signature->attributes, &signature->inputs[0], y, steps[0]);
    reduced_steps(signature->attributes, &signature->inputs[0], y, steps[1]);
    nest loops = nest_of(y, steps);
    int64_t step = loops.steps[0][loops.rank - 1];
    kernel->run = run_repeat;
    return step == 0 || step == 1 ? SNUG_OK : SNUG_UNSUPPORTED;
}

static const snug_cpu_kernel_entry entries[] = {
    {&snug_op_add, prepare_add},
    {&snug_op_multiply, prepare_multiply},
    {&snug_op_broadcast_to, prepare_repeat},
    {NULL, NULL},
};
const snug_cpu_kernel_file snug_cpu_kernels_broadcast = {entries};
