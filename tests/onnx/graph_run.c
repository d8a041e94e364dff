#include "onnx/graph_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ops/reference.h"

static bool is_view(const snug_graph *graph, const snug_tensor *tensor) {
    return tensor->producer != SNUG_NO_NODE && graph->nodes[tensor->producer]->op->is_view;
}

static void *aligned_zeros(size_t bytes) {
    size_t whole = (bytes / SNUG_ARENA_ALIGNMENT + 1) * SNUG_ARENA_ALIGNMENT;
    void *memory = aligned_alloc(SNUG_ARENA_ALIGNMENT, whole);
    if (memory) memset(memory, 0, whole);
    return memory;
}

// Copies row-major elements to where |type|'s layout has them.
static void write_elements(const snug_view *to, const void *data) {
    size_t size = snug_dtype_bytes(to->type.dtype);
    int64_t elements = snug_type_elements(&to->type), at[SNUG_MAX_RANK];
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&to->type, i, at);
        int64_t index = snug_reference_broadcast_index(&to->type, to->type.rank, at);
        memcpy((char *)to->data + (size_t)index * size, (const char *)data + (size_t)i * size,
               size);
    }
}

static void initialise(const snug_tensor *tensor, void *memory) {
    snug_view view = {memory, tensor->type};
    int64_t elements = snug_type_elements(&tensor->type);
    if (tensor->init.kind == SNUG_INIT_DATA && elements) write_elements(&view, tensor->init.data);
    if (tensor->init.kind == SNUG_INIT_CONSTANT)
        for (int64_t i = 0; i < elements; i++)
            snug_view_set(&view, i, tensor->init.a);
}

snug_status graph_run_open(const snug_graph *graph, snug_device *device, graph_run *out) {
    *out = (graph_run){.graph = graph, .device = device};
    SNUG_TRY(SNUG_NEW(&out->memory, graph->tensor_count + 1));
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        if (is_view(graph, tensor)) continue;
        size_t bytes = snug_type_bytes(&tensor->type);
        if (bytes > (size_t)1 << 30)
            return snug_fail(SNUG_NOMEM, "a tensor of %zu bytes in a test", bytes);
        out->memory[i] = aligned_zeros(bytes);
        if (!out->memory[i]) return snug_fail(SNUG_NOMEM, "no memory for a test");
        if (tensor->producer == SNUG_NO_NODE) initialise(tensor, out->memory[i]);
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) out->memory[node->outputs[0]] = out->memory[node->inputs[0]];
    }
    return SNUG_OK;
}

snug_view graph_run_view(const graph_run *self, snug_tensor_id tensor) {
    if (tensor == SNUG_NO_TENSOR) return (snug_view){0};
    return (snug_view){self->memory[tensor], self->graph->tensors[tensor]->type};
}

void graph_run_write(const graph_run *self, snug_tensor_id tensor, const void *data) {
    snug_view view = graph_run_view(self, tensor);
    write_elements(&view, data);
}

static snug_status run_kernel(const graph_run *self, const snug_node *node,
                              const snug_kernel *kernel, snug_view *inputs) {
    static const snug_run_state state = {.seed = 1, .learning_rate = 0.1};
    snug_view outputs[SNUG_MAX_OUTPUTS];
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = graph_run_view(self, node->inputs[i]);
    for (int i = 0; i < node->output_count; i++)
        outputs[i] = graph_run_view(self, node->outputs[i]);
    void *workspace = aligned_zeros(kernel->workspace_bytes);
    if (!workspace) return snug_fail(SNUG_NOMEM, "no memory for a workspace");
    snug_call call = {.attributes = node->attributes,
                      .inputs = inputs,
                      .input_count = node->input_count,
                      .outputs = outputs,
                      .output_count = node->output_count,
                      .workspace = workspace,
                      .state = &state};
    snug_status status = self->device->device_class->finish(self->device, kernel);
    if (status == SNUG_OK) status = self->device->device_class->run(self->device, kernel, &call);
    free(workspace);
    return status;
}

snug_status graph_run_go(const graph_run *self) {
    for (size_t i = 0; i < self->graph->node_count; i++) {
        const snug_node *node = self->graph->nodes[i];
        const snug_kernel *kernel;
        snug_view *inputs = NULL;
        if (node->op->is_view) continue;
        SNUG_TRY(snug_device_prepare(self->device, self->graph, node, &kernel));
        SNUG_TRY(SNUG_NEW(&inputs, (size_t)node->input_count + 1));
        snug_status status = run_kernel(self, node, kernel, inputs);
        snug_memory_free(inputs);
        if (status != SNUG_OK) return snug_fail_context(status, "%s", node->op->name);
    }
    return SNUG_OK;
}

void graph_run_close(graph_run *self) {
    for (size_t i = 0; self->memory && i < self->graph->tensor_count; i++)
        if (!is_view(self->graph, self->graph->tensors[i])) free(self->memory[i]);
    snug_memory_free(self->memory);
    *self = (graph_run){0};
}
