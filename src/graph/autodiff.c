#include "graph/autodiff.h"

#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"

snug_tensor_id snug_backward_of(const snug_backward *backward, const snug_node *node, int output) {
    return backward->gradients[node->outputs[output]];
}

bool snug_backward_wants(const snug_backward *backward, const snug_node *node, int input) {
    if (input >= node->input_count || node->inputs[input] == SNUG_NO_TENSOR) return false;
    return backward->wanted[node->inputs[input]];
}

// |gradient| in the type of |input| where it has fewer bits.
static snug_tensor_id widened(const snug_backward *backward, snug_tensor_id input,
                              snug_tensor_id gradient) {
    snug_cast_attributes cast = {.dtype = snug_graph_type(backward->graph, input)->dtype};
    if ((int64_t)snug_graph_type(backward->graph, gradient)->dtype == cast.dtype) return gradient;
    return SNUG_EMIT(backward->graph, &snug_op_cast, &cast, gradient);
}

void snug_backward_give(snug_backward *backward, const snug_node *node, int input,
                        snug_tensor_id gradient) {
    if (gradient == SNUG_NO_TENSOR || !snug_backward_wants(backward, node, input)) return;
    snug_tensor_id *slot = &backward->gradients[node->inputs[input]];
    if (*slot != SNUG_NO_TENSOR)
        gradient = SNUG_EMIT(backward->graph, &snug_op_add, NULL,
                             widened(backward, node->inputs[input], *slot),
                             widened(backward, node->inputs[input], gradient));
    *slot = gradient;
}

void snug_backward_emit(snug_backward *backward, const snug_node *node, const snug_op *op,
                        const snug_tensor_id *inputs, int count) {
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS];
    snug_graph_node(backward->graph, op, node->attributes, inputs, count, outputs);
    for (int i = 0; i < op->outputs; i++)
        snug_backward_give(backward, node, i, outputs[i]);
}

// A tensor is wanted when it leads from something differentiated; one pass, since nodes are in
// execution order.
static void mark_wanted(const snug_graph *graph, bool *wanted) {
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->role == SNUG_ROLE_WEIGHT && graph->tensors[i]->trainable)
            wanted[i] = true;
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        bool any = false;
        for (int j = 0; j < node->input_count && node->op->gradient; j++)
            any = any || (node->inputs[j] != SNUG_NO_TENSOR && wanted[node->inputs[j]]);
        for (int j = 0; j < node->output_count; j++) {
            snug_dtype dtype = graph->tensors[node->outputs[j]]->type.dtype;
            wanted[node->outputs[j]] = any && snug_dtype_is_float(dtype);
        }
    }
}

static bool has_gradient(const snug_backward *backward, const snug_node *node) {
    for (int i = 0; i < node->output_count; i++)
        if (backward->gradients[node->outputs[i]] != SNUG_NO_TENSOR) return true;
    return false;
}

// Counts down the uses of |node|'s weights; a weight without uses left has its whole gradient.
static snug_status finish_weights(snug_backward *backward, const snug_node *node, int32_t *uses) {
    snug_graph *graph = backward->graph;
    for (int i = 0; i < node->input_count; i++) {
        snug_tensor_id id = node->inputs[i];
        if (id == SNUG_NO_TENSOR || --uses[id] > 0 || !graph->tensors[id]->trainable) continue;
        snug_tensor_id gradient = backward->gradients[id];
        if (gradient == SNUG_NO_TENSOR) continue;
        graph->tensors[gradient]->role = SNUG_ROLE_GRADIENT;
        if (backward->on_gradient)
            SNUG_TRY(backward->on_gradient(backward->context, graph, id, gradient));
    }
    return SNUG_OK;
}

static snug_status run_backward(snug_backward *backward, snug_tensor_id loss, int32_t *uses) {
    snug_graph *graph = backward->graph;
    size_t forward_nodes = graph->node_count;
    for (size_t i = 0; i < forward_nodes; i++)
        for (int j = 0; j < graph->nodes[i]->input_count; j++)
            if (graph->nodes[i]->inputs[j] != SNUG_NO_TENSOR) uses[graph->nodes[i]->inputs[j]]++;
    snug_fill_attributes one = {.value = 1, .dtype = snug_graph_type(graph, loss)->dtype};
    backward->gradients[loss] = SNUG_EMIT_NONE(graph, &snug_op_fill, &one);
    for (size_t i = forward_nodes; i-- > 0;) {
        const snug_node *node = graph->nodes[i];
        graph->scope = node->scope;
        if (node->op->gradient && has_gradient(backward, node))
            SNUG_TRY(node->op->gradient(backward, node));
        SNUG_TRY(graph->status);
        SNUG_TRY(finish_weights(backward, node, uses));
    }
    return graph->status;
}

snug_status snug_autodiff(snug_graph *graph, snug_tensor_id loss, const snug_tensor_id *sources,
                          size_t source_count,
                          snug_status (*on_gradient)(void *context, snug_graph *graph,
                                                     snug_tensor_id weight,
                                                     snug_tensor_id gradient),
                          void *context, snug_tensor_id *gradients) {
    SNUG_TRY(graph->status);
    snug_backward backward = {.graph = graph,
                              .tensor_count = graph->tensor_count,
                              .on_gradient = on_gradient,
                              .context = context};
    int32_t *uses = NULL;
    snug_phase phase = graph->phase;
    const char *scope = graph->scope;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&backward.gradients, graph->tensor_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&backward.wanted, graph->tensor_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&uses, graph->tensor_count), done);
    for (size_t i = 0; i < graph->tensor_count; i++)
        backward.gradients[i] = SNUG_NO_TENSOR;
    for (size_t i = 0; i < source_count; i++)
        backward.wanted[sources[i]] = true;
    mark_wanted(graph, backward.wanted);
    graph->phase = SNUG_BACKWARD;
    SNUG_TRY_GOTO(run_backward(&backward, loss, uses), done);
    if (gradients) memcpy(gradients, backward.gradients, backward.tensor_count * sizeof *gradients);
done:
    graph->phase = phase;
    graph->scope = scope;
    snug_memory_free(backward.gradients);
    snug_memory_free(backward.wanted);
    snug_memory_free(uses);
    return status;
}
