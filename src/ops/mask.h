// The random numbers of dropout and stochastic depth: the same on every device, in every
// micro-batch and in a recomputed copy.
#ifndef SNUG_OPS_MASK_H
#define SNUG_OPS_MASK_H

#include "base/random.h"

// Four 32-bit words for elements 4*group .. 4*group+3 of a sample (counted in memory order within
// the sample). |sample| is its index in the batch.
static inline snug_random_block snug_mask_block(uint64_t seed, uint64_t step, int64_t salt,
                                                int64_t sample, int64_t group) {
    return snug_random_at(seed ^ (uint64_t)salt * UINT64_C(0x9E3779B97F4A7C15),
                          step << 32 ^ (uint64_t)sample, (uint64_t)group);
}

// Whether an element whose word is |word| is kept when elements drop with probability |p|.
static inline int snug_mask_keeps(uint32_t word, double p) {
    return (double)snug_random_uniform(word) >= p;
}

#endif
