// The memory that lives from step to step: weights, running statistics, optimizer state, gradient
// accumulators. Its tensors lie at the start of the arena, one after another.
#ifndef SNUG_PLAN_PERSISTENT_H
#define SNUG_PLAN_PERSISTENT_H

#include "graph/graph.h"

typedef struct snug_slot {
    char *name; // owned
    snug_type type;
    snug_role role;
    snug_init init;
    size_t offset, bytes; // of the arena; bytes are the tensor's own, offsets are aligned
} snug_slot;

// Zero-initialise. Slots are in the order in which graphs first named them.
typedef struct snug_persistent {
    snug_slot *slots;
    size_t count, capacity;
    int32_t *table; // open addressing by name; -1 is free
    size_t table_size;
    size_t bytes; // of all slots, a multiple of the arena's alignment
} snug_persistent;

// Adds |graph|'s persistent tensors that are not there yet.
// SNUG_INTERNAL when one of its name and space is there with another type, role or start.
snug_status snug_persistent_add(snug_persistent *persistent, const snug_graph *graph);
void snug_persistent_clear(snug_persistent *persistent);

// The slot called |name| in |space|, or NULL.
const snug_slot *snug_persistent_find(const snug_persistent *persistent, snug_space space,
                                      const char *name);

#endif
