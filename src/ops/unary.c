// Functions of one argument without parameters.
#include "ops/unary.h"

// The gradients of floor, ceil, round and sign are zero: they have none.
#define FUNCTIONS(X)                                                                               \
    X(reciprocal, outputs, 1, FULL, "Reciprocal", 0.5, 3, 1 / x, -s * s)                           \
    X(sqrt, outputs, 1, FOLLOW, "Sqrt", 0.2, 3, sqrt(x), 0.5 / s)                                  \
    X(exp, outputs, 4, FULL, "Exp", -2, 2, exp(x), s)                                              \
    X(log, inputs, 4, FULL, "Log", 0.2, 3, log(x), 1 / s)                                          \
    X(erf, inputs, 6, FOLLOW, "Erf", -3, 3, erf(x), M_2_SQRTPI *exp(-s *s))                        \
    X(sin, inputs, 8, FOLLOW, "Sin", -4, 4, sin(x), cos(s))                                        \
    X(cos, inputs, 8, FOLLOW, "Cos", -4, 4, cos(x), -sin(s))                                       \
    X(tan, outputs, 8, FULL, "Tan", -1, 1, tan(x), 1 + s * s)                                      \
    X(asin, inputs, 8, FULL, "Asin", -0.9, 0.9, asin(x), 1 / sqrt(1 - s * s))                      \
    X(acos, inputs, 8, FULL, "Acos", -0.9, 0.9, acos(x), -1 / sqrt(1 - s * s))                     \
    X(atan, inputs, 8, FOLLOW, "Atan", -3, 3, atan(x), 1 / (1 + s * s))                            \
    X(sinh, inputs, 8, FULL, "Sinh", -2, 2, sinh(x), cosh(s))                                      \
    X(cosh, inputs, 8, FULL, "Cosh", -2, 2, cosh(x), sinh(s))                                      \
    X(asinh, inputs, 8, FOLLOW, "Asinh", -3, 3, asinh(x), 1 / sqrt(s * s + 1))                     \
    X(acosh, inputs, 8, FOLLOW, "Acosh", 1.2, 4, acosh(x), 1 / sqrt(s * s - 1))                    \
    X(atanh, inputs, 8, FOLLOW, "Atanh", -0.9, 0.9, atanh(x), 1 / (1 - s * s))
#define OPS(stem, saved, cost, class, onnx_name, low_, high_, value, slope)                        \
    SNUG_UNARY_OPS_WITH(stem, saved, class, onnx_name, low_, high_, NULL, 0, NULL)
FUNCTIONS(SNUG_UNARY_FUNCTIONS)
FUNCTIONS(OPS)

// Those whose result is exact, for integers as well.
// X(stem, onnx, value of x as a real number, as an integer, gradient)
#define EXACT(X)                                                                                   \
    X(negate, "Neg", -x, -x, negate_gradient)                                                      \
    X(abs, "Abs", fabs(x), x < 0 ? -x : x, abs_gradient)                                           \
    X(sign, "Sign", x == x ? (x > 0) - (x < 0) : x, (x > 0) - (x < 0), NULL)                       \
    X(floor, "Floor", floor(x), x, NULL)                                                           \
    X(ceil, "Ceil", ceil(x), x, NULL)                                                              \
    X(round, "Round", nearbyint(x), x, NULL)

static snug_status negate_gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0, SNUG_EMIT(backward->graph, &snug_op_negate, NULL, dy));
    return SNUG_OK;
}

static snug_status abs_gradient(snug_backward *backward, const snug_node *node) {
    return snug_unary_gradient(backward, node, &snug_op_abs_backward, node->inputs[0]);
}

#define SAMPLED(count, element)                                                                    \
    {                                                                                              \
        .name = #element, .input_count = (count),                                                  \
        .inputs = {SNUG_SAMPLE_TENSOR(element, SNUG_ROW_MAJOR, 5, 7),                              \
                   SNUG_SAMPLE_TENSOR(element, SNUG_ROW_MAJOR, 5, 7)},                             \
        .low = -4, .high = 4, .integer_below = 9                                                   \
    }
static const snug_sample exact_samples[] = {SAMPLED(1, SNUG_F32), SAMPLED(1, SNUG_I64),
                                            SAMPLED(1, SNUG_I8)};
static const snug_sample float_samples[] = {SAMPLED(1, SNUG_F32), SAMPLED(1, SNUG_F16)};
static const snug_sample abs_backward_samples[] = {SAMPLED(2, SNUG_F32)};

#define EXACT_OP(stem, onnx_name, real, whole, gradient_function)                                  \
    static double stem##_real(const double *operands, const double *p) {                           \
        double x = operands[0];                                                                    \
        (void)p;                                                                                   \
        return real;                                                                               \
    }                                                                                              \
    static snug_wide stem##_whole(const snug_wide *operands) {                                     \
        snug_wide x = operands[0];                                                                 \
        return whole;                                                                              \
    }                                                                                              \
    static snug_status stem##_kernel(const snug_call *call) {                                      \
        return snug_reference_elementwise(call, stem##_real, stem##_whole);                        \
    }                                                                                              \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .outputs = 1,                                                                              \
        .infer = snug_infer_same,                                                                  \
        .gradient = (gradient_function),                                                           \
        .overwrites = 1,                                                                           \
        .flops = snug_flops_output,                                                                \
        .reference = stem##_kernel,                                                                \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(exact_samples),                                                               \
    };
EXACT(EXACT_OP)

static double abs_slope(const double *operands, const double *p) {
    (void)p;
    return operands[1] * ((operands[0] > 0) - (operands[0] < 0));
}

static snug_status abs_backward_kernel(const snug_call *call) {
    return snug_reference_elementwise(call, abs_slope, NULL);
}

const snug_op snug_op_abs_backward = {
    .name = "abs_backward",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .infer = snug_infer_float,
    .overwrites = 3,
    .flops = snug_flops_output,
    .reference = abs_backward_kernel,
    SNUG_SAMPLES(abs_backward_samples),
};

static snug_status infer_test(const void *attributes, const snug_type *inputs, int input_count,
                              snug_type *outputs) {
    SNUG_TRY(snug_infer_float(attributes, inputs, input_count, outputs));
    outputs[0].dtype = SNUG_BOOL;
    return SNUG_OK;
}

static double is_nan_value(const double *operands, const double *p) {
    (void)p;
    return isnan(operands[0]);
}

static snug_status is_nan_kernel(const snug_call *call) {
    return snug_reference_elementwise(call, is_nan_value, NULL);
}

const snug_op snug_op_is_nan = {
    .name = "is_nan",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .infer = infer_test,
    .flops = snug_flops_output,
    .reference = is_nan_kernel,
    .onnx = "IsNaN",
    SNUG_SAMPLES(float_samples),
};

static double is_infinite_value(const double *operands, const double *p) {
    return isinf(operands[0]) && (operands[0] > 0 ? p[0] : p[1]) != 0;
}

static snug_status is_infinite_kernel(const snug_call *call) {
    return snug_reference_elementwise(call, is_infinite_value, NULL);
}

static const snug_attribute parameters[] = {
    SNUG_ATTRIBUTE(snug_parameter_attributes, alpha, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_parameter_attributes, beta, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

const snug_op snug_op_is_infinite = {
    .name = "is_infinite",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = parameters,
    .attributes_size = sizeof(snug_parameter_attributes),
    .infer = infer_test,
    .flops = snug_flops_output,
    .reference = is_infinite_kernel,
    SNUG_SAMPLES(float_samples),
};

#define LISTED(stem, onnx_name, real, whole, gradient_function) &snug_op_##stem,
static const snug_op *const ops[] = {FUNCTIONS(SNUG_UNARY_LISTED) EXACT(LISTED) &
                                         snug_op_abs_backward,
                                     &snug_op_is_nan, &snug_op_is_infinite, NULL};
const snug_op_file snug_ops_unary = {ops};
