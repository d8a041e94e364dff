// What people should know about a document, beside its graph.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "onnx/import.h"
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

static void advise_folded(const snug_onnx_graph *graph, snug_text *text) {
    size_t folded = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        folded += is_folded(&graph->nodes[i]);
    if (folded == 0) return;
    snug_text_append(
        text,
        "Batch norm is folded into %zu convolution%s of the file: it trains as their weights and "
        "biases, without statistics of the batch. To keep it, export in training mode: "
        "torch.onnx.export(..., dynamo=False, training=TrainingMode.TRAINING, "
        "do_constant_folding=False), or dynamo=True with optimize=False.\n",
        folded, folded == 1 ? "" : "s");
}

static void advise_batch(const snug_onnx_document *document, snug_text *text) {
    int64_t fixed = snug_onnx_fixed_batch(document);
    if (fixed <= 0) return;
    snug_text_append(text,
                     "The file is exported for a batch of %lld, which is made general here; an "
                     "ONNX file exported from a run keeps it. To have any batch there, export "
                     "with dynamic_axes or dynamic_shapes.\n",
                     (long long)fixed);
}

snug_status snug_onnx_advise(const snug_onnx_document *document, char **out) {
    snug_text text = {0};
    *out = NULL;
    advise_folded(&document->graph, &text);
    advise_batch(document, &text);
    snug_status status = snug_text_status(&text);
    if (status != SNUG_OK) snug_text_clear(&text);
    *out = text.data;
    return status;
}
