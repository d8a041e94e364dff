// FNV-1a in 64 bits: for tables, and for numbers that have to be the same in every run of every
// version (streams of random numbers by a tensor's name, names of kept files).
#ifndef SNUG_BASE_HASH_H
#define SNUG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SNUG_HASH_START UINT64_C(0xCBF29CE484222325)

// |hash| of what comes before |data|; SNUG_HASH_START where nothing does.
static inline uint64_t snug_hash_more(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++)
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): callers fill |data|
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static inline uint64_t snug_hash_text(const char *text) {
    return snug_hash_more(SNUG_HASH_START, text, strlen(text));
}

// A place in a table of |slots|, a power of two: all of the hash counts.
static inline size_t snug_hash_slot(uint64_t hash, size_t slots) {
    return (size_t)(hash ^ hash >> 32) & (slots - 1);
}

#endif
