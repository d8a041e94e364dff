// Weights of imported networks by PyTorch's defaults, as far as the operators that read them tell.
#ifndef SNUG_PLAN_RANDOM_INIT_H
#define SNUG_PLAN_RANDOM_INIT_H

#include "graph/graph.h"

// Changes how |graph|'s weights and statistics start: convolutions and linear layers uniform within
// 1 / sqrt(fan in), their biases too; norms 1 and 0, running statistics 0 and 1; embeddings normal.
// What no rule is for (a class token, say) stays as it is.
snug_status snug_random_init(snug_graph *graph);

#endif
