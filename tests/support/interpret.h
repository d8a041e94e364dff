// Runs a graph by its operators' reference kernels, each tensor in memory of its own: what tests
// hold everything else against.
#ifndef TESTS_SUPPORT_INTERPRET_H
#define TESTS_SUPPORT_INTERPRET_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

// Memory for every tensor of |graph|, zeroed; views share their input's.
static inline void **interpret_allocate(const snug_graph *graph) {
    void **memory = calloc(graph->tensor_count + 1, sizeof *memory);
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        bool view = tensor->producer != SNUG_NO_NODE && graph->nodes[tensor->producer]->op->is_view;
        if (!view) memory[i] = calloc(1, snug_type_bytes(&tensor->type) + 1);
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) memory[node->outputs[0]] = memory[node->inputs[0]];
    }
    return memory;
}

static inline void interpret_free(const snug_graph *graph, void **memory) {
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        bool view = tensor->producer != SNUG_NO_NODE && graph->nodes[tensor->producer]->op->is_view;
        if (!view) free(memory[i]);
    }
    free(memory);
}

static inline snug_view interpret_view(const snug_graph *graph, void **memory, snug_tensor_id id) {
    if (id == SNUG_NO_TENSOR) return (snug_view){0};
    return (snug_view){memory[id], graph->tensors[id]->type};
}

static inline snug_status interpret_run(const snug_graph *graph, void **memory,
                                        const snug_run_state *state) {
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) continue;
        snug_view inputs[64], outputs[SNUG_MAX_OUTPUTS];
        assert(node->input_count <= 64);
        for (int j = 0; j < node->input_count; j++)
            inputs[j] = interpret_view(graph, memory, node->inputs[j]);
        for (int j = 0; j < node->output_count; j++)
            outputs[j] = interpret_view(graph, memory, node->outputs[j]);
        snug_call call = {.attributes = node->attributes,
                          .inputs = inputs,
                          .input_count = node->input_count,
                          .outputs = outputs,
                          .output_count = node->output_count,
                          .state = state};
        snug_status status = node->op->reference(&call);
        if (status != SNUG_OK) return status;
    }
    return SNUG_OK;
}

#endif
