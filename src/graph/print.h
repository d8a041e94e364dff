// The stable text form of a graph: one line a tensor without a producer, one line a node.
#ifndef SNUG_GRAPH_PRINT_H
#define SNUG_GRAPH_PRINT_H

#include "base/text.h"
#include "graph/graph.h"

// Appends, for example:
//   %0 input "input" float32[8, 3, 32, 32] nhwc
//   forward %5 = conv2d(%0, %1, -) {stride=[1, 1], groups=1} float32[8, 16, 32, 32] nhwc
//   @features.0
snug_status snug_graph_print(const snug_graph *graph, snug_text *text);

#endif
