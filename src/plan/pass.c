#include "plan/pass.h"

#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "plan/cost.h"
#include "plan/pack.h"

static snug_status find_workspaces(snug_device *device, snug_pass *pass) {
    const snug_graph *graph = pass->built.graph;
    SNUG_TRY(SNUG_NEW(&pass->workspace_bytes, graph->node_count));
    SNUG_TRY(SNUG_NEW(&pass->workspace_offsets, graph->node_count));
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) continue;
        const snug_kernel *kernel = NULL;
        SNUG_TRY(snug_device_prepare(device, graph, node, &kernel));
        pass->workspace_bytes[i] = kernel->workspace_bytes;
        pass->seconds += snug_cost_seconds(device, graph, node);
    }
    return SNUG_OK;
}

// One buffer a storage, then one a node that has a workspace.
static size_t list_buffers(const snug_pass *pass, snug_buffer *buffers) {
    size_t count = 0;
    for (size_t i = 0; i < pass->lifetimes.storage_count; i++) {
        const snug_storage *storage = &pass->lifetimes.storages[i];
        buffers[count++] =
            (snug_buffer){.lower = storage->first, .upper = storage->end, .size = storage->bytes};
    }
    for (size_t i = 0; i < pass->built.graph->node_count; i++)
        if (pass->workspace_bytes[i] > 0)
            buffers[count++] = (snug_buffer){
                .lower = (int64_t)i, .upper = (int64_t)i + 1, .size = pass->workspace_bytes[i]};
    for (size_t i = 0; i < count; i++)
        buffers[i].size = snug_size_align(buffers[i].size, SNUG_ARENA_ALIGNMENT);
    return count;
}

static void store_offsets(snug_pass *pass, const snug_buffer *buffers) {
    size_t next = 0;
    for (size_t i = 0; i < pass->lifetimes.storage_count; i++)
        pass->offsets[i] = buffers[next++].offset;
    for (size_t i = 0; i < pass->built.graph->node_count; i++)
        if (pass->workspace_bytes[i] > 0) pass->workspace_offsets[i] = buffers[next++].offset;
}

static snug_status pack(snug_pass *pass) {
    snug_buffer *buffers = NULL;
    SNUG_TRY(SNUG_NEW(&pass->offsets, pass->lifetimes.storage_count));
    SNUG_TRY(SNUG_NEW(&buffers, pass->lifetimes.storage_count + pass->built.graph->node_count));
    size_t count = list_buffers(pass, buffers);
    snug_pack_options options = {.alignment = SNUG_ARENA_ALIGNMENT};
    snug_status status = snug_pack(buffers, count, &options, &pass->bytes);
    if (status == SNUG_OK) store_offsets(pass, buffers);
    snug_memory_free(buffers);
    return status;
}

static size_t *bytes_of_role(snug_plan_memory *memory, snug_role role) {
    switch (role) {
    case SNUG_ROLE_INPUT:
        return &memory->input;
    case SNUG_ROLE_GRADIENT:
        return &memory->gradients;
    case SNUG_ROLE_WEIGHT:
    case SNUG_ROLE_CONSTANT:
        return &memory->weights;
    case SNUG_ROLE_STATISTIC:
        return &memory->statistics;
    case SNUG_ROLE_OPTIMIZER:
        return &memory->optimizer;
    case SNUG_ROLE_ACTIVATION:
        break;
    }
    return &memory->activations;
}

void snug_plan_memory_add(snug_plan_memory *memory, snug_role role, size_t bytes) {
    *bytes_of_role(memory, role) += bytes;
}

// The node with the highest load, and what is in use there.
static snug_status find_peak(snug_pass *pass) {
    size_t nodes = pass->built.graph->node_count;
    int64_t *change = NULL;
    SNUG_TRY(SNUG_NEW(&change, nodes + 1));
    for (size_t i = 0; i < pass->lifetimes.storage_count; i++) {
        const snug_storage *storage = &pass->lifetimes.storages[i];
        change[storage->first] += (int64_t)storage->bytes;
        change[storage->end] -= (int64_t)storage->bytes;
    }
    int64_t live = 0;
    snug_node_id peak = 0;
    for (size_t i = 0; i < nodes; i++) {
        live += change[i];
        size_t load = (size_t)live + pass->workspace_bytes[i];
        if (load <= pass->load) continue;
        pass->load = load;
        peak = (snug_node_id)i;
    }
    for (size_t i = 0; i < pass->lifetimes.storage_count; i++) {
        const snug_storage *storage = &pass->lifetimes.storages[i];
        if (storage->first <= peak && peak < storage->end)
            snug_plan_memory_add(&pass->at_peak, storage->role, storage->bytes);
    }
    if (nodes) pass->at_peak.workspace = pass->workspace_bytes[peak];
    snug_memory_free(change);
    return SNUG_OK;
}

snug_status snug_pass_make(snug_device *device, snug_training_graph built, bool in_place,
                           snug_pass *out) {
    *out = (snug_pass){.built = built};
    snug_status status;
    SNUG_TRY_GOTO(find_workspaces(device, out), failed);
    SNUG_TRY_GOTO(snug_lifetimes_find(built.graph, in_place, &out->lifetimes), failed);
    SNUG_TRY_GOTO(pack(out), failed);
    SNUG_TRY_GOTO(find_peak(out), failed);
    return SNUG_OK;
failed:
    snug_pass_clear(out);
    return status;
}

void snug_pass_clear(snug_pass *pass) {
    snug_graph_free(pass->built.graph);
    snug_lifetimes_clear(&pass->lifetimes);
    snug_memory_free(pass->offsets);
    snug_memory_free(pass->workspace_bytes);
    snug_memory_free(pass->workspace_offsets);
    *pass = (snug_pass){0};
}
