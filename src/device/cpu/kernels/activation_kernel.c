// Activations and their derivatives in float32, a vector at a time.
#include "device/cpu/kernel.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"
#include "ops/ops.h"

enum { grain = 8192 }; // elements that are worth waking a thread for

typedef void unary_range(const float *x, float *y, int64_t count);
typedef void binary_range(const float *saved, const float *dy, float *dx, int64_t count);

// NaNs stay NaNs: comparisons are written so that they fail.
static inline float relu(float x) {
    return x < 0 ? 0 : x;
}
static inline float relu_derivative(float y, float dy) {
    return y <= 0 ? 0 : dy;
}
static inline float relu6(float x) {
    float low = x < 0 ? 0 : x;
    return low > 6 ? 6 : low;
}
static inline float relu6_derivative(float y, float dy) {
    float low = y <= 0 ? 0 : dy;
    return y >= 6 ? 0 : low;
}
static inline float sigmoid_derivative(float y, float dy) {
    return dy * y * (1 - y);
}
static inline float tanh_derivative(float y, float dy) {
    return dy * (1 - y * y);
}
static inline float hardsigmoid(float x) {
    float y = x * (1.0f / 6) + 0.5f;
    y = y < 0 ? 0 : y;
    return y > 1 ? 1 : y;
}
static inline float hardsigmoid_derivative(float y, float dy) {
    float slope = y <= 0 ? 0 : dy * (1.0f / 6);
    return y >= 1 ? 0 : slope;
}
static inline float silu(float x) {
    return x * snug_sigmoid(x);
}
static inline float silu_derivative(float x, float dy) {
    float sigmoid = snug_sigmoid(x);
    return dy * sigmoid * (1 + x * (1 - sigmoid));
}
static inline float hardswish(float x) {
    float y = x * (x + 3) * (1.0f / 6);
    y = x <= -3 ? 0 : y;
    return x >= 3 ? x : y;
}
static inline float hardswish_derivative(float x, float dy) {
    float slope = dy * (x * (1.0f / 3) + 0.5f);
    slope = x <= -3 ? 0 : slope;
    return x >= 3 ? dy : slope;
}
static inline float gelu(float x) {
    return x * snug_normal_cdf(x);
}
static inline float gelu_derivative(float x, float dy) {
    return dy * (snug_normal_cdf(x) + x * snug_normal_density(x));
}

// X(operator, function, derivative)
#define ACTIVATIONS(X)                                                                             \
    X(relu, relu, relu_derivative)                                                                 \
    X(relu6, relu6, relu6_derivative)                                                              \
    X(sigmoid, snug_sigmoid, sigmoid_derivative)                                                   \
    X(tanh, snug_tanh, tanh_derivative)                                                            \
    X(hardsigmoid, hardsigmoid, hardsigmoid_derivative)                                            \
    X(silu, silu, silu_derivative)                                                                 \
    X(hardswish, hardswish, hardswish_derivative)                                                  \
    X(gelu, gelu, gelu_derivative)

// In place the addresses are equal, element by element, which simd loops allow.
#define RANGES(op, function, derivative)                                                           \
    SNUG_MULTIARCH static void op##_range(const float *x, float *y, int64_t count) {               \
        _Pragma("omp simd") for (int64_t i = 0; i < count; i++) y[i] = function(x[i]);             \
    }                                                                                              \
    SNUG_MULTIARCH static void op##_backward_range(const float *saved, const float *dy, float *dx, \
                                                   int64_t count) {                                \
        _Pragma("omp simd") for (int64_t i = 0; i < count; i++) dx[i] =                            \
            derivative(saved[i], dy[i]);                                                           \
    }
ACTIVATIONS(RANGES)

typedef struct work {
    const float *x, *dy;
    float *y;
    unary_range *unary;
    binary_range *binary;
} work;

static void run_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    if (self->unary)
        self->unary(self->x + begin, self->y + begin, end - begin);
    else
        self->binary(self->x + begin, self->dy + begin, self->y + begin, end - begin);
}

static snug_status run_range(snug_cpu_kernel *kernel, const snug_call *call, unary_range *unary,
                             binary_range *binary) {
    work self = {.x = call->inputs[0].data,
                 .dy = binary ? call->inputs[1].data : NULL,
                 .y = call->outputs[0].data,
                 .unary = unary,
                 .binary = binary};
    snug_parallel(kernel->threads, snug_type_elements(&call->outputs[0].type), grain, run_part,
                  &self);
    return SNUG_OK;
}

#define KERNELS(op, function, derivative)                                                          \
    static snug_status run_##op(snug_cpu_kernel *kernel, const snug_call *call) {                  \
        return run_range(kernel, call, op##_range, NULL);                                          \
    }                                                                                              \
    static snug_status prepare_##op(snug_cpu_kernel *kernel) {                                     \
        kernel->run = run_##op;                                                                    \
        return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;                            \
    }                                                                                              \
    static snug_status run_##op##_backward(snug_cpu_kernel *kernel, const snug_call *call) {       \
        return run_range(kernel, call, NULL, op##_backward_range);                                 \
    }                                                                                              \
    static snug_status prepare_##op##_backward(snug_cpu_kernel *kernel) {                          \
        kernel->run = run_##op##_backward;                                                         \
        return snug_cpu_all_float(kernel) ? SNUG_OK : SNUG_UNSUPPORTED;                            \
    }
ACTIVATIONS(KERNELS)

#define ENTRIES(op, function, derivative)                                                          \
    {&snug_op_##op, prepare_##op}, {&snug_op_##op##_backward, prepare_##op##_backward},
static const snug_cpu_kernel_entry entries[] = {ACTIVATIONS(ENTRIES){NULL, NULL}};
const snug_cpu_kernel_file snug_cpu_kernels_activation = {entries};
