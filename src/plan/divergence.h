// Where a step's numbers first stop being finite.
#ifndef SNUG_PLAN_DIVERGENCE_H
#define SNUG_PLAN_DIVERGENCE_H

#include "base/text.h"
#include "plan/program.h"

// Appends to |out| which tensor of |pass| is the first that is not finite, from a pass that ran up
// to its loss: a weight, an input, or what a node of the forward pass makes, which is run again
// with the same numbers. Appends nothing where that is no longer to be found out. Running
// statistics may change.
snug_status snug_divergence_find(snug_program *program, const snug_schedule *schedule,
                                 const snug_pass *pass, const snug_run_state *state,
                                 snug_text *out);

// The first of the weights and running statistics that is not finite, or NULL.
snug_status snug_divergence_find_slot(snug_program *program, const snug_persistent *persistent,
                                      const snug_slot **out);

#endif
