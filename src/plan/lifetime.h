// Lifetimes: which tensors of a graph share memory, and from which to which node each piece of
// memory is needed.
#ifndef SNUG_PLAN_LIFETIME_H
#define SNUG_PLAN_LIFETIME_H

#include "graph/graph.h"

// A piece of memory that one tensor uses, or several in turn: views and results written over a
// dying input. Needed from node |first| up to, not including, node |end|.
typedef struct snug_storage {
    size_t bytes;
    snug_node_id first, end;
    snug_role role; // of the tensor that began it, or of the weight gradient that joined it
} snug_storage;

typedef struct snug_lifetimes {
    snug_storage *storages;
    size_t storage_count;
    int32_t *storage_of; // by tensor; -1 for persistent tensors, whose memory is not planned here
} snug_lifetimes;

// Finds the lifetimes in |graph|, whose nodes run in their order. With |in_place|, a node's result
// takes the memory of an input that dies there, where its operator allows. Inputs of a pass are
// there from its start, results (is_result) to its end.
snug_status snug_lifetimes_find(const snug_graph *graph, bool in_place, snug_lifetimes *out);
void snug_lifetimes_clear(snug_lifetimes *lifetimes);

#endif
