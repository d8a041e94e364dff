#include "base/memory.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

snug_status snug_memory_new(size_t count, size_t size, void **out) {
    *out = NULL;
    if (count == 0) return SNUG_OK;
    *out = calloc(count, size);
    if (!*out) return snug_fail(SNUG_NOMEM, "no host memory for %zu x %zu bytes", count, size);
    return SNUG_OK;
}

snug_status snug_memory_grow(void **array, size_t *capacity, size_t count, size_t size) {
    if (count <= *capacity) return SNUG_OK;
    size_t wanted = *capacity < 8 ? 8 : *capacity;
    while (wanted < count) {
        if (wanted > SIZE_MAX / 2) return snug_fail(SNUG_NOMEM, "an array outgrew the host");
        wanted *= 2;
    }
    if (wanted > SIZE_MAX / size) return snug_fail(SNUG_NOMEM, "an array outgrew the host");
    void *grown = realloc(*array, wanted * size);
    if (!grown) return snug_fail(SNUG_NOMEM, "no host memory for %zu x %zu bytes", wanted, size);
    *array = grown;
    *capacity = wanted;
    return SNUG_OK;
}

snug_status snug_memory_copy_text(const char *text, char **out) {
    size_t bytes = strlen(text) + 1;
    SNUG_TRY(SNUG_NEW(out, bytes));
    assert(*out);
    memcpy(*out, text, bytes);
    return SNUG_OK;
}

void snug_memory_free(void *memory) {
    free(memory);
}
