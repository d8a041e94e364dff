#include "plan/lifetime.h"

#include "base/memory.h"

// |ends[t]| becomes one past the last node that touches tensor t.
static void find_ends(const snug_graph *graph, snug_node_id *ends) {
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        for (int j = 0; j < node->input_count; j++)
            if (node->inputs[j] != SNUG_NO_TENSOR) ends[node->inputs[j]] = node->id + 1;
        for (int j = 0; j < node->output_count; j++)
            ends[node->outputs[j]] = node->id + 1;
    }
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (graph->tensors[i]->is_result) ends[i] = (snug_node_id)graph->node_count;
}

static int32_t new_storage(snug_lifetimes *lifetimes, const snug_tensor *tensor, snug_node_id first,
                           snug_node_id end) {
    lifetimes->storages[lifetimes->storage_count] = (snug_storage){
        .bytes = snug_type_bytes(&tensor->type), .first = first, .end = end, .role = tensor->role};
    return (int32_t)lifetimes->storage_count++;
}

static void join(snug_lifetimes *lifetimes, int32_t storage, snug_node_id end, snug_role role) {
    snug_storage *joined = &lifetimes->storages[storage];
    if (end > joined->end) joined->end = end;
    if (role == SNUG_ROLE_GRADIENT) joined->role = role;
}

// The storage that output 0 of |node| may take over, or -1.
static int32_t reusable_storage(const snug_graph *graph, const snug_node *node,
                                const snug_lifetimes *lifetimes) {
    size_t bytes = snug_type_bytes(snug_graph_type(graph, node->outputs[0]));
    for (int i = 0; i < node->input_count && i < 32; i++) {
        if (!(node->op->overwrites >> i & 1) || node->inputs[i] == SNUG_NO_TENSOR) continue;
        int32_t storage = lifetimes->storage_of[node->inputs[i]];
        if (storage < 0) continue;
        const snug_storage *candidate = &lifetimes->storages[storage];
        // Another input in the same memory would be overwritten while it is read.
        bool shared = false;
        for (int j = 0; j < node->input_count; j++)
            shared = shared || (j != i && node->inputs[j] != SNUG_NO_TENSOR &&
                                lifetimes->storage_of[node->inputs[j]] == storage);
        if (candidate->end == node->id + 1 && candidate->bytes == bytes && !shared) return storage;
    }
    return -1;
}

static void place_outputs(const snug_graph *graph, const snug_node *node, bool in_place,
                          const snug_node_id *ends, snug_lifetimes *lifetimes) {
    for (int i = 0; i < node->output_count; i++) {
        snug_tensor_id id = node->outputs[i];
        const snug_tensor *tensor = graph->tensors[id];
        int32_t storage = -1;
        if (i == 0 && node->op->is_view)
            storage = lifetimes->storage_of[node->inputs[0]];
        else if (i == 0 && in_place)
            storage = reusable_storage(graph, node, lifetimes);
        if (storage >= 0)
            join(lifetimes, storage, ends[id], tensor->role);
        else if (i > 0 || !node->op->is_view) // a view of a persistent tensor stays unplanned
            storage = new_storage(lifetimes, tensor, node->id, ends[id]);
        lifetimes->storage_of[id] = storage;
    }
}

snug_status snug_lifetimes_find(const snug_graph *graph, bool in_place, snug_lifetimes *out) {
    *out = (snug_lifetimes){0};
    snug_node_id *ends = NULL;
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&ends, graph->tensor_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&out->storages, graph->tensor_count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&out->storage_of, graph->tensor_count), done);
    find_ends(graph, ends);
    for (size_t i = 0; i < graph->tensor_count; i++) {
        const snug_tensor *tensor = graph->tensors[i];
        out->storage_of[i] = -1;
        if (tensor->producer == SNUG_NO_NODE && tensor->role == SNUG_ROLE_INPUT)
            out->storage_of[i] = new_storage(out, tensor, 0, ends[i] > 0 ? ends[i] : 1);
    }
    for (size_t i = 0; i < graph->node_count; i++)
        place_outputs(graph, graph->nodes[i], in_place, ends, out);
done:
    snug_memory_free(ends);
    if (status != SNUG_OK) snug_lifetimes_clear(out);
    return status;
}

void snug_lifetimes_clear(snug_lifetimes *lifetimes) {
    snug_memory_free(lifetimes->storages);
    snug_memory_free(lifetimes->storage_of);
    *lifetimes = (snug_lifetimes){0};
}
