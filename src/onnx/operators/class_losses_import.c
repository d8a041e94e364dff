// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include <string.h>

#include "onnx/operators/emit.h"

static snug_status read_form(const snug_onnx_call *call, snug_nll_loss_attributes *form) {
    static const char *const names[] = {
        [SNUG_NLL_NONE] = "none", [SNUG_NLL_SUM] = "sum", [SNUG_NLL_MEAN] = "mean"};
    const char *reduction = snug_onnx_text(call, "reduction", "mean");
    *form = (snug_nll_loss_attributes){.reduction = -1};
    for (int i = SNUG_NLL_NONE; i <= SNUG_NLL_MEAN; i++)
        if (strcmp(reduction, names[i]) == 0) form->reduction = i;
    if (form->reduction < 0)
        return snug_fail(SNUG_BAD_FILE,
                         "a reduction \"none\", \"sum\" or \"mean\" expected, found \"%.40s\"",
                         reduction);
    form->ignores = snug_onnx_attribute_find(call->node, "ignore_index") != NULL;
    form->ignore = snug_onnx_integer(call, "ignore_index", 0);
    SNUG_TRY(snug_onnx_expect_rank(call, 0, 2, SNUG_MAX_RANK));
    return SNUG_OK;
}

static void emit_loss(const snug_onnx_call *call, const snug_nll_loss_attributes *form,
                      snug_tensor_id scores) {
    const snug_tensor_id inputs[] = {scores, snug_onnx_use_as(call, 1, SNUG_ROW_MAJOR),
                                     snug_onnx_use(call, 2)};
    snug_onnx_set(call, 0,
                  snug_graph_emit(call->graph, &snug_op_nll_loss, form, inputs,
                                  snug_onnx_has(call, 2) ? 3 : 2));
}

static snug_status translate_nll(const snug_onnx_call *call) {
    snug_nll_loss_attributes form;
    SNUG_TRY(read_form(call, &form));
    emit_loss(call, &form, snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR));
    return SNUG_OK;
}

static snug_status translate_cross_entropy(const snug_onnx_call *call) {
    static const snug_axis_attributes classes = {.axis = 1};
    snug_nll_loss_attributes form;
    SNUG_TRY(read_form(call, &form));
    snug_tensor_id scores = SNUG_EMIT(call->graph, &snug_op_log_softmax, &classes,
                                      snug_onnx_use_as(call, 0, SNUG_ROW_MAJOR));
    emit_loss(call, &form, scores);
    if (snug_onnx_is_used(call, 1)) snug_onnx_set(call, 1, scores);
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {
    {"NegativeLogLikelihoodLoss", "", 2, 3, translate_nll},
    {"SoftmaxCrossEntropyLoss", "", 2, 3, translate_cross_entropy},
};
const snug_onnx_operators snug_onnx_operators_class_losses = {rows, sizeof rows / sizeof *rows};
