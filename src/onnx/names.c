#include "onnx/names.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

static snug_onnx_name *slot_of(const snug_onnx_names *names, const char *name) {
    size_t at = snug_hash_slot(snug_hash_text(name), names->slot_count);
    while (names->slots[at].name && strcmp(names->slots[at].name, name) != 0)
        at = (at + 1) & (names->slot_count - 1);
    return &names->slots[at];
}

void *snug_onnx_names_find(const snug_onnx_names *names, const char *name) {
    return names->slot_count ? slot_of(names, name)->value : NULL;
}

static snug_status grow(snug_onnx_names *names) {
    if (2 * names->count < names->slot_count) return SNUG_OK;
    snug_onnx_names larger = {.slot_count = names->slot_count ? 2 * names->slot_count : 32,
                              .count = names->count};
    SNUG_TRY(SNUG_NEW(&larger.slots, larger.slot_count));
    for (size_t i = 0; i < names->slot_count; i++)
        if (names->slots[i].name) *slot_of(&larger, names->slots[i].name) = names->slots[i];
    snug_memory_free(names->slots);
    *names = larger;
    return SNUG_OK;
}

snug_status snug_onnx_names_put(snug_onnx_names *names, const char *name, void *value) {
    SNUG_TRY(grow(names));
    snug_onnx_name *slot = slot_of(names, name);
    names->count += !slot->name;
    *slot = (snug_onnx_name){name, value};
    return SNUG_OK;
}

void snug_onnx_names_clear(snug_onnx_names *names) {
    snug_memory_free(names->slots);
    *names = (snug_onnx_names){0};
}

snug_status snug_onnx_join_names(snug_pool *pool, const char *first, const char *second,
                                 char **out) {
    enum { MOST = 500, BEGINNING = 400 };
    size_t length = strlen(first), more = strlen(second);
    if (length + more <= MOST) return snug_pool_print(pool, out, "%s%s", first, second);
    uint64_t hash = snug_hash_more(snug_hash_text(first), second, more);
    int begins = length < BEGINNING ? (int)length : BEGINNING;
    return snug_pool_print(pool, out, "%.*s%.*s~%016" PRIx64, begins, first, BEGINNING - begins,
                           second, hash);
}
