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

static bool is_initializer(const snug_onnx_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->initializer_count; i++)
        if (strcmp(graph->initializers[i].name, name) == 0) return true;
    return false;
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

// Layers whose weights an exporter put together: in ONNX's order of gates, two directions in one.
static void advise_recurrent(const snug_onnx_graph *graph, snug_text *text) {
    static const char *const ops[] = {"LSTM", "GRU", "RNN"};
    size_t layers = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        for (size_t j = 0; j < sizeof ops / sizeof *ops; j++) {
            const snug_onnx_node *node = &graph->nodes[i];
            bool is_one = is_op(node, ops[j]) && node->input_count > 1;
            layers += is_one && snug_onnx_is_anonymous(node->inputs[1]) &&
                      is_initializer(graph, node->inputs[1]);
        }
    if (layers == 0) return;
    snug_text_append(
        text,
        "The weights of %zu recurrent layer%s are in ONNX's order of gates, under names that the "
        "exporter made up, and come back so. To have them as PyTorch's state_dict() does "
        "(weight_ih_l0 ...), export with torch.onnx.export(..., dynamo=True, optimize=False), or "
        "dynamo=False, training=TrainingMode.TRAINING, do_constant_folding=False.\n",
        layers, layers == 1 ? "" : "s");
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

static bool is_in_training_form(const snug_onnx_node *node) {
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, "training_mode") == 0)
            return node->attributes[i].integer != 0;
    return node->output_count > 1; // before opset 14
}

static void advise_batch_norms(const snug_onnx_graph *graph, snug_text *text) {
    size_t norms = 0, evaluated = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (!is_op(&graph->nodes[i], "BatchNormalization")) continue;
        norms++;
        evaluated += !is_in_training_form(&graph->nodes[i]);
    }
    if (evaluated == 0) return;
    snug_text_append(text,
                     "%zu of the file's %zu batch norms %s in evaluation form, as frozen ones are. "
                     "In training they use and follow the statistics of the batch all the same; "
                     "`freeze_bn` keeps the running ones.\n",
                     evaluated, norms, evaluated == 1 ? "is" : "are");
}

static snug_status advise_spectral(const snug_onnx_graph *graph, snug_text *text) {
    size_t vectors = 0;
    snug_onnx_names names = {0};
    snug_status status = SNUG_OK;
    for (size_t i = 0; status == SNUG_OK && i < graph->initializer_count; i++)
        status = snug_onnx_names_put(&names, graph->initializers[i].name, text);
    for (size_t i = 0; status == SNUG_OK && i < graph->initializer_count; i++) {
        bool is_spectral = false;
        status = snug_onnx_find_spectral(&names, graph->initializers[i].name, &is_spectral);
        vectors += is_spectral;
    }
    snug_onnx_names_clear(&names);
    if (vectors > 0)
        snug_text_append(text,
                         "The vectors of spectral norms, %zu of them, stay as they are in the "
                         "file, where PyTorch iterates them at each step of training.\n",
                         vectors);
    return status;
}

bool snug_onnx_is_declared(const snug_onnx_document *document) {
    return document->graph.declared_count > 0;
}

// The last part of the names that the parameters of PyTorch's own layers have.
bool snug_onnx_is_of_layer(const char *name) {
    static const char *const leaves[] = {"weight",  "bias",  "in_proj_", "q_proj_", "k_proj_",
                                         "v_proj_", "bias_", "weight_",  "original"};
    const char *dot = strrchr(name, '.'), *leaf = dot ? dot + 1 : name;
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        size_t length = strlen(leaves[i]);
        bool is_beginning = leaves[i][length - 1] == '_' || strcmp(leaves[i], "original") == 0;
        if (is_beginning ? strncmp(leaf, leaves[i], length) == 0 : strcmp(leaf, leaves[i]) == 0)
            return true;
    }
    return snug_onnx_is_anonymous(name);
}

snug_status snug_onnx_advise(const snug_onnx_document *document, char **out) {
    snug_text text = {0};
    *out = NULL;
    advise_folded(&document->graph, &text);
    advise_recurrent(&document->graph, &text);
    advise_batch_norms(&document->graph, &text);
    advise_batch(document, &text);
    snug_status status = advise_spectral(&document->graph, &text);
    if (status == SNUG_OK) status = snug_text_status(&text);
    if (status != SNUG_OK) snug_text_clear(&text);
    *out = text.data;
    return status;
}
