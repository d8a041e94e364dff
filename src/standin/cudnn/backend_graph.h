// What an operation graph of cuDNN's backend asks for: its engines, and the workspace of each.
#ifndef SNUG_STANDIN_CUDNN_BACKEND_GRAPH_H
#define SNUG_STANDIN_CUDNN_BACKEND_GRAPH_H

#include "standin/cudnn/backend_store.h"
#include "standin/cudnn/workspace.h"

// The graph's first convolution, where it has one. CUDNN_OK, CUDNN_NOT_SUPPORTED_GRAPH_PATTERN
// where it has none, CUDNN_BAD_PARAM and its kin where the convolution's description does not hold
// together.
int cudnn_graph_convolution(const cudnn_body *graph, cudnn_convolution *out);

// Numbers of the engines that a heuristic of |mode| names, best first, into |engines| (of
// CUDNN_ENGINES). |count| receives their number. Status as above for a broken convolution.
int cudnn_graph_engines(const cudnn_body *graph, int mode, int64_t *engines, size_t *count);

// Whether |engine| runs |graph|: CUDNN_OK with its |bytes| of workspace (as the program is told),
// or CUDNN_NOT_SUPPORTED.
int cudnn_graph_workspace(const cudnn_body *graph, int64_t engine, uint64_t *bytes);

// Numerical notes of |engine| for |graph|, into |notes| (of 4). Returns their number.
size_t cudnn_graph_notes(const cudnn_body *graph, int64_t engine, int *notes);

// What the report calls a graph: "cuDNN convolution".
const char *cudnn_graph_name(const cudnn_body *graph);

#endif
