// Checked size arithmetic and the text form of byte counts.
#ifndef SNUG_BASE_SIZE_H
#define SNUG_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// |*out| = a + b or a * b; false on overflow, with |*out| unspecified.
static inline bool snug_size_add(size_t a, size_t b, size_t *out) {
    return !__builtin_add_overflow(a, b, out);
}
static inline bool snug_size_multiply(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

// |bytes| rounded up to a multiple of |alignment| (a power of two).
static inline size_t snug_size_align(size_t bytes, size_t alignment) {
    return (bytes + alignment - 1) & ~(alignment - 1);
}

// Reads "1048576", "512MiB", "8GiB", "2G", "1.5GiB" (case of the unit is free; K, M, G, T are
// powers of 1024 with or without "iB"; KB, MB, GB, TB are powers of 1000). Zero and anything else
// is SNUG_INVALID with a message that names |text|.
snug_status snug_size_parse(const char *text, size_t *out);

enum { SNUG_SIZE_TEXT = 32 };

// Writes |bytes| for people into |text| (SNUG_SIZE_TEXT chars): "512 B", "1.50 MiB"; returns it.
const char *snug_size_print(size_t bytes, char text[SNUG_SIZE_TEXT]);

#endif
