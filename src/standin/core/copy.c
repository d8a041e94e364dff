// Copies between any two places, and fills, for runtime and driver.
#include <stdlib.h>
#include <string.h>

#include "standin/core/state.h"

// Fills with anything but zeros are kept up to this many bytes. Zeros are what unknown bytes read
// as in any case, and mostly the beginning of something that a kernel adds up.
enum { FILL_LIMIT = 1 << 16 };

static uint64_t number(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

int snug_memory_copy(void *to, const void *from, size_t size) {
    if (size == 0) return SNUG_CUDA_OK;
    if (!to || !from) return SNUG_CUDA_INVALID_VALUE;
    bool to_device = snug_books_is_device(number(to)),
         from_device = snug_books_is_device(number(from));
    if (to_device && from_device)
        snug_known_copy(number(to), number(from), size);
    else if (to_device)
        snug_known_write(number(to), from, size);
    else if (from_device)
        snug_known_read(number(from), to, size, NULL);
    else
        memmove(to, from, size);
    return SNUG_CUDA_OK;
}

int snug_memory_fill(void *to, int value, size_t size) {
    if (size == 0) return SNUG_CUDA_OK;
    if (!to) return SNUG_CUDA_INVALID_VALUE;
    if (!snug_books_is_device(number(to))) {
        memset(to, value, size);
        return SNUG_CUDA_OK;
    }
    unsigned char *bytes = (unsigned char)value && size <= FILL_LIMIT ? malloc(size) : NULL;
    if (bytes) memset(bytes, value, size);
    snug_known_write(number(to), bytes, size);
    free(bytes);
    return SNUG_CUDA_OK;
}
