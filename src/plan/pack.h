// Packing: offsets for buffers with known lifetimes, so that those alive together do not overlap
// and the arena is small (dynamic storage allocation).
#ifndef SNUG_PLAN_PACK_H
#define SNUG_PLAN_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Needs |size| bytes from time |lower| up to, not including, |upper|.
typedef struct snug_buffer {
    int64_t lower, upper;
    size_t size;
    size_t offset; // the packer's answer, in bytes
} snug_buffer;

typedef enum snug_pack_effort {
    SNUG_PACK_QUICK,    // greedy: a millisecond for 1,000 buffers, a second or two for 30,000
    SNUG_PACK_THOROUGH, // then a search between the lower bound and the greedy packing: seconds
} snug_pack_effort;

// All zero: the fewest bytes that a quick packing finds.
typedef struct snug_pack_options {
    size_t alignment; // of offsets, a power of two; 0: 1
    size_t capacity;  // bytes that are enough, and the search ends there; 0: as few as possible
    snug_pack_effort effort;
    // Microseconds of an ordinary core, roughly, that the search may take. Counted in steps, not by
    // the clock, so that the packing is the same everywhere. 0: 2 seconds' worth.
    uint64_t work;
    double seconds; // by the clock, when above 0: what is found by then depends on the machine
} snug_pack_options;

// Packs |count| buffers; their offsets are written and |*out_peak| receives the arena's bytes.
// Up to ten buffers are packed optimally. Deterministic (without |seconds|) and reentrant.
// SNUG_NO_FIT: no packing within |capacity| was found; the offsets are the best found.
// SNUG_INVALID: a lifetime is empty, the alignment is no power of two, or the sizes add up to more
// than SIZE_MAX / 4. It and SNUG_NOMEM leave the buffers as they were.
snug_status snug_pack(snug_buffer *buffers, size_t count, const snug_pack_options *options,
                      size_t *out_peak);

// The most bytes alive at one time: no packing needs less.
snug_status snug_pack_lower_bound(const snug_buffer *buffers, size_t count, size_t *out);

#endif
