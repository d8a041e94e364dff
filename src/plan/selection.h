// Which weights learn.
#ifndef SNUG_PLAN_SELECTION_H
#define SNUG_PLAN_SELECTION_H

#include "plan/training.h"

// Clears |trainable| of the weights that |training| does not train, and of those that |logits| do
// not depend on: they get no gradient, no optimizer state and no update.
// SNUG_INVALID when a pattern matches no weight, or with |must_learn| nothing is left to learn.
snug_status snug_training_select(const snug_training *training, snug_graph *graph,
                                 snug_tensor_id logits, bool must_learn);

// Elements of |graph|'s weights: those that may learn, and those of them that do.
void snug_training_count(const snug_graph *graph, int64_t *all, int64_t *learning);

#endif
