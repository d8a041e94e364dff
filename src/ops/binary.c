// Arithmetic of two operands beside add and multiply.
#include "ops/elementwise_op.h"

static snug_wide truncated_quotient(snug_wide a, snug_wide b) {
    return b ? a / b : 0;
}

// Towards the divisor's sign, as Python has it.
static snug_wide floored_remainder(snug_wide a, snug_wide b) {
    snug_wide rest = b ? a % b : 0;
    return rest && (rest < 0) != (b < 0) ? rest + b : rest;
}

// A remainder of 0 has the divisor's sign, too.
static double floored_real(double a, double b) {
    double rest = fmod(a, b);
    if (rest == 0) return copysign(0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

static snug_wide whole_power(snug_wide base, snug_wide exponent) {
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    uint64_t result = 1, factor = (uint64_t)base; // wraps round, as the types do
    for (; exponent > 0; exponent >>= 1, factor *= factor)
        if (exponent & 1) result *= factor;
    // The types of fewer bits and uint64 cut this; int64 has its sign.
    return (snug_wide)(int64_t)result;
}

// Comparisons with a NaN fail.
SNUG_ELEMENTWISE_REAL(subtract, a - b)
SNUG_ELEMENTWISE_WHOLE(subtract, a - b)
SNUG_ELEMENTWISE_KERNEL(subtract, subtract_whole)
SNUG_ELEMENTWISE_REAL(divide, a / b)
SNUG_ELEMENTWISE_WHOLE(divide, truncated_quotient(a, b))
SNUG_ELEMENTWISE_KERNEL(divide, divide_whole)
SNUG_ELEMENTWISE_REAL(power, pow(a, b))
SNUG_ELEMENTWISE_WHOLE(power, whole_power(a, b))
SNUG_ELEMENTWISE_KERNEL(power, power_whole)
SNUG_ELEMENTWISE_REAL(modulo, floored_real(a, b))
SNUG_ELEMENTWISE_WHOLE(modulo, floored_remainder(a, b))
SNUG_ELEMENTWISE_KERNEL(modulo, modulo_whole)
SNUG_ELEMENTWISE_REAL(remainder, fmod(a, b))
SNUG_ELEMENTWISE_WHOLE(remainder, b ? a % b : 0)
SNUG_ELEMENTWISE_KERNEL(remainder, remainder_whole)
SNUG_ELEMENTWISE_REAL(minimum, a < b || isnan(a) ? a : b)
SNUG_ELEMENTWISE_WHOLE(minimum, a < b ? a : b)
SNUG_ELEMENTWISE_KERNEL(minimum, minimum_whole)
SNUG_ELEMENTWISE_REAL(maximum, a > b || isnan(a) ? a : b)
SNUG_ELEMENTWISE_WHOLE(maximum, a > b ? a : b)
SNUG_ELEMENTWISE_KERNEL(maximum, maximum_whole)
SNUG_ELEMENTWISE_REAL(minimum_backward, a < b ? x[2] : a == b ? x[2] / 2 : 0)
SNUG_ELEMENTWISE_KERNEL(minimum_backward, NULL)
SNUG_ELEMENTWISE_REAL(maximum_backward, a > b ? x[2] : a == b ? x[2] / 2 : 0)
SNUG_ELEMENTWISE_KERNEL(maximum_backward, NULL)
SNUG_ELEMENTWISE_REAL(power_backward_base, b == 0 ? 0 : x[2] * b * pow(a, b - 1))
SNUG_ELEMENTWISE_KERNEL(power_backward_base, NULL)
// As PyTorch has it: none where the base is 0 and the power is, too.
SNUG_ELEMENTWISE_REAL(power_backward_exponent, a == 0 && b >= 0 ? 0 : x[2] * pow(a, b) * log(a))
SNUG_ELEMENTWISE_KERNEL(power_backward_exponent, NULL)

// The gradient |whole| of an operand, before it is summed where the operand repeats.
static void give_back(snug_backward *backward, const snug_node *node, int input,
                      snug_tensor_id whole) {
    snug_backward_give(backward, node, input,
                       snug_broadcast_back(backward->graph,
                                           snug_graph_type(backward->graph, node->inputs[input]),
                                           whole));
}

static snug_status subtract_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    if (snug_backward_wants(backward, node, 0)) give_back(backward, node, 0, dy);
    if (snug_backward_wants(backward, node, 1)) {
        // Summed first: there is less to negate.
        snug_tensor_id sum =
            snug_broadcast_back(graph, snug_graph_type(graph, node->inputs[1]), dy);
        snug_backward_give(backward, node, 1, SNUG_EMIT(graph, &snug_op_negate, NULL, sum));
    }
    return SNUG_OK;
}

// da = dy / b; db = -y * da.
static snug_status divide_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id whole = SNUG_EMIT(graph, &snug_op_divide, NULL,
                                     snug_backward_of(backward, node, 0), node->inputs[1]);
    if (snug_backward_wants(backward, node, 0)) give_back(backward, node, 0, whole);
    if (snug_backward_wants(backward, node, 1)) {
        snug_tensor_id sum = snug_broadcast_back_product(
            graph, snug_graph_type(graph, node->inputs[1]), whole, node->outputs[0]);
        snug_backward_give(backward, node, 1, SNUG_EMIT(graph, &snug_op_negate, NULL, sum));
    }
    return SNUG_OK;
}

// y = a - q b with a constant q: da = dy, db = dy (y - a) / b.
static snug_status remainder_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    if (snug_backward_wants(backward, node, 0)) give_back(backward, node, 0, dy);
    if (snug_backward_wants(backward, node, 1)) {
        snug_tensor_id rest =
            SNUG_EMIT(graph, &snug_op_subtract, NULL, node->outputs[0], node->inputs[0]);
        snug_tensor_id slope = SNUG_EMIT(graph, &snug_op_divide, NULL, rest, node->inputs[1]);
        snug_backward_give(
            backward, node, 1,
            snug_broadcast_back_product(graph, snug_graph_type(graph, node->inputs[1]), dy, slope));
    }
    return SNUG_OK;
}

static snug_status extreme_gradient(snug_backward *backward, const snug_node *node,
                                    const snug_op *op) {
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    for (int i = 0; i < 2; i++)
        if (snug_backward_wants(backward, node, i))
            give_back(
                backward, node, i,
                SNUG_EMIT(backward->graph, op, NULL, node->inputs[i], node->inputs[1 - i], dy));
    return SNUG_OK;
}

static snug_status minimum_gradient(snug_backward *backward, const snug_node *node) {
    return extreme_gradient(backward, node, &snug_op_minimum_backward);
}

static snug_status maximum_gradient(snug_backward *backward, const snug_node *node) {
    return extreme_gradient(backward, node, &snug_op_maximum_backward);
}

static snug_status power_gradient(snug_backward *backward, const snug_node *node) {
    const snug_op *const back[] = {&snug_op_power_backward_base, &snug_op_power_backward_exponent};
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    for (int i = 0; i < 2; i++)
        if (snug_backward_wants(backward, node, i))
            give_back(
                backward, node, i,
                SNUG_EMIT(backward->graph, back[i], NULL, node->inputs[0], node->inputs[1], dy));
    return SNUG_OK;
}

// The result has the base's type; the exponent's is its own matter, float32 for a gradient apart.
static snug_status infer_power(const void *attributes, const snug_type *inputs, int input_count,
                               snug_type *outputs) {
    (void)attributes;
    SNUG_TRY(snug_broadcast_shape(inputs, input_count, &outputs[0]));
    outputs[0].dtype = inputs[0].dtype;
    return SNUG_OK;
}

#define PAIR(label, element, ...)                                                                  \
    {                                                                                              \
        .name = (label), .input_count = 2,                                                         \
        .inputs = {SNUG_SAMPLE_TENSOR(element, SNUG_ROW_MAJOR, 5, 7),                              \
                   SNUG_SAMPLE_TENSOR(element, SNUG_ROW_MAJOR, __VA_ARGS__)},                      \
        .integer_below = 9                                                                         \
    }
#define FLOATS(...)                                                                                \
    { .input_count = 2, .inputs = {__VA_ARGS__}, .low = 0.4, .high = 2.2, .name = #__VA_ARGS__ }
#define ROWS SNUG_SAMPLE_ROW_MAJOR
static const snug_sample samples[] = {
    FLOATS(ROWS(5, 7), ROWS(5, 7)),
    FLOATS(SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 1, 1)),
    FLOATS(SNUG_SAMPLE_IMAGE(1, 5, 1, 1), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    FLOATS(ROWS(5, 7), ROWS(7)),
    FLOATS(ROWS(3, 1), ROWS(2, 1, 4)),
    FLOATS(SNUG_SAMPLE_IMAGE(2, 3, 2, 2), SNUG_SAMPLE_SCALAR),
    FLOATS(SNUG_SAMPLE_SCALAR, ROWS(3, 4)),
    FLOATS(ROWS(0, 4), ROWS(4)),
    PAIR("int64", SNUG_I64, 5, 7),
    PAIR("uint8 and a row", SNUG_U8, 7),
    PAIR("int32 and a column", SNUG_I32, 5, 1),
};
static const snug_sample power_samples[] = {
    FLOATS(ROWS(5, 7), ROWS(5, 7)),
    FLOATS(SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_SCALAR),
    FLOATS(ROWS(7), ROWS(5, 7)),
    {.name = "an integer exponent",
     .input_count = 2,
     .inputs = {ROWS(5, 7), SNUG_SAMPLE_INT32(7)},
     .integer_below = 4},
    PAIR("int64", SNUG_I64, 5, 7),
};
#define THREE(...)                                                                                 \
    { .input_count = 3, .inputs = {__VA_ARGS__}, .low = 0.4, .high = 2.2, .name = #__VA_ARGS__ }
static const snug_sample backward_samples[] = {
    THREE(ROWS(5, 7), ROWS(5, 7), ROWS(5, 7)),
    THREE(ROWS(5, 7), ROWS(7), ROWS(5, 7)),
    THREE(SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_SCALAR, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
};

#define OP(stem, gradient_function, reads, onnx_name)                                              \
    SNUG_ELEMENTWISE_OP(stem, 2, snug_infer_broadcast, gradient_function, reads, 3, FOLLOW,        \
                        onnx_name, samples)
OP(subtract, subtract_gradient, 0, "Sub");
OP(divide, divide_gradient, 2, "Div");
OP(modulo, remainder_gradient, 3, "Mod");
OP(remainder, remainder_gradient, 3, NULL);
OP(minimum, minimum_gradient, 3, "Min");
OP(maximum, maximum_gradient, 3, "Max");
SNUG_ELEMENTWISE_OP(power, 2, infer_power, power_gradient, 3, 1, FULL, "Pow", power_samples);
#define BACKWARD(stem, class)                                                                      \
    SNUG_ELEMENTWISE_OP(stem, 3, snug_infer_broadcast, NULL, 0, 7, class, NULL, backward_samples)
BACKWARD(minimum_backward, FOLLOW);
BACKWARD(maximum_backward, FOLLOW);
SNUG_ELEMENTWISE_OP(power_backward_base, 3, infer_power, NULL, 0, 1, FULL, NULL, backward_samples);
SNUG_ELEMENTWISE_OP(power_backward_exponent, 3, infer_power, NULL, 0, 1, FULL, NULL,
                    backward_samples);

static const snug_op *const ops[] = {&snug_op_subtract,
                                     &snug_op_divide,
                                     &snug_op_modulo,
                                     &snug_op_remainder,
                                     &snug_op_minimum,
                                     &snug_op_maximum,
                                     &snug_op_power,
                                     &snug_op_minimum_backward,
                                     &snug_op_maximum_backward,
                                     &snug_op_power_backward_base,
                                     &snug_op_power_backward_exponent,
                                     NULL};
const snug_op_file snug_ops_binary = {ops};
