// Networks as they were imported, kept while a plan is made: most passes and specs ask for the same
// few batch sizes in the same form, and a copy of a graph takes a hundredth of an import.
#ifndef SNUG_PLAN_KEPT_NETWORKS_H
#define SNUG_PLAN_KEPT_NETWORKS_H

#include "models/model.h"

typedef struct snug_kept_network {
    int64_t batch;
    bool training;
    snug_model_options options;
    snug_graph *graph; // owned
    snug_model_ends ends;
} snug_kept_network;

// Zero-initialise. Not thread-safe.
typedef struct snug_kept_networks {
    snug_kept_network *items;
    size_t count, room;
    bool is_closed; // nothing more is kept
} snug_kept_networks;

// Copies what was kept of just these arguments into |graph|, which is empty. |*found|: whether
// there was any. SNUG_NOMEM.
snug_status snug_kept_networks_find(const snug_kept_networks *self,
                                    const snug_model_options *options, int64_t batch, bool training,
                                    snug_graph *graph, snug_model_ends *ends, bool *found);
// Keeps a copy of |graph|. SNUG_NOMEM.
snug_status snug_kept_networks_add(snug_kept_networks *self, const snug_model_options *options,
                                   int64_t batch, bool training, const snug_graph *graph,
                                   const snug_model_ends *ends);
// Forgets all, and keeps nothing from now on.
void snug_kept_networks_close(snug_kept_networks *self);

#endif
