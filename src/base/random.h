// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A value depends on its key and counter alone, so recomputed operations and
// micro-batches see the numbers that the whole batch would.
#ifndef SNUG_BASE_RANDOM_H
#define SNUG_BASE_RANDOM_H

#include <stdint.h>

typedef struct snug_random_block {
    uint32_t words[4];
} snug_random_block;

// The block of four words at |counter| (128 bits as two halves) under |key|.
static inline snug_random_block snug_random_at(uint64_t key, uint64_t counter_low,
                                               uint64_t counter_high) {
    uint32_t c0 = (uint32_t)counter_low, c1 = (uint32_t)(counter_low >> 32);
    uint32_t c2 = (uint32_t)counter_high, c3 = (uint32_t)(counter_high >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (snug_random_block){{c0, c1, c2, c3}};
}

// A word as a float in [0, 1), 24 bits of it.
static inline float snug_random_uniform(uint32_t word) {
    return (float)(word >> 8) * 0x1p-24f;
}

// Two standard normal values from two words (Box-Muller).
void snug_random_normal(uint32_t word_a, uint32_t word_b, double out[2]);

#endif
