// What people should know about a document, beside its graph.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "onnx/state.h"

static bool is_op(const snug_onnx_node *node, const char *op) {
    return node->domain[0] == '\0' && strcmp(node->op, op) == 0;
}

// Whether an exporter has multiplied a batch norm into the weights of this convolution. PyTorch's
// older exporter gives the products names of its own, "onnx::Conv_12"; the newer one names the bias
// that comes of it "conv1.weight_bias".
static bool is_folded(const snug_onnx_node *node) {
    if (!is_op(node, "Conv") || node->input_count < 3) return false;
    const char *weight = node->inputs[1], *bias = node->inputs[2];
    size_t length = strlen(weight);
    bool is_older =
        strncmp(weight, "onnx::Conv_", 11) == 0 && strncmp(bias, "onnx::Conv_", 11) == 0;
    bool is_newer = strncmp(bias, weight, length) == 0 && strcmp(bias + length, "_bias") == 0;
    return is_older || is_newer;
}

snug_status snug_onnx_find_notes(const snug_onnx_graph *graph, char **out) {
    size_t folded = 0;
    *out = NULL;
    for (size_t i = 0; i < graph->node_count; i++)
        folded += is_folded(&graph->nodes[i]);
    if (folded == 0) return SNUG_OK;
    snug_text text = {0};
    snug_text_append(
        &text,
        "batch norm is folded into %zu convolution%s: it trains as their weights and "
        "biases, without statistics of the batch. To keep it, export in training mode: "
        "torch.onnx.export(..., dynamo=False, training=TrainingMode.TRAINING, "
        "do_constant_folding=False), or dynamo=True with optimize=False",
        folded, folded == 1 ? "" : "s");
    *out = text.data;
    return snug_text_status(&text);
}
