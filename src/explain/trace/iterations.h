// Iterations of a training loop, told from what a trace repeats, and what they leave behind.
#ifndef SNUG_EXPLAIN_TRACE_ITERATIONS_H
#define SNUG_EXPLAIN_TRACE_ITERATIONS_H

#include "explain/trace/timeline.h"

typedef struct snug_iterations {
    bool known;
    uint32_t *starts; // positions at which iterations begin, up to timeline->at
    uint64_t *live;   // the least bytes that are live in the iteration
    uint64_t *peaks;  // of the iteration that begins there; of the last one up to timeline->at
    uint64_t *kept;   // bytes made in it for the step, and live at timeline->at
    size_t count;
    double growth;           // bytes an iteration that stay, the median; 0: most leave nothing
    size_t growing, periods; // iterations that left something, of those compared
    size_t settled;          // index of the first iteration that is compared
    uint64_t swelling;       // live bytes of tensors that each iteration makes anew, and larger
    double swelling_growth;  // by so many bytes
    double forward_bytes;    // that the forward passes of an iteration make, on average
    // How much more the last iteration's forward pass makes than any before; 0: unknown.
    double scale;
} snug_iterations;

// The caller clears |*out|, also after a failure. n log n in the trace.
snug_status snug_iterations_find(const snug_timeline *timeline, const snug_stacks *stacks,
                                 snug_iterations *out);
void snug_iterations_clear(snug_iterations *iterations);

// Index of the iteration that |position| is in; count before the first.
size_t snug_iterations_at(const snug_iterations *iterations, uint32_t position);

// Whether |life| was made for a step, as activations are, and not to stay, as weights are.
bool snug_life_is_of_step(const snug_life *life);

// Fills |iterations|' swelling. swelling.c.
snug_status snug_swelling_find(const snug_timeline *timeline, const snug_stacks *stacks,
                               snug_iterations *iterations);

// Positions at which rounds begin where no stack tells them: what is made in sizes that come as
// often as each other. As snug_loops_find(). size_rounds.c.
snug_status snug_size_rounds_find(const snug_timeline *timeline, uint32_t **starts, size_t *count);

#endif
