// The packer's own view of its buffers: sizes in multiples of the alignment, time reduced to the
// sections that matter, and the ways of packing them.
#ifndef SNUG_PLAN_PACK_PROBLEM_H
#define SNUG_PLAN_PACK_PROBLEM_H

#include <stdbool.h>

#include "plan/pack.h"

// A buffer of at least one byte. It lives in the sections |first| up to, not including, |end|.
typedef struct snug_pack_item {
    uint32_t first, end;
    size_t size;  // bytes, rounded up to the alignment: what it takes from those above it
    size_t bytes; // as asked for: what it takes of the capacity where it is the topmost
    size_t index; // in the caller's array
} snug_pack_item;

// A section is a time between a beginning and the next end, so its live buffers are no subset of
// those of another. Two buffers live together just when they share a section.
typedef struct snug_pack_problem {
    snug_pack_item *items; // by their first section
    size_t count;
    uint32_t sections;
    size_t alignment;
    size_t bound;   // bytes; no packing needs less
    size_t members; // sum of the items' numbers of sections
    size_t pairs;   // of items that live together
} snug_pack_problem;

// Fails with SNUG_INVALID where a lifetime is empty, the alignment is no power of two, or the
// sizes add up to more than SIZE_MAX / 4. Clear it after a failure too.
snug_status snug_pack_problem_make(const snug_buffer *buffers, size_t count, size_t alignment,
                                   snug_pack_problem *out);
void snug_pack_problem_clear(snug_pack_problem *problem);

// The items from |begin| on up to where none lives on: a problem of its own. It borrows its items
// from |problem| and counts their sections from 0. To be called once for each part.
snug_status snug_pack_problem_next_part(const snug_pack_problem *problem, size_t begin,
                                        snug_pack_problem *out);

// The highest end of a packing. |offsets| are by item, here and below.
size_t snug_pack_peak(const snug_pack_problem *problem, const size_t *offsets);

// What a way of packing may spend.
typedef struct snug_pack_limit {
    uint64_t work;   // counted down, in steps of about a microsecond
    double deadline; // of the monotonic clock, in seconds; 0: none
} snug_pack_limit;

bool snug_pack_limit_reached(const snug_pack_limit *limit);

// Each of the two places the items greedily in several orders, improves |offsets| and |*peak| where
// it finds a packing with a lower peak, and ends at one of |goal| bytes.
snug_status snug_pack_first_fit(const snug_pack_problem *problem, size_t goal,
                                snug_pack_limit *limit, size_t *offsets, size_t *peak);
snug_status snug_pack_skyline(const snug_pack_problem *problem, size_t goal, snug_pack_limit *limit,
                              size_t *offsets, size_t *peak);

typedef enum snug_pack_answer {
    SNUG_PACK_FOUND,
    SNUG_PACK_IMPOSSIBLE, // proven
    SNUG_PACK_UNKNOWN,    // the limit came first
} snug_pack_answer;

// Looks for a packing within |capacity| bytes; |offsets| is written when one is found. With
// |restarts| it begins anew time and again, which finds packings sooner but proves nothing soon.
snug_status snug_pack_search(const snug_pack_problem *problem, size_t capacity, bool restarts,
                             snug_pack_limit *limit, size_t *offsets, snug_pack_answer *out);

#endif
