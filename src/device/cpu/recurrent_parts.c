#include "device/cpu/recurrent_parts.h"

#include "base/memory.h"
#include "base/size.h"
#include "device/cpu/kernels/vector_math.h"
#include "device/cpu/threads.h"

enum { SCRATCHPAD = 0 };

snug_onednn_form snug_recurrent_matrix(int64_t rows, int64_t columns, int64_t row, int64_t column) {
    return (snug_onednn_form){
        .dtype = SNUG_F32, .rank = 2, .dims = {rows, columns}, .strides = {row, column}};
}

snug_status snug_recurrent_product(const snug_cpu_kernel *kernel, snug_recurrent_plan *plan,
                                   int index, snug_onednn_form a, snug_onednn_form b,
                                   const snug_onednn_form *bias, int64_t stride) {
    static const snug_onednn_form none = {0};
    snug_onednn_form y = snug_recurrent_matrix(a.dims[0], b.dims[1], stride, 1);
    return snug_onednn_matmul_new(kernel->onednn, &a, &b, bias ? bias : &none, &y,
                                  &plan->products[index]);
}

// oneDNN takes addresses of operands as it takes those of results.
static void *address(const float *data) {
    return (void *)(uintptr_t)data;
}

snug_status snug_recurrent_multiply(const snug_recurrent_plan *plan, const snug_call *call,
                                    int index, const float *a, const float *b, const float *bias,
                                    float *y) {
    void *data[SNUG_ONEDNN_ARGUMENTS] = {[SNUG_ONEDNN_SOURCE] = address(a),
                                         [SNUG_ONEDNN_WEIGHTS] = address(b),
                                         [SNUG_ONEDNN_BIAS] = address(bias),
                                         [SNUG_ONEDNN_DESTINATION] = y,
                                         [SNUG_ONEDNN_SCRATCHPAD] =
                                             snug_recurrent_place(plan, call, SCRATCHPAD)};
    return snug_onednn_run(plan->products[index], data);
}

void snug_recurrent_reserve(snug_recurrent_plan *plan, int index, int64_t elements) {
    plan->offsets[index] = plan->total;
    plan->total += snug_size_align((size_t)elements * sizeof(float), SNUG_ARENA_ALIGNMENT);
}

float *snug_recurrent_place(const snug_recurrent_plan *plan, const snug_call *call, int index) {
    return (float *)(void *)((char *)call->workspace + plan->offsets[index]);
}

static void discard(snug_cpu_kernel *kernel) {
    snug_recurrent_plan *plan = kernel->state;
    for (int i = 0; plan && i < SNUG_RECURRENT_PRODUCTS; i++)
        snug_onednn_primitive_free(plan->products[i]);
    snug_memory_free(plan);
}

static snug_status finish(snug_cpu_kernel *kernel) {
    const snug_recurrent_plan *plan = kernel->state;
    for (int i = 0; i < SNUG_RECURRENT_PRODUCTS; i++)
        if (plan->products[i]) SNUG_TRY(snug_onednn_generate(plan->products[i]));
    return SNUG_OK;
}

snug_status snug_recurrent_plan_new(const snug_cpu_kernel *kernel,
                                    const snug_recurrent_shape *shape, snug_recurrent_plan **out) {
    const snug_signature *signature = &kernel->cached.signature;
    const snug_recurrent_attributes *layer = signature->attributes;
    // What clip cuts off is told from a result's bits, which differ from loop to loop here.
    bool declines = layer->clip > 0 || shape->steps * shape->batch * shape->hidden == 0;
    for (int i = 0; i < signature->input_count; i++) {
        const snug_type *type = &signature->inputs[i];
        declines = declines || (snug_dtype_is_float(type->dtype) && type->dtype != SNUG_F32) ||
                   (type->rank > 0 && snug_type_elements(type) == 0);
    }
    if (declines) return SNUG_UNSUPPORTED;
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->shape = *shape;
    return SNUG_OK;
}

snug_status snug_recurrent_adopt(snug_cpu_kernel *kernel, snug_recurrent_plan *plan,
                                 snug_status status) {
    size_t scratchpad = 0;
    kernel->state = plan;
    for (int i = 0; i < SNUG_RECURRENT_PRODUCTS && status == SNUG_OK; i++) {
        size_t bytes =
            plan->products[i] ? snug_onednn_bytes(plan->products[i], SNUG_ONEDNN_SCRATCHPAD) : 0;
        if (bytes > scratchpad) scratchpad = bytes;
    }
    if (status != SNUG_OK) {
        discard(kernel);
        kernel->state = NULL;
        return status;
    }
    plan->offsets[SCRATCHPAD] = plan->total;
    plan->total += scratchpad;
    kernel->discard = discard;
    kernel->finish = finish;
    kernel->cached.kernel.workspace_bytes = plan->total;
    return SNUG_OK;
}

// --- Activations ---

static inline float softplus(float x) {
    return (x > 0 ? x : 0) + snug_log1p(snug_exp(x > 0 ? -x : x));
}
static inline float elu(float x, float alpha) {
    float below = alpha * snug_expm1(x > 0 ? 0 : x);
    return x > 0 ? x : below;
}
static inline float hard_sigmoid(float x, float alpha, float beta) {
    float y = alpha * x + beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}
static inline float size_of(float x) {
    return x < 0 ? -x : x;
}
static inline float square(float x) {
    return x * x;
}

// X(activation, its value at v, its slope where the value is v); a: alpha, b: beta.
#define CURVES(X)                                                                                  \
    X(TANH, snug_tanh(v), 1 - v * v)                                                               \
    X(SIGMOID, snug_sigmoid(v), v *(1 - v))                                                        \
    X(RELU, v > 0 ? v : 0, v > 0 ? 1.0f : 0)                                                       \
    X(AFFINE, a *v + b, a)                                                                         \
    X(LEAKY_RELU, v > 0 ? v : a * v, v > 0 ? 1 : a)                                                \
    X(THRESHOLDED_RELU, v > a ? v : 0, v != 0 ? 1.0f : 0)                                          \
    X(SCALED_TANH, a *snug_tanh(b *v), a *b *(1 - square(a != 0 ? v / a : 1)))                     \
    X(HARD_SIGMOID, hard_sigmoid(v, a, b), v > 0 && v < 1 ? a : 0)                                 \
    X(ELU, elu(v, a), v > 0 ? 1 : v + a)                                                           \
    X(SOFTSIGN, v / (1 + size_of(v)), square(1 - size_of(v)))                                      \
    X(SOFTPLUS, softplus(v), -snug_expm1(-v))

#define LOOPS(name, value, slope)                                                                  \
    SNUG_MULTIARCH static void curve_##name(float *x, int64_t count, float a, float b) {           \
        (void)a, (void)b;                                                                          \
        for (int64_t i = 0; i < count; i++) {                                                      \
            float v = x[i];                                                                        \
            x[i] = (value);                                                                        \
        }                                                                                          \
    }                                                                                              \
    SNUG_MULTIARCH static void slopes_##name(const float *restrict y, float *restrict out,         \
                                             int64_t count, float a, float b) {                    \
        (void)a, (void)b;                                                                          \
        for (int64_t i = 0; i < count; i++) {                                                      \
            float v = y[i];                                                                        \
            (void)v;                                                                               \
            out[i] = (slope);                                                                      \
        }                                                                                          \
    }
CURVES(LOOPS)

static const struct {
    void (*curve)(float *x, int64_t count, float a, float b);
    void (*slopes)(const float *y, float *out, int64_t count, float a, float b);
} loops[] = {
#define ROW(name, value, slope) [SNUG_RECURRENT_##name] = {curve_##name, slopes_##name},
    CURVES(ROW)
#undef ROW
};

void snug_recurrent_curve(const snug_recurrent_attributes *layer, int which, float *x,
                          int64_t count) {
    loops[layer->activations[which]].curve(x, count, (float)layer->alpha[which],
                                           (float)layer->beta[which]);
}

void snug_recurrent_slopes(const snug_recurrent_attributes *layer, int which, const float *y,
                           float *slopes, int64_t count) {
    loops[layer->activations[which]].slopes(y, slopes, count, (float)layer->alpha[which],
                                            (float)layer->beta[which]);
}

// --- Steps ---

snug_status snug_recurrent_check_lengths(const snug_recurrent_step *step) {
    int64_t length;
    for (int64_t i = 0; step->lengths && i < step->plan->shape.batch; i++)
        SNUG_TRY(snug_recurrent_length(step->lengths, step->plan->shape.steps, i, &length));
    return SNUG_OK;
}

bool snug_recurrent_has_step(const snug_recurrent_step *step, int64_t index, bool *is_first) {
    int64_t length = 0;
    (void)snug_recurrent_length(step->lengths, step->plan->shape.steps, index, &length);
    *is_first = step->time == snug_recurrent_time(step->layer, length, 0);
    return step->time < length;
}

int64_t snug_recurrent_grain(const snug_recurrent_shape *shape) {
    enum { grain_elements = 4096 };
    return grain_elements / (shape->gates * shape->hidden + 1) + 1;
}
