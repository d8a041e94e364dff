// Device addresses. They have to differ from every host address, as a card's do under unified
// addressing, and nothing is ever stored behind them: whole ranges are reserved without access
// (PROT_NONE takes no memory), and handed out in granules of 2 MiB.
//
// A table with an entry a granule, touched only where granules are in use, finds the block of an
// address in constant time. Freed addresses are used again by size, most recently freed first.
#include <stdlib.h>
#include <sys/mman.h>

#include "standin/core/state.h"

#define TIB ((uint64_t)1 << 40)
enum { BUCKETS = 4096 };

// The caller holds the books' lock; these are theirs alone.
static struct {
    uint64_t base, size, used; // bytes; granules are taken one behind the other
    uint32_t *ids;             // of each granule
} range;

typedef struct spare {
    uint64_t address, size;
    struct spare *next;
} spare;
static spare *spares[BUCKETS];

static bool reserve(void) {
    // A limit on the address space (ulimit -v, a sandbox) makes do with less.
    for (uint64_t size = 32 * TIB; size >= TIB / 64; size /= 2) {
        void *at = mmap(NULL, size + SNUG_GRANULE, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) continue;
        size_t table = size / SNUG_GRANULE * sizeof *range.ids;
        void *ids = mmap(NULL, table, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (ids == MAP_FAILED) {
            munmap(at, size + SNUG_GRANULE);
            continue;
        }
        range.base = ((uint64_t)(uintptr_t)at + SNUG_GRANULE - 1) / SNUG_GRANULE * SNUG_GRANULE;
        range.size = size;
        range.ids = ids;
        return true;
    }
    return false;
}

static spare **bucket_of(uint64_t size) {
    return &spares[size / SNUG_GRANULE * 2654435761u % BUCKETS];
}

uint64_t snug_addresses_take(uint64_t size) {
    for (spare **at = bucket_of(size); *at; at = &(*at)->next) {
        if ((*at)->size != size) continue;
        spare *found = *at;
        uint64_t address = found->address;
        *at = found->next;
        free(found);
        return address;
    }
    if (!range.base && !reserve()) return 0;
    if (size > range.size - range.used) return 0;
    uint64_t address = range.base + range.used;
    range.used += size;
    return address;
}

void snug_addresses_give(uint64_t address, uint64_t size) {
    spare *one = malloc(sizeof *one);
    if (!one) return; // the addresses stay unused; there are plenty
    spare **bucket = bucket_of(size);
    *one = (spare){.address = address, .size = size, .next = *bucket};
    *bucket = one;
}

bool snug_addresses_has(uint64_t address) {
    return range.base && address >= range.base && address - range.base < range.used;
}

bool snug_addresses_name(uint64_t address, uint64_t size, uint32_t id) {
    if (!snug_addresses_has(address)) return false;
    uint64_t first = (address - range.base) / SNUG_GRANULE;
    for (uint64_t i = 0; i < size / SNUG_GRANULE; i++)
        range.ids[first + i] = id;
    return true;
}

uint32_t snug_addresses_id(uint64_t address) {
    return snug_addresses_has(address) ? range.ids[(address - range.base) / SNUG_GRANULE] : 0;
}
