// A document copied in inference form.
#include <string.h>

#include "base/memory.h"
#include "onnx/export.h"

void snug_onnx_wanted_clear(snug_onnx_wanted *wanted) {
    snug_memory_free(wanted->names);
    snug_pool_clear(&wanted->pool);
    *wanted = (snug_onnx_wanted){0};
}

static bool is_standard(const snug_onnx_node *node, const char *op) {
    return !node->domain[0] && strcmp(node->op, op) == 0;
}

// Without |training_mode|; running statistics are no results.
static snug_status still_norm(const snug_onnx_node *node, snug_pool *pool, snug_onnx_node *out) {
    snug_onnx_attribute *kept = NULL;
    size_t count = 0;
    SNUG_TRY(snug_pool_new(pool, (node->attribute_count + 1) * sizeof *kept, (void **)&kept));
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, "training_mode") != 0)
            kept[count++] = node->attributes[i];
    out->attributes = kept;
    out->attribute_count = count;
    if (out->output_count > 1) out->output_count = 1;
    return SNUG_OK;
}

// |node| as inference runs it.
static snug_status still(const snug_onnx_node *node, snug_pool *pool, snug_onnx_node *out) {
    *out = *node;
    if (is_standard(node, "BatchNormalization")) return still_norm(node, pool, out);
    if (!is_standard(node, "Dropout") || node->input_count == 0 || node->output_count == 0)
        return SNUG_OK;
    out->op = "Identity";
    out->attribute_count = 0;
    out->input_count = out->output_count = 1;
    return SNUG_OK;
}

static snug_status copy_function(const snug_onnx_function *function, snug_pool *pool,
                                 snug_onnx_writer *writer) {
    snug_onnx_function copy = *function;
    snug_onnx_node *nodes = NULL;
    SNUG_TRY(snug_pool_new(pool, (function->node_count + 1) * sizeof *nodes, (void **)&nodes));
    for (size_t i = 0; i < function->node_count; i++)
        SNUG_TRY(still(&function->nodes[i], pool, &nodes[i]));
    copy.nodes = nodes;
    return snug_onnx_writer_function(writer, &copy);
}

static snug_status copy_nodes(const snug_onnx_document *document, snug_pool *pool,
                              snug_onnx_writer *writer) {
    const snug_onnx_graph *graph = &document->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        snug_onnx_node node;
        SNUG_TRY(still(&graph->nodes[i], pool, &node));
        SNUG_TRY(snug_onnx_writer_node(writer, &node));
    }
    for (size_t i = 0; i < document->function_count; i++)
        SNUG_TRY(copy_function(&document->functions[i], pool, writer));
    return SNUG_OK;
}

static snug_status
copy_initializers(const snug_onnx_graph *graph,
                  bool (*is_wanted)(void *context, const snug_onnx_tensor *tensor), void *context,
                  snug_onnx_writer *writer, snug_onnx_wanted *wanted) {
    static const char nothing[8];
    SNUG_TRY(SNUG_GROW(&wanted->names, &wanted->capacity, graph->initializer_count + 1));
    for (size_t i = 0; i < graph->initializer_count; i++) {
        const snug_onnx_tensor *tensor = &graph->initializers[i];
        if (!tensor->is_known)
            return snug_fail(SNUG_UNSUPPORTED, "initializer \"%.200s\" has elements of type %d",
                             tensor->name, tensor->data_type);
        bool asks = is_wanted(context, tensor);
        wanted->names[wanted->count++] = asks ? tensor->name : NULL;
        const void *data = asks ? NULL : tensor->data ? tensor->data : nothing;
        SNUG_TRY(snug_onnx_writer_initializer(writer, tensor->name, &tensor->type, data));
    }
    return SNUG_OK;
}

// The opset of the standard operators is the writer's own.
static snug_status start(const snug_onnx_document *document, snug_onnx_writer **out) {
    int64_t opset = 1;
    for (size_t i = 0; i < document->opset_count; i++)
        if (!document->opsets[i].domain[0]) opset = document->opsets[i].version;
    SNUG_TRY(snug_onnx_writer_new(document->graph.name, document->ir_version, opset, out));
    for (size_t i = 0; i < document->opset_count; i++)
        if (document->opsets[i].domain[0])
            SNUG_TRY(snug_onnx_writer_domain(*out, document->opsets[i].domain,
                                             document->opsets[i].version));
    return SNUG_OK;
}

static snug_status copy_values(const snug_onnx_graph *graph, snug_onnx_writer *writer) {
    for (size_t i = 0; i < graph->input_count; i++)
        SNUG_TRY(snug_onnx_writer_input(writer, &graph->inputs[i]));
    for (size_t i = 0; i < graph->output_count; i++)
        SNUG_TRY(snug_onnx_writer_output(writer, &graph->outputs[i]));
    for (size_t i = 0; i < graph->declared_count; i++)
        if (graph->declared[i].is_tensor)
            SNUG_TRY(snug_onnx_writer_declared(writer, &graph->declared[i]));
    return SNUG_OK;
}

snug_status
snug_onnx_export_document(const snug_onnx_document *document,
                          bool (*is_wanted)(void *context, const snug_onnx_tensor *tensor),
                          void *context, snug_onnx_writer **out, snug_onnx_wanted *wanted) {
    *out = NULL;
    *wanted = (snug_onnx_wanted){0};
    snug_status status;
    SNUG_TRY_GOTO(start(document, out), failed);
    SNUG_TRY_GOTO(copy_values(&document->graph, *out), failed);
    SNUG_TRY_GOTO(copy_nodes(document, &wanted->pool, *out), failed);
    SNUG_TRY_GOTO(copy_initializers(&document->graph, is_wanted, context, *out, wanted), failed);
    return SNUG_OK;
failed:
    snug_onnx_writer_free(*out);
    snug_onnx_wanted_clear(wanted);
    *out = NULL;
    return status;
}
