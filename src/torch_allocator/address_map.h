// From addresses to numbers: open addressing, for millions of entries that come and go.
#ifndef SNUG_TORCH_ALLOCATOR_ADDRESS_MAP_H
#define SNUG_TORCH_ALLOCATOR_ADDRESS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct snug_address_entry {
    uint64_t address, value;
    bool used;
} snug_address_entry;

// Zero-initialise; |entries| may be looked through, |used| ones count.
typedef struct snug_address_map {
    snug_address_entry *entries;
    size_t count, capacity; // a power of two, or 0
} snug_address_map;

// Sets or replaces; SNUG_NOMEM leaves the map as it was.
snug_status snug_address_map_set(snug_address_map *map, uint64_t address, uint64_t value);
// The value's place until the map changes, NULL for none.
uint64_t *snug_address_map_get(const snug_address_map *map, uint64_t address);
// Whether it was there; |value| (may be NULL) receives what is removed.
bool snug_address_map_remove(snug_address_map *map, uint64_t address, uint64_t *value);
void snug_address_map_clear(snug_address_map *map);

#endif
