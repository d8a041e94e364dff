// What the kernels of recurrent layers share: products by oneDNN with their workspace, activations
// over arrays, and which samples have a step.
#ifndef SNUG_DEVICE_CPU_RECURRENT_PARTS_H
#define SNUG_DEVICE_CPU_RECURRENT_PARTS_H

#include "device/cpu/kernel.h"
#include "ops/recurrent.h"

enum { SNUG_RECURRENT_PRODUCTS = 5, SNUG_RECURRENT_PLACES = 8 };

// A kernel's state. Products and places of the workspace have the numbers that the kernel gives
// them; place 0 is the products' scratchpad.
typedef struct snug_recurrent_plan {
    snug_recurrent_shape shape;
    snug_onednn_primitive *products[SNUG_RECURRENT_PRODUCTS]; // NULL: none
    size_t offsets[SNUG_RECURRENT_PLACES], total;             // in the workspace
} snug_recurrent_plan;

// rows x columns, neighbours |row| and |column| elements apart.
snug_onednn_form snug_recurrent_matrix(int64_t rows, int64_t columns, int64_t row, int64_t column);
// Product |index| of |a| and |b|, plus |bias| where it is not NULL; the result's rows are |stride|
// elements apart.
snug_status snug_recurrent_product(const snug_cpu_kernel *kernel, snug_recurrent_plan *plan,
                                   int index, snug_onednn_form a, snug_onednn_form b,
                                   const snug_onednn_form *bias, int64_t stride);
snug_status snug_recurrent_multiply(const snug_recurrent_plan *plan, const snug_call *call,
                                    int index, const float *a, const float *b, const float *bias,
                                    float *y);

// Reserves |elements| of the workspace as place |index|.
void snug_recurrent_reserve(snug_recurrent_plan *plan, int index, int64_t elements);
float *snug_recurrent_place(const snug_recurrent_plan *plan, const snug_call *call, int index);

// A plan of the layer that |shape| tells, or SNUG_UNSUPPORTED where the reference kernel is to run.
snug_status snug_recurrent_plan_new(const snug_cpu_kernel *kernel,
                                    const snug_recurrent_shape *shape, snug_recurrent_plan **out);
// Ends a prepare function: the plan becomes the kernel's, or is freed where |status| is a failure.
snug_status snug_recurrent_adopt(snug_cpu_kernel *kernel, snug_recurrent_plan *plan,
                                 snug_status status);

// x[i] = activation |which| of x[i]; slopes[i] = its derivative by the result y[i].
void snug_recurrent_curve(const snug_recurrent_attributes *layer, int which, float *x,
                          int64_t count);
void snug_recurrent_slopes(const snug_recurrent_attributes *layer, int which, const float *y,
                           float *slopes, int64_t count);

// A step of all samples, which threads share.
typedef struct snug_recurrent_step {
    const snug_recurrent_plan *plan;
    const snug_call *call;
    const snug_recurrent_attributes *layer;
    const snug_view *extra, *lengths; // or NULL
    int64_t time;
} snug_recurrent_step;

// SNUG_INVALID names a length that is none.
snug_status snug_recurrent_check_lengths(const snug_recurrent_step *step);
// Whether sample |index| has the step; |*is_first|: it is the sample's first.
bool snug_recurrent_has_step(const snug_recurrent_step *step, int64_t index, bool *is_first);
// Rows that are worth waking a thread for.
int64_t snug_recurrent_grain(const snug_recurrent_shape *shape);

// Row |row| of a tensor of any rank.
static inline float *snug_recurrent_row(const snug_view *view, int64_t row) {
    return (float *)view->data + row * view->type.dims[view->type.rank - 1];
}
// The reset gate multiplies the state, not the state's product.
static inline bool snug_recurrent_resets_before(const snug_recurrent_attributes *layer) {
    return layer->cell == SNUG_CELL_GRU && !layer->after;
}

#endif
