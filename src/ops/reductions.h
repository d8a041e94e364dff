// Operators over the elements along dimensions, beside reduce_sum and reduce_mean. Any layout.
#ifndef SNUG_OPS_REDUCTIONS_H
#define SNUG_OPS_REDUCTIONS_H

#include "graph/op.h"

// reduce_kinds.c, with snug_reduce_attributes: (x) -> y. Of no elements: max is the type's lowest
// value, min its highest, prod 1, log_sum and log_sum_exp -infinity, the others 0. The gradients of
// max and min are shared by elements that tie. |_backward| is (x, y, dy) -> dx.
#define SNUG_REDUCE_LIST(X)                                                                        \
    X(max)                                                                                         \
    X(min)                                                                                         \
    X(prod)                                                                                        \
    X(l1)                                                                                          \
    X(l2)                                                                                          \
    X(log_sum)                                                                                     \
    X(log_sum_exp)                                                                                 \
    X(sum_square)
#define SNUG_REDUCE_DECLARE(stem)                                                                  \
    extern const snug_op snug_op_reduce_##stem, snug_op_reduce_##stem##_backward;
SNUG_REDUCE_LIST(SNUG_REDUCE_DECLARE)
#undef SNUG_REDUCE_DECLARE

// arg.c: int64 places along |axis| of the largest (smallest) element; of several, the first, or the
// last when |last|. A NaN counts as larger (smaller) than all.
typedef struct snug_arg_attributes {
    int64_t axis, keepdims, last;
} snug_arg_attributes;
extern const snug_op snug_op_arg_max, snug_op_arg_min; // (x) -> y
// top_k.c: the |k| largest (smallest unless |largest|) elements along |axis| in order, and their
// places; ties by place.
typedef struct snug_top_k_attributes {
    int64_t axis, k, largest;
} snug_top_k_attributes;
extern const snug_op snug_op_top_k; // (x) -> values, indices (int64)

// cumulative.c: running sums (products) along |axis|, from its end when |reverse|, of what lies
// before when |exclusive|.
typedef struct snug_cumulative_attributes {
    int64_t axis, exclusive, reverse;
} snug_cumulative_attributes;
extern const snug_op snug_op_cumulative_sum;     // (x) -> y
extern const snug_op snug_op_cumulative_product; // (x) -> y; without a gradient

// log_softmax.c, with snug_axis_attributes.axis. hardmax: 1 at the first largest element, else 0.
extern const snug_op snug_op_log_softmax;          // (x) -> y
extern const snug_op snug_op_log_softmax_backward; // (y, dy) -> dx
extern const snug_op snug_op_hardmax;              // (x) -> y

#endif
