// Activations with parameters. Relu, Sigmoid, Tanh, HardSwish, Mish, Softplus and Softsign need no
// row.
#include <math.h>
#include <string.h>

#include "onnx/import.h"
#include "ops/ops.h"

static snug_status set_unary(const snug_onnx_call *call, const snug_op *op, double alpha,
                             double beta) {
    snug_parameter_attributes parameters = {.alpha = alpha, .beta = beta};
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, op, &parameters, snug_onnx_use(call, 0)));
    return SNUG_OK;
}

static snug_tensor_id times(const snug_onnx_call *call, snug_tensor_id x, double factor) {
    if (factor == 1) return x;
    return SNUG_EMIT(call->graph, &snug_op_multiply, NULL, x,
                     snug_onnx_scalar(call, call->inputs[0].type.dtype, factor));
}

// gamma * (x < 0 ? alpha * (exp(x / beta) - 1) : x) for parameters whose sign hides that of x.
static snug_status set_composed_elu(const snug_onnx_call *call, double alpha, double beta,
                                    double gamma) {
    snug_graph *graph = call->graph;
    snug_dtype dtype = call->inputs[0].type.dtype;
    snug_tensor_id x = snug_onnx_use(call, 0);
    snug_tensor_id power = SNUG_EMIT(graph, &snug_op_exp, NULL, times(call, x, 1 / beta));
    snug_tensor_id below =
        SNUG_EMIT(graph, &snug_op_subtract, NULL, power, snug_onnx_scalar(call, dtype, 1));
    snug_tensor_id is_below =
        SNUG_EMIT(graph, &snug_op_less, NULL, x, snug_onnx_scalar(call, dtype, 0));
    snug_tensor_id y =
        SNUG_EMIT(graph, &snug_op_where, NULL, is_below, times(call, below, alpha), x);
    snug_onnx_set(call, 0, times(call, y, gamma));
    return SNUG_OK;
}

static snug_status translate_elu(const snug_onnx_call *call) {
    double alpha = snug_onnx_real(call, "alpha", 1);
    return alpha > 0 ? set_unary(call, &snug_op_elu, alpha, 1)
                     : set_composed_elu(call, alpha, 1, 1);
}

static snug_status translate_celu(const snug_onnx_call *call) {
    double alpha = snug_onnx_real(call, "alpha", 1);
    if (alpha == 0) return snug_fail(SNUG_BAD_FILE, "alpha other than 0 expected");
    return alpha > 0 ? set_unary(call, &snug_op_elu, alpha, alpha)
                     : set_composed_elu(call, alpha, alpha, 1);
}

static snug_status translate_selu(const snug_onnx_call *call) {
    double alpha = snug_onnx_real(call, "alpha", 1.67326319217681884765625);
    double gamma = snug_onnx_real(call, "gamma", 1.05070102214813232421875);
    return alpha > 0 && gamma > 0 ? set_unary(call, &snug_op_selu, alpha, gamma)
                                  : set_composed_elu(call, alpha, 1, gamma);
}

static snug_status translate_leaky_relu(const snug_onnx_call *call) {
    double alpha = snug_onnx_real(call, "alpha", 0.01);
    if (alpha > 0) return set_unary(call, &snug_op_leaky_relu, alpha, 0);
    snug_tensor_id slope = snug_onnx_scalar(call, call->inputs[0].type.dtype, alpha);
    snug_onnx_set(call, 0,
                  SNUG_EMIT(call->graph, &snug_op_prelu, NULL, snug_onnx_use(call, 0), slope));
    return SNUG_OK;
}

// Before opset 7 a vector of slopes went along the channels, not along the last dimension.
static snug_status translate_prelu(const snug_onnx_call *call) {
    int rank = call->inputs[0].type.rank;
    if (call->opset >= 7 || rank < 3 || call->inputs[1].type.rank != 1)
        return snug_onnx_emit_op(&snug_op_prelu, call);
    snug_tensor_id x = snug_onnx_use(call, 0);
    snug_reshape_attributes channels = {.rank = rank,
                                        .layout = snug_graph_type(call->graph, x)->layout};
    for (int i = 0; i < rank; i++)
        channels.dims[i] = i == 1 ? call->inputs[1].type.dims[0] : 1;
    snug_tensor_id slope =
        SNUG_EMIT(call->graph, &snug_op_reshape, &channels, snug_onnx_use(call, 1));
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_prelu, NULL, x, slope));
    return SNUG_OK;
}

static snug_status translate_hard_sigmoid(const snug_onnx_call *call) {
    double alpha = snug_onnx_real(call, "alpha", 0.2), beta = snug_onnx_real(call, "beta", 0.5);
    // What PyTorch's Hardsigmoid is exported as; alpha was a float32.
    bool is_common = fabs(alpha - 1.0 / 6) < 1e-7 && beta == 0.5;
    return set_unary(call, is_common ? &snug_op_hardsigmoid : &snug_op_hard_sigmoid, alpha, beta);
}

static snug_status translate_gelu(const snug_onnx_call *call) {
    const char *approximate = snug_onnx_text(call, "approximate", "none");
    bool is_tanh = strcmp(approximate, "tanh") == 0;
    if (!is_tanh && strcmp(approximate, "none") != 0)
        return snug_fail(SNUG_BAD_FILE, "approximate none or tanh expected, found \"%.40s\"",
                         approximate);
    return set_unary(call, is_tanh ? &snug_op_gelu_tanh : &snug_op_gelu, 0, 0);
}

static snug_status translate_swish(const snug_onnx_call *call) {
    double alpha = snug_onnx_real(call, "alpha", 1);
    return set_unary(call, alpha == 1 ? &snug_op_silu : &snug_op_swish, alpha, 0);
}

static snug_status translate_swiglu(const snug_onnx_call *call) {
    snug_parameter_attributes parameters = {.alpha = snug_onnx_real(call, "alpha", 1)};
    snug_layout layout = snug_onnx_common_layout(call);
    snug_tensor_id gate =
        SNUG_EMIT(call->graph, &snug_op_swish, &parameters, snug_onnx_use_as(call, 0, layout));
    snug_onnx_set(
        call, 0,
        SNUG_EMIT(call->graph, &snug_op_multiply, NULL, gate, snug_onnx_use_as(call, 1, layout)));
    return SNUG_OK;
}

static snug_status translate_thresholded_relu(const snug_onnx_call *call) {
    return set_unary(call, &snug_op_thresholded_relu, snug_onnx_real(call, "alpha", 1), 0);
}

static snug_status translate_shrink(const snug_onnx_call *call) {
    return set_unary(call, &snug_op_shrink, snug_onnx_real(call, "lambd", 0.5),
                     snug_onnx_real(call, "bias", 0));
}

// Before opset 13 the dimensions from |axis| on are taken together.
static snug_status set_along(const snug_onnx_call *call, const snug_op *op) {
    const snug_type *type = &call->inputs[0].type;
    snug_axis_attributes along = {0};
    bool is_together = call->opset < 13;
    SNUG_TRY(snug_onnx_axis(snug_onnx_integer(call, "axis", is_together ? 1 : -1), type->rank,
                            &along.axis));
    if (!is_together || along.axis == type->rank - 1) {
        snug_onnx_set(call, 0, SNUG_EMIT(call->graph, op, &along, snug_onnx_use(call, 0)));
        return SNUG_OK;
    }
    snug_reshape_attributes matrix = {.rank = 2, .dims = {1, 1}}, back = {.rank = type->rank};
    for (int i = 0; i < type->rank; i++)
        matrix.dims[i >= along.axis] *= type->dims[i];
    memcpy(back.dims, type->dims, sizeof back.dims);
    along.axis = 1;
    snug_tensor_id x = SNUG_EMIT(call->graph, &snug_op_reshape, &matrix,
                                 snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR));
    snug_tensor_id y = SNUG_EMIT(call->graph, op, &along, x);
    snug_onnx_set(call, 0, SNUG_EMIT(call->graph, &snug_op_reshape, &back, y));
    return SNUG_OK;
}

static snug_status translate_softmax(const snug_onnx_call *call) {
    return set_along(call, &snug_op_softmax);
}

static snug_status translate_log_softmax(const snug_onnx_call *call) {
    return set_along(call, &snug_op_log_softmax);
}

static snug_status translate_hardmax(const snug_onnx_call *call) {
    return set_along(call, &snug_op_hardmax);
}

static const snug_onnx_operator rows[] = {
    {"Elu", "", 1, 1, translate_elu},
    {"Celu", "", 1, 1, translate_celu},
    {"Selu", "", 1, 1, translate_selu},
    {"LeakyRelu", "", 1, 1, translate_leaky_relu},
    {"PRelu", "", 2, 2, translate_prelu},
    {"HardSigmoid", "", 1, 1, translate_hard_sigmoid},
    {"Gelu", "", 1, 1, translate_gelu},
    {"Swish", "", 1, 1, translate_swish},
    {"SwiGLU", "", 2, 2, translate_swiglu},
    {"ThresholdedRelu", "", 1, 1, translate_thresholded_relu},
    {"Shrink", "", 1, 1, translate_shrink},
    {"Softmax", "", 1, 1, translate_softmax},
    {"LogSoftmax", "", 1, 1, translate_log_softmax},
    {"Hardmax", "", 1, 1, translate_hardmax},
};
const snug_onnx_operators snug_onnx_operators_activation = {rows, sizeof rows / sizeof *rows};
