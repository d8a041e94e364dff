#include "torch_allocator/address_map.h"

#include "base/memory.h"

// Addresses are multiples of 512 and more: their low bits say little.
static size_t home(const snug_address_map *map, uint64_t address) {
    uint64_t mixed = (address ^ (address >> 31)) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 20) & (map->capacity - 1);
}

// The entry of |address|, or the empty one where it would go.
static snug_address_entry *look_up(const snug_address_map *map, uint64_t address) {
    size_t at = home(map, address);
    while (map->entries[at].used && map->entries[at].address != address)
        at = (at + 1) & (map->capacity - 1);
    return &map->entries[at];
}

static snug_status widen(snug_address_map *map) {
    snug_address_map wider = {.capacity = map->capacity ? map->capacity * 2 : 64};
    SNUG_TRY(SNUG_NEW(&wider.entries, wider.capacity));
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].used) *look_up(&wider, map->entries[i].address) = map->entries[i];
    wider.count = map->count;
    snug_memory_free(map->entries);
    *map = wider;
    return SNUG_OK;
}

snug_status snug_address_map_set(snug_address_map *map, uint64_t address, uint64_t value) {
    if (2 * (map->count + 1) > map->capacity) SNUG_TRY(widen(map));
    snug_address_entry *entry = look_up(map, address);
    map->count += !entry->used;
    *entry = (snug_address_entry){.address = address, .value = value, .used = true};
    return SNUG_OK;
}

uint64_t *snug_address_map_get(const snug_address_map *map, uint64_t address) {
    if (map->capacity == 0) return NULL;
    snug_address_entry *entry = look_up(map, address);
    return entry->used ? &entry->value : NULL;
}

bool snug_address_map_remove(snug_address_map *map, uint64_t address, uint64_t *value) {
    if (map->capacity == 0) return false;
    snug_address_entry *gap = look_up(map, address);
    if (!gap->used) return false;
    if (value) *value = gap->value;
    map->count--;
    // Later entries of the run move up where the gap would hide them.
    size_t mask = map->capacity - 1, at = (size_t)(gap - map->entries), hole = at;
    for (at = (at + 1) & mask; map->entries[at].used; at = (at + 1) & mask) {
        size_t wanted = home(map, map->entries[at].address);
        if (((at - wanted) & mask) < ((at - hole) & mask)) continue;
        map->entries[hole] = map->entries[at];
        hole = at;
    }
    map->entries[hole].used = false;
    return true;
}

void snug_address_map_clear(snug_address_map *map) {
    snug_memory_free(map->entries);
    *map = (snug_address_map){0};
}
