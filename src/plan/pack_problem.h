// The packer's own view of its buffers: sizes in multiples of the alignment, and time reduced to
// the sections that matter.
#ifndef SNUG_PLAN_PACK_PROBLEM_H
#define SNUG_PLAN_PACK_PROBLEM_H

#include <stdbool.h>

#include "plan/pack.h"

// A buffer of at least one byte. It lives in the sections |first| up to, not including, |end|.
typedef struct snug_pack_item {
    uint32_t first, end;
    size_t size;  // bytes, rounded up to the alignment: what it takes from those above it
    size_t bytes; // as asked for: what it takes from the capacity when it is the topmost
    size_t index; // in the caller's array
} snug_pack_item;

// A section is a time between a beginning and the next end, so its set of live buffers is no subset
// of a neighbour's. Two buffers live together just when they share a section.
typedef struct snug_pack_problem {
    snug_pack_item *items;
    size_t count;
    uint32_t sections;
    size_t alignment;
    size_t bound; // the most bytes of one section: no packing needs less
} snug_pack_problem;

// Fails with SNUG_INVALID where a lifetime is empty, the alignment is no power of two, or the
// sizes add up to more than SIZE_MAX. Clear it after a failure too.
snug_status snug_pack_problem_make(const snug_buffer *buffers, size_t count, size_t alignment,
                                   snug_pack_problem *out);
void snug_pack_problem_clear(snug_pack_problem *problem);

// The packing's highest end; |offsets| is by item.
size_t snug_pack_peak(const snug_pack_problem *problem, const size_t *offsets);

// Places the items greedily, in several orders; the best packing found is in |offsets|.
snug_status snug_pack_greedy(const snug_pack_problem *problem, size_t *offsets, size_t *out_peak);

typedef enum snug_pack_answer {
    SNUG_PACK_FOUND,
    SNUG_PACK_IMPOSSIBLE, // proven
    SNUG_PACK_UNKNOWN,    // the limit came first
} snug_pack_answer;

// What a search may spend; it counts |nodes| down.
typedef struct snug_pack_limit {
    uint64_t nodes;
    double deadline; // of the monotonic clock, in seconds; 0: none
} snug_pack_limit;

// Looks for a packing within |capacity| bytes; |offsets| (by item) is written when one is found.
snug_status snug_pack_search(const snug_pack_problem *problem, size_t capacity,
                             snug_pack_limit *limit, size_t *offsets, snug_pack_answer *out);

#endif
