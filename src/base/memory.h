// Host memory. All of snug's own allocations pass here; device memory does not.
#ifndef SNUG_BASE_MEMORY_H
#define SNUG_BASE_MEMORY_H

#include <stddef.h>

#include "base/status.h"

// Allocates |count| zeroed elements of |size| bytes into |*out|, NULL when count is zero.
// Returns SNUG_NOMEM (with |*out| NULL) on overflow or when the system has no more.
snug_status snug_memory_new(size_t count, size_t size, void **out);

// Grows the array at |*array| (|*capacity| elements of |size| bytes) to hold |count| elements,
// at least doubling it. On SNUG_NOMEM the array stays as it was.
snug_status snug_memory_grow(void **array, size_t *capacity, size_t count, size_t size);

// Copies |text|, terminator included, into a new allocation.
snug_status snug_memory_copy_text(const char *text, char **out);

// Releases what the functions above gave; NULL is allowed.
void snug_memory_free(void *memory);

// snug_memory_new for a typed pointer: SNUG_NEW(&nodes, count).
#define SNUG_NEW(out, count) snug_memory_new((count), sizeof **(out), (void **)(out))

// snug_memory_grow for a typed array: SNUG_GROW(&nodes, &capacity, count).
#define SNUG_GROW(array, capacity, count)                                                          \
    snug_memory_grow((void **)(array), (capacity), (count), sizeof **(array))

#endif
