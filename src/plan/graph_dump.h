// Graphs while a pass is made, for those who work on the rewrites: debug builds write the graph
// after each, in its text form, where SNUG_GRAPH_DUMP names a folder that exists.
#ifndef SNUG_PLAN_GRAPH_DUMP_H
#define SNUG_PLAN_GRAPH_DUMP_H

#include "graph/graph.h"

#ifdef SNUG_DEBUG
// Writes |graph| to a file of its own, numbered in the order of the calls and named after
// |rewrite|. What cannot be written is left out.
void snug_graph_dump(const snug_graph *graph, const char *rewrite);
#else
static inline void snug_graph_dump(const snug_graph *graph, const char *rewrite) {
    (void)graph;
    (void)rewrite;
}
#endif

#endif
