#include "graph/graph.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

const char *snug_role_name(snug_role role) {
    static const char *const names[] = {"activation", "input",    "weight",  "statistic",
                                        "optimizer",  "gradient", "constant"};
    return names[role];
}

bool snug_role_is_persistent(snug_role role) {
    return role == SNUG_ROLE_WEIGHT || role == SNUG_ROLE_STATISTIC || role == SNUG_ROLE_OPTIMIZER ||
           role == SNUG_ROLE_CONSTANT;
}

bool snug_tensor_is_persistent(const snug_tensor *tensor) {
    return tensor->producer == SNUG_NO_NODE && tensor->role != SNUG_ROLE_INPUT;
}

snug_space snug_role_space(snug_role role) {
    return role == SNUG_ROLE_OPTIMIZER  ? SNUG_SPACE_OPTIMIZER
           : role == SNUG_ROLE_GRADIENT ? SNUG_SPACE_GRADIENT
                                        : SNUG_SPACE_NETWORK;
}

snug_status snug_graph_new(snug_graph **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->scope = "";
    return SNUG_OK;
}

void snug_graph_free(snug_graph *graph) {
    if (!graph) return;
    snug_pool_clear(&graph->pool);
    snug_memory_free(graph->tensors);
    snug_memory_free(graph->nodes);
    snug_memory_free(graph);
}

snug_status snug_graph_status(const snug_graph *graph) {
    return graph->status;
}

snug_tensor_id snug_graph_poison(snug_graph *graph, snug_status status) {
    if (graph->status == SNUG_OK) graph->status = status;
    return SNUG_NO_TENSOR;
}

const snug_type *snug_graph_type(const snug_graph *graph, snug_tensor_id id) {
    static const snug_type empty = {0};
    return id >= 0 && (size_t)id < graph->tensor_count ? &graph->tensors[id]->type : &empty;
}

static snug_status add_tensor(snug_graph *graph, const char *name, const snug_type *type,
                              snug_role role, snug_tensor_id *out) {
    *out = SNUG_NO_TENSOR;
    SNUG_TRY(snug_type_check(type));
    SNUG_TRY(SNUG_GROW(&graph->tensors, &graph->tensor_capacity, graph->tensor_count + 1));
    snug_tensor *tensor = NULL;
    SNUG_TRY(snug_pool_new(&graph->pool, sizeof *tensor, (void **)&tensor));
    char *own_name = NULL;
    if (name) SNUG_TRY(snug_pool_text(&graph->pool, name, &own_name));
    *tensor =
        (snug_tensor){.name = own_name, .type = *type, .role = role, .producer = SNUG_NO_NODE};
    *out = (snug_tensor_id)graph->tensor_count;
    graph->tensors[graph->tensor_count++] = tensor;
    return SNUG_OK;
}

snug_tensor_id snug_graph_tensor(snug_graph *graph, const char *name, const snug_type *type,
                                 snug_role role) {
    if (graph->status != SNUG_OK) return SNUG_NO_TENSOR;
    snug_tensor_id id;
    snug_status status = add_tensor(graph, name, type, role, &id);
    return status == SNUG_OK ? id : snug_graph_poison(graph, status);
}

static snug_status infer_outputs(const snug_graph *graph, const snug_node *node,
                                 snug_type outputs[SNUG_MAX_OUTPUTS]) {
    const snug_op *op = node->op;
    if (node->input_count < op->min_inputs ||
        (op->max_inputs >= 0 && node->input_count > op->max_inputs))
        return snug_fail(SNUG_INVALID, "expected %d to %d inputs, found %d", op->min_inputs,
                         op->max_inputs, node->input_count);
    for (int i = 0; i < op->min_inputs; i++)
        if (node->inputs[i] == SNUG_NO_TENSOR)
            return snug_fail(SNUG_INVALID, "input %d is missing", i);
    snug_type *inputs = NULL;
    SNUG_TRY(SNUG_NEW(&inputs, (size_t)node->input_count + 1));
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = *snug_graph_type(graph, node->inputs[i]);
    snug_status status = op->infer(node->attributes, inputs, node->input_count, outputs);
    snug_memory_free(inputs);
    return status;
}

static snug_status new_node(snug_graph *graph, const snug_op *op, const void *attributes,
                            const snug_tensor_id *inputs, int input_count, snug_node **out) {
    assert(op->attributes_size <= SNUG_ATTRIBUTE_BYTES && op->outputs <= SNUG_MAX_OUTPUTS);
    SNUG_TRY(SNUG_GROW(&graph->nodes, &graph->node_capacity, graph->node_count + 1));
    snug_node *node = NULL;
    SNUG_TRY(snug_pool_new(&graph->pool, sizeof *node, (void **)&node));
    *node = (snug_node){.op = op,
                        .id = (snug_node_id)graph->node_count,
                        .phase = graph->phase,
                        .scope = graph->scope,
                        .input_count = input_count,
                        .output_count = op->outputs};
    SNUG_TRY(
        snug_pool_new(&graph->pool, sizeof *inputs * (size_t)input_count, (void **)&node->inputs));
    if (input_count) memcpy(node->inputs, inputs, sizeof *inputs * (size_t)input_count);
    if (attributes) memcpy(node->attributes, attributes, op->attributes_size);
    *out = node;
    return SNUG_OK;
}

static snug_status add_node(snug_graph *graph, const snug_op *op, const void *attributes,
                            const snug_tensor_id *inputs, int input_count, snug_node **out) {
    snug_node *node = NULL;
    SNUG_TRY(new_node(graph, op, attributes, inputs, input_count, &node));
    snug_type types[SNUG_MAX_OUTPUTS] = {0};
    snug_status status = infer_outputs(graph, node, types);
    if (status != SNUG_OK)
        return snug_fail_context(status, "%s%s%s", op->name, graph->scope[0] ? " at " : "",
                                 graph->scope);
    for (int i = 0; i < op->outputs; i++) {
        SNUG_TRY(add_tensor(graph, NULL, &types[i], SNUG_ROLE_ACTIVATION, &node->outputs[i]));
        graph->tensors[node->outputs[i]]->producer = node->id;
    }
    graph->nodes[graph->node_count++] = node;
    *out = node;
    return SNUG_OK;
}

snug_node_id snug_graph_node(snug_graph *graph, const snug_op *op, const void *attributes,
                             const snug_tensor_id *inputs, int input_count,
                             snug_tensor_id *outputs) {
    for (int i = 0; outputs && i < op->outputs; i++)
        outputs[i] = SNUG_NO_TENSOR;
    if (graph->status != SNUG_OK) return SNUG_NO_NODE;
    snug_node *node = NULL;
    snug_status status = add_node(graph, op, attributes, inputs, input_count, &node);
    if (status != SNUG_OK) {
        snug_graph_poison(graph, status);
        return SNUG_NO_NODE;
    }
    assert(node);
    if (outputs) memcpy(outputs, node->outputs, sizeof *outputs * (size_t)op->outputs);
    return node->id;
}

snug_tensor_id snug_graph_emit(snug_graph *graph, const snug_op *op, const void *attributes,
                               const snug_tensor_id *inputs, int input_count) {
    snug_tensor_id outputs[SNUG_MAX_OUTPUTS] = {SNUG_NO_TENSOR};
    snug_graph_node(graph, op, attributes, inputs, input_count, outputs);
    return outputs[0];
}

static snug_status copy_tensors(const snug_graph *graph, snug_graph *copy) {
    SNUG_TRY(SNUG_GROW(&copy->tensors, &copy->tensor_capacity, graph->tensor_count));
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        snug_tensor_id id;
        SNUG_TRY(add_tensor(copy, tensor->name, &tensor->type, tensor->role, &id));
        const char *name = copy->tensors[id]->name;
        *copy->tensors[id] = *tensor;
        copy->tensors[id]->name = name;
    }
    return SNUG_OK;
}

static snug_status copy_nodes(const snug_graph *graph, snug_graph *copy) {
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        snug_node *twin = NULL;
        SNUG_TRY(new_node(copy, node->op, NULL, node->inputs, node->input_count, &twin));
        snug_tensor_id *inputs = twin->inputs;
        char *scope = NULL;
        SNUG_TRY(snug_pool_text(&copy->pool, node->scope, &scope));
        *twin = *node;
        twin->inputs = inputs;
        twin->scope = scope;
        copy->nodes[copy->node_count++] = twin;
    }
    return SNUG_OK;
}

snug_status snug_graph_copy(const snug_graph *graph, snug_graph *copy) {
    assert(copy->tensor_count == 0 && copy->node_count == 0);
    SNUG_TRY(copy_tensors(graph, copy));
    SNUG_TRY(copy_nodes(graph, copy));
    copy->phase = graph->phase;
    return SNUG_OK;
}

snug_status snug_graph_reorder(snug_graph *graph, const snug_node_id *order) {
    snug_node **nodes = NULL;
    SNUG_TRY(SNUG_NEW(&nodes, graph->node_count));
    for (size_t i = 0; i < graph->node_count; i++) {
        nodes[i] = graph->nodes[order[i]];
        nodes[i]->id = (snug_node_id)i;
    }
    for (size_t i = 0; i < graph->node_count; i++)
        for (int j = 0; j < nodes[i]->output_count; j++)
            graph->tensors[nodes[i]->outputs[j]]->producer = (snug_node_id)i;
    if (graph->node_count) memcpy(graph->nodes, nodes, graph->node_count * sizeof *nodes);
    snug_memory_free(nodes);
    return SNUG_OK;
}
