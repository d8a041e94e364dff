#include "plan/persistent.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/size.h"
#include "device/device.h"
#include "plan/lifetime.h"

// Where |name| of |space| is in the table, or the free place where it would go.
static size_t probe(const snug_persistent *persistent, snug_space space, const char *name) {
    size_t mask = persistent->table_size - 1;
    size_t place = snug_hash_slot(snug_hash_text(name), persistent->table_size);
    for (; persistent->table[place] >= 0; place = (place + 1) & mask) {
        const snug_slot *slot = &persistent->slots[persistent->table[place]];
        if (snug_role_space(slot->role) == space && strcmp(slot->name, name) == 0) break;
    }
    return place;
}

const snug_slot *snug_persistent_find(const snug_persistent *persistent, snug_space space,
                                      const char *name) {
    if (persistent->table_size == 0) return NULL;
    int32_t index = persistent->table[probe(persistent, space, name)];
    return index >= 0 ? &persistent->slots[index] : NULL;
}

// Keeps the table at most half full.
static snug_status grow_table(snug_persistent *persistent) {
    if (2 * (persistent->count + 1) <= persistent->table_size) return SNUG_OK;
    size_t size = persistent->table_size ? 2 * persistent->table_size : 64;
    int32_t *table = NULL;
    SNUG_TRY(SNUG_NEW(&table, size));
    for (size_t i = 0; i < size; i++)
        table[i] = -1;
    snug_memory_free(persistent->table);
    persistent->table = table;
    persistent->table_size = size;
    assert(persistent->count == 0 || persistent->slots);
    for (size_t i = 0; i < persistent->count; i++)
        table[probe(persistent, snug_role_space(persistent->slots[i].role),
                    persistent->slots[i].name)] = (int32_t)i;
    return SNUG_OK;
}

static bool starts_alike(const snug_init *a, const snug_init *b) {
    if (a->kind != b->kind) return false;
    if (a->kind == SNUG_INIT_DATA) return a->data == b->data;
    // Bits, so that NaN is like itself.
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
    return memcmp(&a->a, &b->a, sizeof a->a) == 0 && memcmp(&a->b, &b->b, sizeof a->b) == 0;
}

static snug_status add_slot(snug_persistent *persistent, const snug_tensor *tensor) {
    snug_space space = snug_role_space(tensor->role);
    const snug_slot *found = snug_persistent_find(persistent, space, tensor->name);
    if (found) {
        bool same = snug_type_equal(&found->type, &tensor->type) && found->role == tensor->role &&
                    starts_alike(&found->init, &tensor->init);
        return same ? SNUG_OK
                    : snug_fail(SNUG_INTERNAL, "'%s' is two tensors in one plan", tensor->name);
    }
    SNUG_TRY(grow_table(persistent));
    SNUG_TRY(SNUG_GROW(&persistent->slots, &persistent->capacity, persistent->count + 1));
    snug_slot *slot = &persistent->slots[persistent->count];
    *slot = (snug_slot){.type = tensor->type,
                        .role = tensor->role,
                        .init = tensor->init,
                        .offset = persistent->bytes,
                        .bytes = snug_type_bytes(&tensor->type)};
    SNUG_TRY(snug_memory_copy_text(tensor->name, &slot->name));
    size_t end;
    if (!snug_size_add(slot->offset, slot->bytes, &end) || end > SIZE_MAX / 2) {
        snug_memory_free(slot->name);
        return snug_fail(SNUG_INVALID, "the weights overflow the address space");
    }
    persistent->bytes = snug_size_align(end, SNUG_ARENA_ALIGNMENT);
    persistent->table[probe(persistent, space, slot->name)] = (int32_t)persistent->count++;
    return SNUG_OK;
}

snug_status snug_persistent_add(snug_persistent *persistent, const snug_graph *graph) {
    for (size_t i = 0; i < graph->tensor_count; i++)
        if (snug_tensor_is_persistent(graph->tensors[i]))
            SNUG_TRY(add_slot(persistent, graph->tensors[i]));
    return SNUG_OK;
}

void snug_persistent_clear(snug_persistent *persistent) {
    for (size_t i = 0; i < persistent->count; i++)
        snug_memory_free(persistent->slots[i].name);
    snug_memory_free(persistent->slots);
    snug_memory_free(persistent->table);
    *persistent = (snug_persistent){0};
}
