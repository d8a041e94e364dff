// Recomputation: which forward results a pass keeps for its backward pass and which it makes again,
// so that the memory in use stays below a limit and the time lost is small.
#ifndef SNUG_PLAN_RECOMPUTE_H
#define SNUG_PLAN_RECOMPUTE_H

#include "plan/sequence.h"

// Sets |sequence|'s drops, and lays it out, such that its load is at most |limit| bytes if the
// search finds a way (|*fits|), with little time for running nodes again. When it finds none the
// sequence is left with the smallest load that was found. Starts from the drops as they stand.
// Deterministic; |effort| bounds the time: steps laid out, some 50 million a second.
snug_status snug_recompute(snug_sequence *sequence, size_t limit, size_t effort, bool *fits);

#endif
