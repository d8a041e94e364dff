// Element-wise operators beside add and multiply: numpy broadcasting, any layout, operands alike.
// Each computes in its operands' type; integers as integers, which wrap round.
#ifndef SNUG_OPS_ELEMENTWISE_H
#define SNUG_OPS_ELEMENTWISE_H

#include "graph/op.h"

// What functions with constants take; unused ones are 0.
typedef struct snug_parameter_attributes {
    double alpha, beta;
} snug_parameter_attributes;

// binary.c: (a, b) -> y. divide truncates integers towards zero, by 0 to 0. modulo has the sign of
// b, remainder (C's fmod) that of a. minimum and maximum pass NaNs on. power's result has a's type,
// whatever b's is. The gradients of minimum and maximum are shared by operands that tie.
extern const snug_op snug_op_subtract, snug_op_divide, snug_op_power, snug_op_modulo,
    snug_op_remainder, snug_op_minimum, snug_op_maximum;
extern const snug_op snug_op_minimum_backward, snug_op_maximum_backward; // (a, b, dy) -> da
extern const snug_op snug_op_power_backward_base;     // (a, b, dy) -> da before it is summed
extern const snug_op snug_op_power_backward_exponent; // (a, b, dy) -> db before it is summed
// select.c: PReLU, x < 0 ? slope * x : x; and condition (bool) ? a : b.
extern const snug_op snug_op_prelu;          // (x, slope) -> y
extern const snug_op snug_op_prelu_backward; // (x, slope, dy) -> dx
extern const snug_op snug_op_where;          // (condition, a, b) -> y
// compare.c: (a, b) of one type -> bool; bool -> bool; integers -> integers.
extern const snug_op snug_op_equal, snug_op_greater, snug_op_greater_or_equal, snug_op_less,
    snug_op_less_or_equal;
extern const snug_op snug_op_logical_and, snug_op_logical_or, snug_op_logical_xor,
    snug_op_logical_not;
extern const snug_op snug_op_bitwise_and, snug_op_bitwise_or, snug_op_bitwise_xor,
    snug_op_bitwise_not, snug_op_shift_left, snug_op_shift_right;

// unary.c: (x) -> y. round is half to even. The first three for all numbers, the rest for
// floating-point ones. |_backward| takes the output for reciprocal, sqrt, exp and tan, the input
// elsewhere, and dy.
extern const snug_op snug_op_negate, snug_op_abs, snug_op_sign;
extern const snug_op snug_op_floor, snug_op_ceil, snug_op_round;
extern const snug_op snug_op_is_nan;
extern const snug_op snug_op_is_infinite; // alpha: positive ones count, beta: negative ones count
#define SNUG_UNARY_LIST(X)                                                                         \
    X(reciprocal)                                                                                  \
    X(sqrt)                                                                                        \
    X(exp)                                                                                         \
    X(log)                                                                                         \
    X(erf)                                                                                         \
    X(sin)                                                                                         \
    X(cos)                                                                                         \
    X(tan)                                                                                         \
    X(asin)                                                                                        \
    X(acos)                                                                                        \
    X(atan)                                                                                        \
    X(sinh)                                                                                        \
    X(cosh)                                                                                        \
    X(asinh)                                                                                       \
    X(acosh)                                                                                       \
    X(atanh)
// activations.c, with snug_parameter_attributes:
//   leaky_relu        x < 0 ? alpha * x : x                      for the gradient alpha > 0
//   elu               x < 0 ? alpha * (exp(x / beta) - 1) : x    likewise; beta 0: 1
//   selu              beta * elu                                 likewise (beta: its gamma)
//   hard_sigmoid      min(max(alpha * x + beta, 0), 1)
//   swish             x * sigmoid(alpha * x)
//   thresholded_relu  x > alpha ? x : 0
//   shrink            x < -alpha ? x + beta : x > alpha ? x - beta : 0
//   clip              min(max(x, alpha), beta)
//   mish              x * tanh(log(1 + exp(x)))
//   softplus          log(1 + exp(x))
//   softsign          x / (1 + |x|)
//   gelu_tanh         gelu's approximation through tanh
// |_backward| takes the output for leaky_relu, elu, selu, softplus and softsign.
#define SNUG_ACTIVATION_LIST(X)                                                                    \
    X(leaky_relu)                                                                                  \
    X(elu)                                                                                         \
    X(selu)                                                                                        \
    X(hard_sigmoid)                                                                                \
    X(swish)                                                                                       \
    X(thresholded_relu)                                                                            \
    X(shrink)                                                                                      \
    X(clip)                                                                                        \
    X(mish)                                                                                        \
    X(softplus)                                                                                    \
    X(softsign)                                                                                    \
    X(gelu_tanh)
#define SNUG_UNARY_DECLARE(stem) extern const snug_op snug_op_##stem, snug_op_##stem##_backward;
SNUG_UNARY_LIST(SNUG_UNARY_DECLARE)
SNUG_ACTIVATION_LIST(SNUG_UNARY_DECLARE)
extern const snug_op snug_op_abs_backward; // (x, dy) -> dx
#undef SNUG_UNARY_DECLARE

#endif
