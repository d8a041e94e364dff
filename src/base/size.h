// Checked size arithmetic.
#ifndef SNUG_BASE_SIZE_H
#define SNUG_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "snug/size.h"

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

#endif
