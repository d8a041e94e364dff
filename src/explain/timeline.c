// Replays allocations and frees. The trace is a ring: a free without its alloc, and a block that is
// live at the end without one, were live before it began.
#include "explain/timeline.h"

#include <string.h>

#include "base/memory.h"

const char *const snug_kind_names[SNUG_KINDS] = {"weights",     "gradients", "optimizer",
                                                 "activations", "workspace", "unclassified"};

// From addresses to the life that is there. Open addressing; what is taken out is moved up.
typedef struct address_slot {
    uint64_t address;
    uint32_t life; // index + 1; 0: empty
    bool freed;    // its tensor is gone, other streams may still use it
} address_slot;

typedef struct address_map {
    address_slot *slots;
    size_t size, count;
} address_map;

static size_t home_of(const address_map *map, uint64_t address) {
    return (size_t)(address * 0x9E3779B97F4A7C15u >> 20) & (map->size - 1);
}

static address_slot *find(const address_map *map, uint64_t address) {
    size_t at = home_of(map, address);
    while (map->slots[at].life != 0 && map->slots[at].address != address)
        at = (at + 1) & (map->size - 1);
    return &map->slots[at];
}

static snug_status grow(address_map *map) {
    if (map->size && map->count * 2 < map->size) return SNUG_OK;
    address_map grown = {.size = map->size ? map->size * 2 : 256, .count = map->count};
    SNUG_TRY(SNUG_NEW(&grown.slots, grown.size));
    for (size_t i = 0; i < map->size; i++)
        if (map->slots[i].life) *find(&grown, map->slots[i].address) = map->slots[i];
    snug_memory_free(map->slots);
    *map = grown;
    return SNUG_OK;
}

static void take_out(address_map *map, address_slot *slot) {
    size_t hole = (size_t)(slot - map->slots), at = hole;
    for (;;) {
        at = (at + 1) & (map->size - 1);
        if (map->slots[at].life == 0) break;
        size_t home = home_of(map, map->slots[at].address);
        // Stays where its own place lies behind the hole.
        bool stays = hole <= at ? hole < home && home <= at : hole < home || home <= at;
        if (stays) continue;
        map->slots[hole] = map->slots[at];
        hole = at;
    }
    map->slots[hole].life = 0;
    map->count--;
}

// While lives are found, those from before are collected beside the others.
typedef struct life_lists {
    snug_timeline *timeline;
    address_map map;
    snug_life *lives, *before;
    size_t count, capacity, before_count, before_capacity;
} life_lists;

static snug_status add_before(life_lists *lists, const snug_life *life) {
    SNUG_TRY(SNUG_GROW(&lists->before, &lists->before_capacity, lists->before_count + 1));
    lists->before[lists->before_count] = *life;
    lists->before[lists->before_count++].before = true;
    return SNUG_OK;
}

static snug_status on_alloc(life_lists *lists, const snug_trace_entry *entry, uint32_t position) {
    SNUG_TRY(grow(&lists->map));
    address_slot *slot = find(&lists->map, entry->address);
    if (slot->life != 0 && !slot->freed) lists->lives[slot->life - 1].death = position;
    lists->map.count += slot->life == 0;
    SNUG_TRY(SNUG_GROW(&lists->lives, &lists->capacity, lists->count + 1));
    lists->lives[lists->count] = (snug_life){.address = entry->address,
                                             .size = entry->size,
                                             .birth = position,
                                             .death = UINT32_MAX,
                                             .stack = entry->stack};
    *slot = (address_slot){.address = entry->address, .life = (uint32_t)++lists->count};
    return SNUG_OK;
}

static snug_status on_free(life_lists *lists, const snug_trace_entry *entry, uint32_t position) {
    bool done = entry->action == SNUG_TRACE_FREE_COMPLETED;
    SNUG_TRY(grow(&lists->map));
    address_slot *slot = find(&lists->map, entry->address);
    if (slot->life != 0) {
        if (!slot->freed && slot->life != UINT32_MAX) lists->lives[slot->life - 1].death = position;
        slot->freed = true;
        if (done) take_out(&lists->map, slot);
        return SNUG_OK;
    }
    if (!done) {
        // Until it is completed: the same address must not count twice.
        *slot = (address_slot){.address = entry->address, .life = UINT32_MAX, .freed = true};
        lists->map.count++;
    }
    // The stack of a free is where it was freed, not where it was made.
    return add_before(
        lists, &(snug_life){.address = entry->address, .size = entry->size, .death = position});
}

static snug_status replay(life_lists *lists) {
    snug_timeline *timeline = lists->timeline;
    for (uint32_t i = 0; i < timeline->count; i++) {
        const snug_trace_entry *entry = &timeline->entries[i];
        if (entry->action == SNUG_TRACE_ALLOC) SNUG_TRY(on_alloc(lists, entry, i));
        if (entry->action == SNUG_TRACE_FREE_REQUESTED ||
            entry->action == SNUG_TRACE_FREE_COMPLETED)
            SNUG_TRY(on_free(lists, entry, i));
    }
    return SNUG_OK;
}

// Blocks that are live at the end: the trace has their alloc, or they are older than it.
static snug_status add_blocks(life_lists *lists) {
    const snug_snapshot *snapshot = lists->timeline->snapshot;
    SNUG_TRY(grow(&lists->map));
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device != lists->timeline->device) continue;
        for (size_t b = 0; b < segment->block_count; b++) {
            const snug_block *block = &snapshot->blocks[segment->first_block + b];
            if (block->state != SNUG_BLOCK_ACTIVE || block->size == 0) continue;
            address_slot *slot = find(&lists->map, block->address);
            if (slot->life != 0 && !slot->freed) {
                snug_life *life = &lists->lives[slot->life - 1];
                if (life->stack == 0) life->stack = block->stack;
                continue;
            }
            SNUG_TRY(add_before(lists, &(snug_life){.address = block->address,
                                                    .size = block->size,
                                                    .death = UINT32_MAX,
                                                    .stack = block->stack}));
        }
    }
    return SNUG_OK;
}

// One array of all: those from before in front.
static snug_status join(life_lists *lists) {
    snug_timeline *timeline = lists->timeline;
    size_t total = lists->count + lists->before_count;
    SNUG_TRY(SNUG_GROW(&lists->lives, &lists->capacity, total));
    if (lists->count > 0)
        memmove(lists->lives + lists->before_count, lists->lives,
                lists->count * sizeof *lists->lives);
    if (lists->before_count > 0)
        memcpy(lists->lives, lists->before, lists->before_count * sizeof *lists->before);
    timeline->lives = lists->lives;
    timeline->life_count = total;
    timeline->before_count = lists->before_count;
    lists->lives = NULL;
    return SNUG_OK;
}

// Live bytes from entry to entry, and the position that is explained.
static snug_status find_position(snug_timeline *timeline) {
    uint64_t live = 0, *freed = NULL;
    uint32_t peak_at = 0;
    SNUG_TRY(SNUG_NEW(&freed, (size_t)timeline->count + 1));
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->before) live += life->size;
        if (life->death < timeline->count) freed[life->death] += life->size;
    }
    timeline->peak = live;
    size_t next = timeline->before_count;
    uint64_t at_oom = live;
    for (uint32_t p = 0; p < timeline->count; p++) {
        if (timeline->entries[p].action == SNUG_TRACE_OOM) {
            timeline->has_oom = true;
            timeline->at = p;
            timeline->oom_count++;
            at_oom = live;
        }
        for (; next < timeline->life_count && timeline->lives[next].birth == p; next++)
            live += timeline->lives[next].size;
        live -= freed[p] < live ? freed[p] : live;
        if (live <= timeline->peak) continue;
        timeline->peak = live;
        peak_at = p + 1;
    }
    snug_memory_free(freed);
    timeline->peak_at = peak_at;
    if (!timeline->has_oom) timeline->at = peak_at;
    timeline->live = timeline->has_oom ? at_oom : timeline->peak;
    return SNUG_OK;
}

// Reserved bytes, from the end backwards.
static void find_reserved(snug_timeline *timeline) {
    const snug_snapshot *snapshot = timeline->snapshot;
    uint64_t reserved = 0;
    for (size_t i = 0; i < snapshot->segment_count; i++)
        if (snapshot->segments[i].device == timeline->device)
            reserved += snapshot->segments[i].total;
    timeline->end_reserved = reserved;
    if (timeline->at == timeline->count) timeline->reserved = timeline->most_reserved = reserved;
    for (uint32_t p = timeline->count; p-- > 0;) {
        const snug_trace_entry *entry = &timeline->entries[p];
        bool more =
            entry->action == SNUG_TRACE_SEGMENT_FREE || entry->action == SNUG_TRACE_SEGMENT_UNMAP;
        bool less =
            entry->action == SNUG_TRACE_SEGMENT_ALLOC || entry->action == SNUG_TRACE_SEGMENT_MAP;
        if (more) reserved += entry->size;
        if (less) reserved -= entry->size < reserved ? entry->size : reserved;
        if (p == timeline->at) timeline->reserved = reserved;
        if (p <= timeline->at && reserved > timeline->most_reserved)
            timeline->most_reserved = reserved;
    }
}

static snug_status collect(life_lists *lists) {
    SNUG_TRY(replay(lists));
    SNUG_TRY(add_blocks(lists));
    SNUG_TRY(join(lists));
    return find_position(lists->timeline);
}

snug_status snug_timeline_make(const snug_snapshot *snapshot, int device, snug_timeline *out) {
    *out = (snug_timeline){.snapshot = snapshot, .device = device};
    for (size_t i = 0; i < snapshot->trace_count; i++) {
        if (snapshot->traces[i].device != device) continue;
        if (snapshot->traces[i].count >= UINT32_MAX / 2)
            return snug_fail(SNUG_BAD_FILE, "device_traces[%d]: %zu entries are too many", device,
                             snapshot->traces[i].count);
        out->entries = snapshot->entries + snapshot->traces[i].first;
        out->count = (uint32_t)snapshot->traces[i].count;
    }
    life_lists lists = {.timeline = out};
    snug_status status = collect(&lists);
    if (status == SNUG_OK) find_reserved(out);
    snug_memory_free(lists.map.slots);
    snug_memory_free(lists.before);
    snug_memory_free(lists.lives);
    return status;
}

void snug_timeline_clear(snug_timeline *timeline) {
    snug_memory_free(timeline->lives);
    *timeline = (snug_timeline){0};
}
