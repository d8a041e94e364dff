// Iterations of a training loop, told from what a trace repeats, and what grows from one to the
// next.
#ifndef SNUG_EXPLAIN_TRACE_ITERATIONS_H
#define SNUG_EXPLAIN_TRACE_ITERATIONS_H

#include "explain/trace/timeline.h"

typedef struct snug_iterations {
    bool known;
    uint32_t *starts; // positions at which iterations begin, up to timeline->at
    uint64_t *live;   // the least bytes that are live in the iteration
    uint32_t *rests;  // the positions at which they are
    uint64_t *peaks;  // of the iteration that begins there; of the last one up to timeline->at
    size_t count;
    double growth; // bytes an iteration by which |live| grows, the median slope; 0: it does not
    size_t growing, periods; // iterations that ended with more, of those compared
    size_t settled;          // index of the first iteration that is compared
    // Bytes that the forward passes of an iteration make, on average, and those of them that stay.
    double forward_bytes;
    // How much larger the last iteration's tensors are than the largest before; 0: unknown.
    double scale;
} snug_iterations;

// The caller clears |*out|, also after a failure. n log n in the trace.
snug_status snug_iterations_find(const snug_timeline *timeline, const snug_stack_about *stacks,
                                 snug_iterations *out);
void snug_iterations_clear(snug_iterations *iterations);

// Index of the iteration that |position| is in; count before the first.
size_t snug_iterations_at(const snug_iterations *iterations, uint32_t position);

#endif
