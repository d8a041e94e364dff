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

typedef struct snug_pack_options {
    size_t alignment; // of offsets, a power of two; 0: 1
} snug_pack_options;

// Packs |count| buffers; their offsets are written and |*out_peak| receives the arena's bytes.
// Deterministic and reentrant. SNUG_NOMEM leaves the buffers as they were.
snug_status snug_pack(snug_buffer *buffers, size_t count, const snug_pack_options *options,
                      size_t *out_peak);

// The most bytes alive at one time: no packing needs less.
snug_status snug_pack_lower_bound(const snug_buffer *buffers, size_t count, size_t *out);

#endif
