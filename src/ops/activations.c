// Activations with parameters, and those that have no file of their own.
#include "ops/unary.h"

static inline double or_one(double value) {
    return value == 0 ? 1 : value;
}

static inline double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static inline double mish_slope_at(double x) {
    double t = tanh(softplus(x)), sigmoid = 1 / (1 + exp(-x));
    return t + x * sigmoid * (1 - t * t);
}

static inline double swish_slope_at(double x, double alpha) {
    double sigmoid = 1 / (1 + exp(-alpha * x));
    return sigmoid * (1 + alpha * x * (1 - sigmoid));
}

// sqrt(2 / pi) * (x + 0.044715 x^3)
static inline double gelu_argument(double x) {
    return M_2_SQRTPI * M_SQRT1_2 * (x + 0.044715 * x * x * x);
}

static inline double gelu_tanh_slope_at(double x) {
    double t = tanh(gelu_argument(x));
    double inner = M_2_SQRTPI * M_SQRT1_2 * (1 + 3 * 0.044715 * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner;
}

#define A p[0]
#define B p[1]
// From y, elu's slope is alpha / beta * exp(x / beta) = (y + alpha) / beta where x < 0.
#define ACTIVATIONS(X)                                                                             \
    X(leaky_relu, outputs, 1, FOLLOW, NULL, -4, 4, x < 0 ? A * x : x, s < 0 ? A : 1)               \
    X(elu, outputs, 5, FOLLOW, NULL, -4, 4, x < 0 ? A * expm1(x / or_one(B)) : x,                  \
      s < 0 ? (s + A) / or_one(B) : 1)                                                             \
    X(selu, outputs, 5, FOLLOW, NULL, -4, 4, B *(x < 0 ? A * expm1(x) : x), s < 0 ? s + A * B : B) \
    X(hard_sigmoid, inputs, 4, FOLLOW, NULL, -4, 4, fmin(fmax(A *x + B, 0), 1),                    \
      A *s + B <= 0 || A * s + B >= 1 ? 0 : A)                                                     \
    X(swish, inputs, 5, FOLLOW, NULL, -4, 4, x / (1 + exp(-A * x)), swish_slope_at(s, A))          \
    X(thresholded_relu, inputs, 1, FOLLOW, NULL, -4, 4, x > A ? x : 0, s > A)                      \
    X(shrink, inputs, 2, FOLLOW, NULL, -4, 4, x<-A ? x + B : x> A ? x - B : 0, s<-A || s> A)       \
    X(clip, inputs, 1, FOLLOW, NULL, -4, 4,                                                        \
      x > B || A > B ? B                                                                           \
      : x < A        ? A                                                                           \
                     : x,                                                                                 \
      s >= A && s <= B && A <= B)
#define PLAIN(X)                                                                                   \
    X(mish, inputs, 8, FOLLOW, "Mish", -4, 4, x *tanh(softplus(x)), mish_slope_at(s))              \
    X(softplus, outputs, 6, FULL, "Softplus", -4, 4, softplus(x), -expm1(-s))                      \
    X(softsign, outputs, 2, FOLLOW, "Softsign", -4, 4, x / (1 + fabs(x)),                          \
      (1 - fabs(s)) * (1 - fabs(s)))                                                               \
    X(gelu_tanh, inputs, 8, FOLLOW, NULL, -4, 4, 0.5 * x * (1 + tanh(gelu_argument(x))),           \
      gelu_tanh_slope_at(s))

static const snug_attribute parameters[] = {
    SNUG_ATTRIBUTE(snug_parameter_attributes, alpha, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_parameter_attributes, beta, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

static const snug_parameter_attributes settings = {.alpha = 0.4, .beta = 1.3};

#define OPS(stem, saved, cost, class, onnx_name, low_, high_, value, slope)                        \
    SNUG_UNARY_OPS_WITH(stem, saved, class, onnx_name, low_, high_, parameters,                    \
                        sizeof(snug_parameter_attributes), &settings)
#define PLAIN_OPS(stem, saved, cost, class, onnx_name, low_, high_, value, slope)                  \
    SNUG_UNARY_OPS_WITH(stem, saved, class, onnx_name, low_, high_, NULL, 0, NULL)
ACTIVATIONS(SNUG_UNARY_FUNCTIONS)
PLAIN(SNUG_UNARY_FUNCTIONS)
ACTIVATIONS(OPS)
PLAIN(PLAIN_OPS)

static const snug_op *const ops[] = {ACTIVATIONS(SNUG_UNARY_LISTED) PLAIN(SNUG_UNARY_LISTED) NULL};
const snug_op_file snug_ops_activations = {ops};
