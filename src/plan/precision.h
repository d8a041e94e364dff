// Mixed precision as a rewrite of a forward pass: the operators that are safe in 16 bits run in
// them, after PyTorch's autocast lists (snug_op.precision), on casts of the float32 weights.
#ifndef SNUG_PLAN_PRECISION_H
#define SNUG_PLAN_PRECISION_H

#include "graph/graph.h"

// Copies the forward pass |from| to the end of |to| with activations in |low| (SNUG_BF16 or
// SNUG_F16). Persistent tensors and inputs stay as they are; each is cast at most once, right
// before its first reader, so that the planner may drop the cast and make it again. Operators of
// class low read and write |low|; class full reads float32, norms with 16-bit data excepted; the
// others take the widest type of the activations that they read. |map| (from->tensor_count entries)
// receives the tensor of |to| that stands for each of |from|.
snug_status snug_precision_copy(const snug_graph *from, snug_dtype low, snug_graph *to,
                                snug_tensor_id *map);

// |tensor| in |dtype|, by a cast where it is in another type.
snug_tensor_id snug_precision_cast(snug_graph *graph, snug_tensor_id tensor, snug_dtype dtype);

#endif
