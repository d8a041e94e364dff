// Comparisons, logic and bits. A result in bools never lies where an operand of more bytes did.
#include "ops/elementwise_op.h"

static snug_status infer_comparison(const void *attributes, const snug_type *inputs,
                                    int input_count, snug_type *outputs) {
    SNUG_TRY(snug_infer_broadcast(attributes, inputs, input_count, outputs));
    outputs[0].dtype = SNUG_BOOL;
    return SNUG_OK;
}

static snug_status infer_logic(const void *attributes, const snug_type *inputs, int input_count,
                               snug_type *outputs) {
    for (int i = 0; i < input_count; i++)
        if (inputs[i].dtype != SNUG_BOOL)
            return snug_fail(SNUG_INVALID, "bools expected, found %s",
                             snug_dtype_name(inputs[i].dtype));
    return snug_infer_broadcast(attributes, inputs, input_count, outputs);
}

static snug_status infer_bits(const void *attributes, const snug_type *inputs, int input_count,
                              snug_type *outputs) {
    for (int i = 0; i < input_count; i++)
        if (snug_dtype_is_float(inputs[i].dtype))
            return snug_fail(SNUG_INVALID, "integers expected, found %s",
                             snug_dtype_name(inputs[i].dtype));
    return snug_infer_broadcast(attributes, inputs, input_count, outputs);
}

// Past the width of a type all bits are gone, and those of the sign are left on the right.
static snug_wide shifted_left(snug_wide a, snug_wide b) {
    return b >= 0 && b < 64 ? (snug_wide)((uint64_t)a << b) : 0;
}

static snug_wide shifted_right(snug_wide a, snug_wide b) {
    return b >= 0 && b < 64 ? a >> b : a < 0 ? -1 : 0;
}

// X(stem, onnx, value)
#define COMPARISONS(X)                                                                             \
    X(equal, "Equal", a == b)                                                                      \
    X(greater, "Greater", a > b)                                                                   \
    X(greater_or_equal, "GreaterOrEqual", a >= b)                                                  \
    X(less, "Less", a < b)                                                                         \
    X(less_or_equal, "LessOrEqual", a <= b)
#define LOGIC(X)                                                                                   \
    X(logical_and, "And", a &&b)                                                                   \
    X(logical_or, "Or", a || b)                                                                    \
    X(logical_xor, "Xor", a != b)
#define BITS(X)                                                                                    \
    X(bitwise_and, "BitwiseAnd", a &b)                                                             \
    X(bitwise_or, "BitwiseOr", a | b)                                                              \
    X(bitwise_xor, "BitwiseXor", a ^ b)                                                            \
    X(shift_left, NULL, shifted_left(a, b))                                                        \
    X(shift_right, NULL, shifted_right(a, b))

#define PAIR(label, below, element, ...)                                                           \
    {                                                                                              \
        .name = (label), .input_count = 2,                                                         \
        .inputs = {SNUG_SAMPLE_TENSOR(element, SNUG_ROW_MAJOR, 5, 7),                              \
                   SNUG_SAMPLE_TENSOR(element, SNUG_ROW_MAJOR, __VA_ARGS__)},                      \
        .integer_below = (below)                                                                   \
    }
static const snug_sample comparison_samples[] = {
    PAIR("floats", 0, SNUG_F32, 5, 7),  PAIR("int64 and a row", 4, SNUG_I64, 7),
    PAIR("bools", 2, SNUG_BOOL, 5, 7),  PAIR("uint8 and a column", 4, SNUG_U8, 5, 1),
    PAIR("float16", 0, SNUG_F16, 1, 7),
};
static const snug_sample logic_samples[] = {PAIR("bools", 2, SNUG_BOOL, 5, 7),
                                            PAIR("a row", 2, SNUG_BOOL, 7)};
static const snug_sample bit_samples[] = {PAIR("uint8", 8, SNUG_U8, 5, 7),
                                          PAIR("uint64", 60, SNUG_U64, 7),
                                          PAIR("int32", 30, SNUG_I32, 1)};
static const snug_sample one_bool[] = {
    {.name = "bools",
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_TENSOR(SNUG_BOOL, SNUG_ROW_MAJOR, 5, 7)}},
};
static const snug_sample one_integer[] = {
    {.name = "int16",
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_TENSOR(SNUG_I16, SNUG_ROW_MAJOR, 5, 7)},
     .integer_below = 1000},
};

#define COMPARISON(stem, onnx_name, value)                                                         \
    SNUG_ELEMENTWISE_REAL(stem, value)                                                             \
    SNUG_ELEMENTWISE_WHOLE(stem, value)                                                            \
    SNUG_ELEMENTWISE_KERNEL(stem, stem##_whole)                                                    \
    SNUG_ELEMENTWISE_OP(stem, 2, infer_comparison, NULL, 0, 0, FOLLOW, onnx_name,                  \
                        comparison_samples);
#define LOGIC_OP(stem, onnx_name, value)                                                           \
    SNUG_ELEMENTWISE_REAL(stem, value)                                                             \
    SNUG_ELEMENTWISE_WHOLE(stem, value)                                                            \
    SNUG_ELEMENTWISE_KERNEL(stem, stem##_whole)                                                    \
    SNUG_ELEMENTWISE_OP(stem, 2, infer_logic, NULL, 0, 3, FOLLOW, onnx_name, logic_samples);
#define BITS_OP(stem, onnx_name, value)                                                            \
    SNUG_ELEMENTWISE_WHOLE(stem, value)                                                            \
    static snug_status stem##_kernel(const snug_call *call) {                                      \
        return snug_reference_elementwise(call, NULL, stem##_whole);                               \
    }                                                                                              \
    SNUG_ELEMENTWISE_OP(stem, 2, infer_bits, NULL, 0, 3, FOLLOW, onnx_name, bit_samples);
COMPARISONS(COMPARISON)
LOGIC(LOGIC_OP)
BITS(BITS_OP)

static snug_wide not_whole(const snug_wide *x) {
    return !x[0];
}

static snug_status logical_not_kernel(const snug_call *call) {
    return snug_reference_elementwise(call, NULL, not_whole);
}

static snug_wide complement_whole(const snug_wide *x) {
    return ~x[0];
}

static snug_status bitwise_not_kernel(const snug_call *call) {
    return snug_reference_elementwise(call, NULL, complement_whole);
}
SNUG_ELEMENTWISE_OP(logical_not, 1, infer_logic, NULL, 0, 1, FOLLOW, "Not", one_bool);
SNUG_ELEMENTWISE_OP(bitwise_not, 1, infer_bits, NULL, 0, 1, FOLLOW, "BitwiseNot", one_integer);

#define LISTED(stem, onnx_name, value) &snug_op_##stem,
static const snug_op *const ops[] = {COMPARISONS(LISTED) LOGIC(LISTED) BITS(LISTED) &
                                         snug_op_logical_not,
                                     &snug_op_bitwise_not, NULL};
const snug_op_file snug_ops_compare = {ops};
