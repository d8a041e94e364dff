// The element-wise operators' loops in float32. What a vector unit has no instruction for and
// vector_math.h no polynomial for goes through the C library, one element at a time.
#include <math.h>

#include "device/cpu/elementwise_blocks.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

static inline float softplus(float x) {
    return (x > 0 ? x : 0) + snug_log1p(snug_exp(x > 0 ? -x : x));
}
// 1 - exp(-y)
static inline float softplus_slope(float y) {
    return -snug_expm1(-y);
}
// tanh(softplus(x)) = e (e + 2) / (e (e + 2) + 2) with e = exp(x); past 20 it is 1.
static inline float mish_gate(float x) {
    float e = snug_exp(x > 20 ? 20 : x), n = e * (e + 2);
    return n / (n + 2);
}
static inline float mish_slope(float x) {
    float gate = mish_gate(x);
    return gate + x * snug_sigmoid(x) * (1 - gate * gate);
}
static inline float swish_slope(float x, float alpha) {
    float sigmoid = snug_sigmoid(alpha * x);
    return sigmoid * (1 + alpha * x * (1 - sigmoid));
}
// 0.5 (1 + tanh(u)) = sigmoid(2 u), which cancels nothing.
static inline float gelu_gate(float x) {
    return snug_sigmoid(1.59576912f * (x + 0.044715f * x * x * x));
}
static inline float gelu_slope(float x) {
    float gate = gelu_gate(x);
    return gate + x * gate * (1 - gate) * 1.59576912f * (1 + 0.134145f * x * x);
}
static inline float minus_half_square(float x) {
    return 1.12837917f * snug_exp(-x * x);
}
static inline float sign(float x) {
    return x != x ? x : (float)((x > 0) - (x < 0));
}

// X(operator, value of a, b and c); |A| and |B| are the parameters of those that have some.
#define PLAIN(X)                                                                                   \
    X(subtract, a - b)                                                                             \
    X(divide, a / b)                                                                               \
    X(remainder, fmodf(a, b))                                                                      \
    X(minimum, a < b || a != a ? a : b)                                                            \
    X(maximum, a > b || a != a ? a : b)                                                            \
    X(minimum_backward, a < b ? c : a == b ? 0.5f * c : 0)                                         \
    X(maximum_backward, a > b ? c : a == b ? 0.5f * c : 0)                                         \
    X(power_backward_exponent, a == 0 && b >= 0 ? 0 : c * powf(a, b) * logf(a))                    \
    X(where, a != 0 ? b : c)                                                                       \
    X(prelu, a < 0 ? a * b : a)                                                                    \
    X(prelu_backward, a < 0 ? c * b : c)                                                           \
    X(equal, a == b)                                                                               \
    X(greater, a > b)                                                                              \
    X(greater_or_equal, a >= b)                                                                    \
    X(less, a < b)                                                                                 \
    X(less_or_equal, a <= b)                                                                       \
    X(logical_and, a != 0 && b != 0)                                                               \
    X(logical_or, a != 0 || b != 0)                                                                \
    X(logical_xor, (a != 0) != (b != 0))                                                           \
    X(logical_not, a == 0)                                                                         \
    X(cast, a)                                                                                     \
    X(negate, -a)                                                                                  \
    X(abs, fabsf(a))                                                                               \
    X(abs_backward, b *(float)((a > 0) - (a < 0)))                                                 \
    X(sign, sign(a))                                                                               \
    X(floor, floorf(a))                                                                            \
    X(ceil, ceilf(a))                                                                              \
    X(round, rintf(a))                                                                             \
    X(reciprocal, 1 / a)                                                                           \
    X(reciprocal_backward, -b *a *a)                                                               \
    X(sqrt, sqrtf(a))                                                                              \
    X(sqrt_backward, b * 0.5f / a)                                                                 \
    X(exp, snug_exp(a))                                                                            \
    X(exp_backward, b *a)                                                                          \
    X(log, snug_log(a))                                                                            \
    X(log_backward, b / a)                                                                         \
    X(erf, snug_erf(a))                                                                            \
    X(erf_backward, b *minus_half_square(a))                                                       \
    X(sin, sinf(a))                                                                                \
    X(sin_backward, b *cosf(a))                                                                    \
    X(cos, cosf(a))                                                                                \
    X(cos_backward, -b *sinf(a))                                                                   \
    X(tan, tanf(a))                                                                                \
    X(tan_backward, b *(1 + a * a))                                                                \
    X(asin, asinf(a))                                                                              \
    X(asin_backward, b / sqrtf(1 - a * a))                                                         \
    X(acos, acosf(a))                                                                              \
    X(acos_backward, -b / sqrtf(1 - a * a))                                                        \
    X(atan, atanf(a))                                                                              \
    X(atan_backward, b / (1 + a * a))                                                              \
    X(sinh, sinhf(a))                                                                              \
    X(sinh_backward, b *coshf(a))                                                                  \
    X(cosh, coshf(a))                                                                              \
    X(cosh_backward, b *sinhf(a))                                                                  \
    X(asinh, asinhf(a))                                                                            \
    X(asinh_backward, b / sqrtf(a * a + 1))                                                        \
    X(acosh, acoshf(a))                                                                            \
    X(acosh_backward, b / sqrtf(a * a - 1))                                                        \
    X(atanh, atanhf(a))                                                                            \
    X(atanh_backward, b / (1 - a * a))                                                             \
    X(mish, a *mish_gate(a))                                                                       \
    X(mish_backward, b *mish_slope(a))                                                             \
    X(softplus, softplus(a))                                                                       \
    X(softplus_backward, b *softplus_slope(a))                                                     \
    X(softsign, a / (1 + fabsf(a)))                                                                \
    X(softsign_backward, b *(1 - fabsf(a)) * (1 - fabsf(a)))                                       \
    X(gelu_tanh, a *gelu_gate(a))                                                                  \
    X(gelu_tanh_backward, b *gelu_slope(a))

#define WITH_PARAMETERS(X)                                                                         \
    X(leaky_relu, a < 0 ? A * a : a)                                                               \
    X(leaky_relu_backward, a < 0 ? A * b : b)                                                      \
    X(elu, a < 0 ? A * snug_expm1(a / B) : a)                                                      \
    X(elu_backward, a < 0 ? b * (a + A) / B : b)                                                   \
    X(selu, B *(a < 0 ? A * snug_expm1(a) : a))                                                    \
    X(selu_backward, b *(a < 0 ? a + A * B : B))                                                   \
    X(hard_sigmoid, A *a + B < 0 ? 0 : A * a + B > 1 ? 1 : A * a + B)                              \
    X(hard_sigmoid_backward, A *a + B <= 0 || A * a + B >= 1 ? 0 : A * b)                          \
    X(swish, a *snug_sigmoid(A *a))                                                                \
    X(swish_backward, b *swish_slope(a, A))                                                        \
    X(thresholded_relu, a > A ? a : 0)                                                             \
    X(thresholded_relu_backward, a > A ? b : 0)                                                    \
    X(shrink, a<-A ? a + B : a> A ? a - B : 0)                                                     \
    X(shrink_backward, a<-A || a> A ? b : 0)                                                       \
    X(clip, a > B || A > B ? B : a < A ? A : a)                                                    \
    X(clip_backward, a >= A && a <= B && A <= B ? b : 0)

#define LOOP(value)                                                                                \
    const float *x0 = x[0], *x1 = x[1], *x2 = x[2];                                                \
    _Pragma("omp simd") for (int64_t i = 0; i < count; i++) {                                      \
        float a = x0[i], b = x1[i], c = x2[i];                                                     \
        (void)b, (void)c;                                                                          \
        y[i] = (float)(value);                                                                     \
    }
#define PLAIN_BLOCK(op, value)                                                                     \
    SNUG_MULTIARCH static void op##_block(const float *const *x, float *y, int64_t count,          \
                                          const void *attributes) {                                \
        (void)attributes;                                                                          \
        LOOP(value)                                                                                \
    }
PLAIN(PLAIN_BLOCK)

// A bound that is infinite stays so.
#define PARAMETER_BLOCK(op, value)                                                                 \
    SNUG_MULTIARCH static void op##_block(const float *const *x, float *y, int64_t count,          \
                                          const void *attributes) {                                \
        const snug_parameter_attributes *given = attributes;                                       \
        bool is_elu = given->beta == 0 && #op[0] == 'e';                                           \
        const float A = (float)given->alpha, B = is_elu ? 1 : (float)given->beta;                  \
        (void)A, (void)B;                                                                          \
        LOOP(value)                                                                                \
    }
WITH_PARAMETERS(PARAMETER_BLOCK)

// Exponents that are the same for all elements are mostly whole numbers or roots.
static bool is_uniform(const float *x, int64_t count) {
    for (int64_t i = 1; i < count; i++)
        if (x[i] != x[0]) return false;
    return count > 0;
}

SNUG_MULTIARCH static void power_block(const float *const *x, float *y, int64_t count,
                                       const void *attributes) {
    (void)attributes;
    float exponent = is_uniform(x[1], count) ? x[1][0] : NAN;
    if (exponent == 2) {
        LOOP(a * a)
    } else if (exponent == 3) {
        LOOP(a * a * a)
    } else if (exponent == 1) {
        LOOP(a)
    } else if (exponent == -1) {
        LOOP(1 / a)
    } else {
        LOOP(powf(a, b))
    }
}

SNUG_MULTIARCH static void power_backward_base_block(const float *const *x, float *y, int64_t count,
                                                     const void *attributes) {
    (void)attributes;
    float exponent = is_uniform(x[1], count) ? x[1][0] : NAN;
    if (exponent == 2) {
        LOOP(c * 2 * a)
    } else if (exponent == 3) {
        LOOP(c * 3 * a * a)
    } else if (exponent == 0.5f) {
        LOOP(c * 0.5f / sqrtf(a))
    } else {
        LOOP(b == 0 ? 0 : c * b * powf(a, b - 1))
    }
}

#define NAMED(op, value) {&snug_op_##op, op##_block},
static const struct {
    const snug_op *op;
    snug_elementwise_block *apply;
} blocks[] = {PLAIN(NAMED) WITH_PARAMETERS(NAMED) NAMED(power, ) NAMED(power_backward_base, )};

snug_elementwise_block *snug_elementwise_find(const snug_op *op) {
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (blocks[i].op == op) return blocks[i].apply;
    return NULL;
}

#define ENTRY(op, value) {&snug_op_##op, snug_elementwise_prepare},
static const snug_cpu_kernel_entry entries[] = {PLAIN(ENTRY) WITH_PARAMETERS(ENTRY) ENTRY(power, )
                                                    ENTRY(power_backward_base, ){NULL, NULL}};
const snug_cpu_kernel_file snug_cpu_kernels_elementwise = {entries};
