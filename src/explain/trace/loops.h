// The training loop, told from stacks: where the program went back to an earlier line.
#ifndef SNUG_EXPLAIN_TRACE_LOOPS_H
#define SNUG_EXPLAIN_TRACE_LOOPS_H

#include "explain/trace/timeline.h"

// Positions at which rounds of the innermost loop begin that leads to timeline->at, that runs
// forward passes and that is in no network, optimizer or the like itself. |*count| is 0 where there
// is none; else two or more. The caller frees |*starts| with snug_memory_free(). Linear in the
// trace, times the depth of its stacks.
snug_status snug_loops_find(const snug_timeline *timeline, const snug_stacks *stacks,
                            uint32_t **starts, size_t *count);

#endif
