#include "plan/kept_networks.h"

#include "base/memory.h"

static bool is_same(const snug_kept_network *kept, const snug_model_options *options, int64_t batch,
                    bool training) {
    return kept->batch == batch && kept->training == training &&
           snug_model_options_equal(&kept->options, options);
}

snug_status snug_kept_networks_find(const snug_kept_networks *self,
                                    const snug_model_options *options, int64_t batch, bool training,
                                    snug_graph *graph, snug_model_ends *ends, bool *found) {
    *found = false;
    for (size_t i = 0; i < self->count && !*found; i++) {
        const snug_kept_network *kept = &self->items[i];
        if (!is_same(kept, options, batch, training)) continue;
        *found = true;
        *ends = kept->ends;
        SNUG_TRY(snug_graph_copy(kept->graph, graph));
    }
    return SNUG_OK;
}

snug_status snug_kept_networks_add(snug_kept_networks *self, const snug_model_options *options,
                                   int64_t batch, bool training, const snug_graph *graph,
                                   const snug_model_ends *ends) {
    snug_graph *copy = NULL;
    if (self->is_closed) return SNUG_OK;
    SNUG_TRY(SNUG_GROW(&self->items, &self->room, self->count + 1));
    SNUG_TRY(snug_graph_new(&copy));
    snug_status status = snug_graph_copy(graph, copy);
    if (status != SNUG_OK) {
        snug_graph_free(copy);
        return status;
    }
    snug_kept_network *kept = &self->items[self->count++];
    *kept = (snug_kept_network){batch, training, *options, copy, *ends};
    return SNUG_OK;
}

void snug_kept_networks_close(snug_kept_networks *self) {
    for (size_t i = 0; i < self->count; i++)
        snug_graph_free(self->items[i].graph);
    snug_memory_free(self->items);
    *self = (snug_kept_networks){.is_closed = true};
}
