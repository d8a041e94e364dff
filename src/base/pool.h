// A pool: many small allocations that are released together, as a graph's nodes are.
#ifndef SNUG_BASE_POOL_H
#define SNUG_BASE_POOL_H

#include <stddef.h>

#include "base/status.h"

// Zero-initialise. Addresses stay valid until snug_pool_clear().
typedef struct snug_pool {
    struct snug_pool_block *blocks;
    size_t used;
    size_t capacity;
} snug_pool;

// |bytes| zeroed bytes, aligned for any type. SNUG_NOMEM leaves |*out| NULL.
snug_status snug_pool_new(snug_pool *pool, size_t bytes, void **out);

// Copies |text| into the pool.
snug_status snug_pool_text(snug_pool *pool, const char *text, char **out);

// A formatted text in the pool, of any length.
snug_status snug_pool_print(snug_pool *pool, char **out, const char *format, ...) SNUG_PRINTF(3, 4);

void snug_pool_clear(snug_pool *pool);

#endif
