// Known values: a node whose inputs are all known is translated into a graph of its own, which runs
// at once by the operators' reference kernels.
#include <string.h>

#include "base/memory.h"
#include "onnx/state.h"
#include "ops/reference.h"

static bool is_view(const snug_graph *graph, const snug_tensor *tensor) {
    return tensor->producer != SNUG_NO_NODE && graph->nodes[tensor->producer]->op->is_view;
}

// Operations and elements of |graph|, which is small when it is worth running here.
static bool is_small(const snug_graph *graph, double *work) {
    *work = 0;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        int64_t elements = snug_type_elements(&graph->tensors[i]->type);
        if (elements > SNUG_ONNX_MAX_EVALUATED) return false;
        *work += (double)elements;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        snug_type inputs[16] = {0}, outputs[SNUG_MAX_OUTPUTS];
        if (node->op->is_random || node->op->mutates || node->input_count > 16) return false;
        if (!node->op->flops) continue;
        for (int j = 0; j < node->input_count; j++)
            inputs[j] = *snug_graph_type(graph, node->inputs[j]);
        for (int j = 0; j < node->output_count; j++)
            outputs[j] = *snug_graph_type(graph, node->outputs[j]);
        *work += node->op->flops(node->attributes, inputs, outputs);
    }
    return true;
}

static snug_status allocate(const snug_graph *graph, void **memory) {
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        if (is_view(graph, tensor)) continue;
        size_t bytes = snug_type_bytes(&tensor->type);
        SNUG_TRY(snug_memory_new(1, bytes + 1, &memory[i]));
        if (tensor->producer != SNUG_NO_NODE) continue;
        if (tensor->init.kind != SNUG_INIT_DATA)
            return snug_fail(SNUG_INTERNAL, "a constant without data");
        if (bytes) memcpy(memory[i], tensor->init.data, bytes);
    }
    return SNUG_OK;
}

static snug_status run_node(const snug_graph *graph, const snug_node *node, void **memory) {
    static const snug_run_state state = {0};
    snug_view *inputs = NULL, outputs[SNUG_MAX_OUTPUTS];
    SNUG_TRY(SNUG_NEW(&inputs, (size_t)node->input_count + 1));
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != SNUG_NO_TENSOR)
            inputs[i] = (snug_view){memory[node->inputs[i]], graph->tensors[node->inputs[i]]->type};
    for (int i = 0; i < node->output_count; i++)
        outputs[i] = (snug_view){memory[node->outputs[i]], graph->tensors[node->outputs[i]]->type};
    snug_call call = {.attributes = node->attributes,
                      .inputs = inputs,
                      .input_count = node->input_count,
                      .outputs = outputs,
                      .output_count = node->output_count,
                      .state = &state};
    snug_status status = node->op->reference(&call);
    snug_memory_free(inputs);
    return status;
}

static snug_status run(const snug_graph *graph, void **memory) {
    SNUG_TRY(allocate(graph, memory));
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) {
            memory[node->outputs[0]] = memory[node->inputs[0]];
        } else {
            SNUG_TRY(run_node(graph, node, memory));
        }
    }
    return SNUG_OK;
}

// Elements of |view| in row-major order, in place or copied into |*own|.
static snug_status to_row_major(const snug_view *view, void **own, const void **out) {
    *out = view->data;
    if (view->type.layout == SNUG_ROW_MAJOR || view->type.rank < 3) return SNUG_OK;
    size_t size = snug_dtype_bytes(view->type.dtype);
    int64_t elements = snug_type_elements(&view->type), at[SNUG_MAX_RANK];
    SNUG_TRY(snug_memory_new((size_t)elements + 1, size, own));
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&view->type, i, at);
        int64_t from = snug_reference_broadcast_index(&view->type, view->type.rank, at);
        memcpy((char *)*own + (size_t)i * size, (const char *)view->data + (size_t)from * size,
               size);
    }
    *out = *own;
    return SNUG_OK;
}

static snug_status take_outputs(const snug_onnx_call *call, void **memory) {
    for (size_t i = 0; i < call->output_count; i++) {
        snug_onnx_operand *output = &call->outputs[i];
        if (!output->is_present || output->data || output->tensor == SNUG_NO_TENSOR) continue;
        snug_view view = {memory[output->tensor], *snug_graph_type(call->graph, output->tensor)};
        void *own = NULL;
        const void *data;
        snug_status status = to_row_major(&view, &own, &data);
        if (status == SNUG_OK) status = snug_onnx_set_known(call, i, &view.type, data);
        snug_memory_free(own);
        SNUG_TRY(status);
    }
    return SNUG_OK;
}

static snug_status run_small(const snug_onnx_call *call, bool *done) {
    double work;
    *done = is_small(call->graph, &work) && work <= call->import->work_left;
    if (!*done) return SNUG_OK;
    call->import->work_left -= work;
    void **memory = NULL;
    SNUG_TRY(SNUG_NEW(&memory, call->graph->tensor_count + 1));
    snug_status status = run(call->graph, memory);
    if (status == SNUG_OK) status = take_outputs(call, memory);
    for (size_t i = 0; i < call->graph->tensor_count; i++)
        if (!is_view(call->graph, call->graph->tensors[i])) snug_memory_free(memory[i]);
    snug_memory_free(memory);
    return status;
}

snug_status snug_onnx_evaluate(const snug_onnx_meaning *meaning, const snug_onnx_call *call,
                               bool *done) {
    snug_onnx_call scratch = *call;
    *done = false;
    SNUG_TRY(snug_graph_new(&scratch.graph));
    snug_status status = snug_onnx_emit(meaning, &scratch);
    if (status == SNUG_OK) status = run_small(&scratch, done);
    snug_graph_free(scratch.graph);
    return status;
}
