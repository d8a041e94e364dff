#include "base/pool.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"

enum { BLOCK_BYTES = 64 * 1024 };

typedef struct snug_pool_block {
    struct snug_pool_block *next;
    alignas(max_align_t) unsigned char data[];
} snug_pool_block;

static snug_status add_block(snug_pool *pool, size_t bytes) {
    size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    if (capacity > SIZE_MAX - sizeof(snug_pool_block))
        return snug_fail(SNUG_NOMEM, "no host memory for %zu bytes", bytes);
    void *block = NULL;
    SNUG_TRY(snug_memory_new(1, sizeof(snug_pool_block) + capacity, &block));
    ((snug_pool_block *)block)->next = pool->blocks;
    pool->blocks = block;
    pool->used = 0;
    pool->capacity = capacity;
    return SNUG_OK;
}

snug_status snug_pool_new(snug_pool *pool, size_t bytes, void **out) {
    *out = NULL;
    if (bytes > SIZE_MAX / 2) return snug_fail(SNUG_NOMEM, "no host memory for %zu bytes", bytes);
    bytes = snug_size_align(bytes ? bytes : 1, alignof(max_align_t));
    if (!pool->blocks || pool->capacity - pool->used < bytes) SNUG_TRY(add_block(pool, bytes));
    *out = pool->blocks->data + pool->used;
    pool->used += bytes;
    return SNUG_OK;
}

snug_status snug_pool_text(snug_pool *pool, const char *text, char **out) {
    size_t bytes = strlen(text) + 1;
    SNUG_TRY(snug_pool_new(pool, bytes, (void **)out));
    assert(*out);
    memcpy(*out, text, bytes);
    return SNUG_OK;
}

snug_status snug_pool_print(snug_pool *pool, char **out, const char *format, ...) {
    va_list arguments;
    *out = NULL;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    SNUG_TRY(snug_pool_new(pool, (size_t)length + 1, (void **)out));
    va_start(arguments, format);
    vsnprintf(*out, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return SNUG_OK;
}

void snug_pool_clear(snug_pool *pool) {
    snug_pool_block *block = pool->blocks;
    while (block) {
        snug_pool_block *next = block->next;
        snug_memory_free(block);
        block = next;
    }
    *pool = (snug_pool){0};
}
