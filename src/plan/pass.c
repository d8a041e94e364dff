#include "plan/pass.h"
#include "plan/graph_dump.h"

#include <string.h>

#include "base/memory.h"
#include "base/size.h"
#include "graph/verify.h"
#include "ops/ops.h"
#include "plan/pack.h"
#include "plan/recompute.h"

static snug_status find_workspaces(snug_device *device, snug_costs *costs, snug_pass *pass) {
    const snug_graph *graph = pass->built.graph;
    SNUG_TRY(SNUG_NEW(&pass->workspace_bytes, graph->node_count));
    SNUG_TRY(SNUG_NEW(&pass->workspace_offsets, graph->node_count));
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        if (node->op->is_view) continue;
        const snug_kernel *kernel = NULL;
        double seconds;
        SNUG_TRY(snug_device_prepare(device, graph, node, &kernel));
        pass->workspace_bytes[i] = kernel->workspace_bytes;
        SNUG_TRY(snug_costs_find(costs, graph, node, pass->built.samples, &seconds));
        pass->seconds += seconds;
        // A cast that is made again is no work to speak of.
        pass->recomputed_ops += node->recomputed && node->op != &snug_op_cast;
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

// |is_stable|: times are the model's.
static snug_status find_cost(snug_device *device, snug_costs *costs, const snug_graph *graph,
                             const snug_node *node, int64_t samples, bool is_stable,
                             double *seconds, size_t *workspace) {
    const snug_kernel *kernel = NULL;
    SNUG_TRY(snug_device_prepare(device, graph, node, &kernel));
    *workspace = kernel->workspace_bytes;
    *seconds = snug_costs_model(device, graph, node);
    return is_stable ? SNUG_OK : snug_costs_find(costs, graph, node, samples, seconds);
}

static snug_status list_costs(snug_device *device, snug_costs *costs,
                              const snug_training_graph *built, bool is_stable,
                              snug_node_cost **out) {
    const snug_graph *graph = built->graph;
    SNUG_TRY(SNUG_NEW(out, graph->node_count));
    for (size_t i = 0; i < graph->node_count; i++) {
        const snug_node *node = graph->nodes[i];
        snug_node_cost *cost = &(*out)[i];
        if (node->op->is_view) continue;
        SNUG_TRY(find_cost(device, costs, graph, node, built->samples, is_stable, &cost->seconds,
                           &cost->workspace_bytes));
        cost->again_seconds = cost->seconds;
        cost->again_workspace_bytes = cost->workspace_bytes;
        if (!node->op->again) continue;
        snug_tensor_id inputs[8];
        snug_node again = snug_sequence_again(node, inputs);
        SNUG_TRY(find_cost(device, costs, graph, &again, built->samples, is_stable,
                           &cost->again_seconds, &cost->again_workspace_bytes));
    }
    return SNUG_OK;
}

// The arena's bytes for the sequence's layout.
static snug_status pack_sequence(const snug_sequence *sequence, size_t *out) {
    snug_buffer *buffers = NULL;
    size_t count = 0;
    SNUG_TRY(SNUG_NEW(&buffers, sequence->span_count + sequence->step_count));
    for (size_t i = 0; i < sequence->span_count; i++)
        buffers[count++] = (snug_buffer){.lower = sequence->spans[i].first,
                                         .upper = sequence->spans[i].end,
                                         .size = sequence->spans[i].bytes};
    for (size_t i = 0; i < sequence->step_count; i++) {
        size_t workspace = snug_sequence_workspace(sequence, i);
        if (workspace)
            buffers[count++] =
                (snug_buffer){.lower = (int64_t)i, .upper = (int64_t)i + 1, .size = workspace};
    }
    snug_pack_options options = {.alignment = SNUG_ARENA_ALIGNMENT};
    snug_status status = snug_pack(buffers, count, &options, out);
    snug_memory_free(buffers);
    return status;
}

// What packing adds to the load is taken off the limit, and the search goes on from there.
static snug_status search(snug_sequence *sequence, const snug_pass_options *options) {
    enum { ATTEMPTS = 4 };
    size_t limit = options->limit_bytes, bytes;
    bool fits = true;
    if (options->recast) snug_sequence_drop_casts(sequence);
    SNUG_TRY(snug_sequence_lay(sequence, limit));
    if (!options->recompute) return SNUG_OK;
    SNUG_TRY(pack_sequence(sequence, &bytes));
    for (int i = 0; i < ATTEMPTS && fits && bytes > options->limit_bytes; i++) {
        if (i > 0)
            limit -= bytes - options->limit_bytes < limit ? bytes - options->limit_bytes : limit;
        SNUG_TRY(snug_recompute(sequence, limit, options->effort, &fits));
        if (fits) SNUG_TRY(pack_sequence(sequence, &bytes));
    }
    return SNUG_OK;
}

static snug_status recompute(snug_device *device, snug_costs *costs,
                             const snug_training_graph *built, const snug_pass_options *options) {
    snug_node_cost *node_costs = NULL;
    snug_sequence sequence = {0};
    snug_status status = list_costs(device, costs, built, options->limit_bytes == 0, &node_costs);
    if (status != SNUG_OK) {
        snug_memory_free(node_costs);
        return status;
    }
    SNUG_TRY_GOTO(snug_sequence_new(built->graph, options->in_place, node_costs, &sequence), done);
    SNUG_TRY_GOTO(search(&sequence, options), done);
    if (sequence.again_count > 0 && sequence.is_possible) {
        SNUG_TRY_GOTO(snug_sequence_apply(&sequence), done);
        snug_graph_dump(built->graph, "recompute");
        status = snug_graph_verify(built->graph);
    }
done:
    snug_sequence_clear(&sequence);
    return status;
}

snug_status snug_pass_make(snug_device *device, snug_costs *costs, snug_training_graph built,
                           const snug_pass_options *options, snug_pass *out) {
    *out = (snug_pass){.built = built};
    snug_status status;
    if (options->recompute || options->recast)
        SNUG_TRY_GOTO(recompute(device, costs, &built, options), failed);
    SNUG_TRY_GOTO(find_workspaces(device, costs, out), failed);
    SNUG_TRY_GOTO(snug_lifetimes_find(built.graph, options->in_place, &out->lifetimes), failed);
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

size_t snug_pass_loss_end(const snug_pass *pass) {
    const snug_graph *graph = pass->built.graph;
    return (size_t)graph->tensors[pass->built.loss]->producer + 1;
}
