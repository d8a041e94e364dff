#include "graph/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static snug_status complain(const snug_node *node, const char *what, snug_tensor_id id) {
    return snug_fail(SNUG_INTERNAL, "graph node %d (%s at '%s'): %s (tensor %d)", node->id,
                     node->op->name, node->scope, what, id);
}

static snug_status check_counts(const snug_graph *graph, const snug_node *node) {
    const snug_op *op = node->op;
    if (node->input_count < op->min_inputs ||
        (op->max_inputs >= 0 && node->input_count > op->max_inputs))
        return snug_fail(
            SNUG_INTERNAL, "graph node %d (%s at '%s') has %d inputs, where it takes %d to %d",
            node->id, op->name, node->scope, node->input_count, op->min_inputs, op->max_inputs);
    if (node->output_count != op->outputs)
        return snug_fail(SNUG_INTERNAL,
                         "graph node %d (%s at '%s') has %d outputs, where it makes %d", node->id,
                         op->name, node->scope, node->output_count, op->outputs);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] < 0 || (size_t)node->outputs[i] >= graph->tensor_count)
            return complain(node, "makes a tensor that is not there", node->outputs[i]);
    return SNUG_OK;
}

static snug_status check_inputs(const snug_graph *graph, const snug_node *node, const bool *ready,
                                const bool *mutated) {
    for (int i = 0; i < node->input_count; i++) {
        snug_tensor_id id = node->inputs[i];
        if (id == SNUG_NO_TENSOR && i >= node->op->min_inputs) continue;
        if (id < 0 || (size_t)id >= graph->tensor_count)
            return complain(node, "reads a tensor that is not there", id);
        if (!ready[id]) return complain(node, "reads a tensor before it is made", id);
        bool mutates = i < 32 && (node->op->mutates >> i & 1);
        // Running statistics are updated once and read by nobody else; a weight is read by the
        // whole pass, then updated.
        if (mutated[id] && !mutates)
            return complain(node, "reads a tensor after it was updated in place", id);
    }
    return SNUG_OK;
}

static snug_status check_types(const snug_graph *graph, const snug_node *node, snug_type *scratch) {
    for (int i = 0; i < node->input_count; i++)
        scratch[i] = *snug_graph_type(graph, node->inputs[i]);
    snug_type outputs[SNUG_MAX_OUTPUTS] = {0};
    SNUG_TRY(node->op->infer(node->attributes, scratch, node->input_count, outputs));
    for (int i = 0; i < node->output_count; i++)
        if (!snug_type_equal(&outputs[i], snug_graph_type(graph, node->outputs[i])))
            return complain(node, "has an output of another type than inferred", node->outputs[i]);
    return SNUG_OK;
}

static snug_status check_node(const snug_graph *graph, const snug_node *node, bool *ready,
                              bool *mutated, snug_type *scratch) {
    SNUG_TRY(check_counts(graph, node));
    SNUG_TRY(check_inputs(graph, node, ready, mutated));
    SNUG_TRY(check_types(graph, node, scratch));
    for (int i = 0; i < node->input_count && i < 32; i++)
        if ((node->op->mutates >> i & 1) && node->inputs[i] != SNUG_NO_TENSOR)
            mutated[node->inputs[i]] = true;
    for (int i = 0; i < node->output_count; i++) {
        snug_tensor_id id = node->outputs[i];
        if (ready[id]) return complain(node, "makes a tensor that is there already", id);
        if (graph->tensors[id]->producer != node->id)
            return complain(node, "makes a tensor that names another producer", id);
        ready[id] = true;
    }
    return SNUG_OK;
}

static int compare_names(const void *a, const void *b) {
    const snug_tensor *one = *(const snug_tensor *const *)a,
                      *other = *(const snug_tensor *const *)b;
    int order = strcmp(one->name, other->name);
    return order ? order : (int)snug_role_space(one->role) - (int)snug_role_space(other->role);
}

static snug_status check_names(const snug_graph *graph) {
    const snug_tensor **named = NULL;
    SNUG_TRY(SNUG_NEW(&named, graph->tensor_count));
    size_t count = 0;
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        bool is_accumulator =
            tensor->role == SNUG_ROLE_GRADIENT && tensor->producer == SNUG_NO_NODE;
        if (!snug_role_is_persistent(tensor->role) && !is_accumulator) continue;
        if (tensor->name)
            named[count++] = tensor;
        else
            status = snug_fail(SNUG_INTERNAL, "graph tensor %zu lives on but has no name", i);
    }
    if (count) qsort(named, count, sizeof *named, compare_names);
    for (size_t i = 1; i < count; i++)
        if (compare_names(&named[i - 1], &named[i]) == 0)
            status =
                snug_fail(SNUG_INTERNAL, "two tensors of a graph are called '%s'", named[i]->name);
    snug_memory_free(named);
    return status;
}

static snug_status check_nodes(const snug_graph *graph, bool *ready, bool *mutated) {
    size_t widest = 1;
    for (size_t i = 0; i < graph->node_count; i++)
        if ((size_t)graph->nodes[i]->input_count > widest)
            widest = (size_t)graph->nodes[i]->input_count;
    snug_type *scratch = NULL;
    SNUG_TRY(SNUG_NEW(&scratch, widest));
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < graph->node_count && status == SNUG_OK; i++) {
        const snug_node *node = graph->nodes[i];
        status = node->id == (snug_node_id)i ? check_node(graph, node, ready, mutated, scratch)
                                             : complain(node, "has another number", node->id);
    }
    snug_memory_free(scratch);
    return status;
}

// Every tensor that names a producer was made by it.
static snug_status check_producers(const snug_graph *graph, const bool *ready) {
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (!ready[i])
            return snug_fail(SNUG_INTERNAL,
                             "graph tensor %zu names node %d, which does not make it", i,
                             graph->tensors[i]->producer);
    return SNUG_OK;
}

snug_status snug_graph_verify(const snug_graph *graph) {
    SNUG_TRY(graph->status);
    bool *ready = NULL, *mutated = NULL;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&ready, graph->tensor_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&mutated, graph->tensor_count), done);
    for (size_t i = 0; i < graph->tensor_count; i++)
        ready[i] = graph->tensors[i]->producer == SNUG_NO_NODE;
    SNUG_TRY_GOTO(check_nodes(graph, ready, mutated), done);
    SNUG_TRY_GOTO(check_producers(graph, ready), done);
    SNUG_TRY_GOTO(check_names(graph), done);
done:
    snug_memory_free(ready);
    snug_memory_free(mutated);
    return status;
}
