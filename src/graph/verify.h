// Checks what every later stage relies on.
#ifndef SNUG_GRAPH_VERIFY_H
#define SNUG_GRAPH_VERIFY_H

#include "graph/graph.h"

// SNUG_INTERNAL with a message that names the node when: it has fewer or more inputs or outputs
// than its operator; an id is out of range; a tensor is read
// before the node that makes it, made twice, or by no node that says so; output types are not what
// the operator infers; a tensor is read after a node that updates it in place, other than by
// another such node; two persistent tensors share a name and a space of names, or one has none.
// What an operator itself refuses (its infer) is SNUG_INVALID in its words.
snug_status snug_graph_verify(const snug_graph *graph);

#endif
