// Replays allocations and frees. The trace is a ring: a free without its alloc, and a block that is
// live at the end without one, were live before it began.
#include "explain/trace/timeline.h"

#include <string.h>

#include "base/memory.h"
#include "torch_allocator/address_map.h"

const char *const snug_kind_names[SNUG_KINDS] = {"weights",     "gradients", "optimizer",
                                                 "activations", "workspace", "unclassified"};

// What an address holds while the trace is replayed: the index of a life, and whether its tensor is
// gone while other streams may still use it.
enum { FREED = 1 };
#define NO_LIFE (UINT64_MAX >> 1)

static uint64_t holding(uint64_t life, bool freed) {
    return life << 1 | (freed ? FREED : 0);
}

// While lives are found, those from before are collected beside the others.
typedef struct life_lists {
    snug_timeline *timeline;
    snug_address_map map;
    snug_life *lives, *before;
    size_t count, capacity, before_count, before_capacity;
} life_lists;

static snug_status add_before(life_lists *lists, const snug_life *life) {
    SNUG_TRY(SNUG_GROW(&lists->before, &lists->before_capacity, lists->before_count + 1));
    lists->before[lists->before_count] = *life;
    lists->before[lists->before_count++].before = true;
    return SNUG_OK;
}

// The life that |held| says is there, NULL where it is over.
static snug_life *living(life_lists *lists, uint64_t held) {
    return held & FREED || !lists->lives ? NULL : &lists->lives[held >> 1];
}

static snug_status on_alloc(life_lists *lists, const snug_trace_entry *entry, uint32_t position) {
    const uint64_t *held = snug_address_map_get(&lists->map, entry->address);
    snug_life *life = held ? living(lists, *held) : NULL;
    if (life) life->death = position; // its free was not recorded
    SNUG_TRY(SNUG_GROW(&lists->lives, &lists->capacity, lists->count + 1));
    lists->lives[lists->count] = (snug_life){.address = entry->address,
                                             .size = entry->size,
                                             .birth = position,
                                             .death = UINT32_MAX,
                                             .stack = entry->stack};
    return snug_address_map_set(&lists->map, entry->address, holding(lists->count++, false));
}

static snug_status on_free(life_lists *lists, const snug_trace_entry *entry, uint32_t position) {
    bool done = entry->action == SNUG_TRACE_FREE_COMPLETED;
    uint64_t *held = snug_address_map_get(&lists->map, entry->address);
    if (held) {
        snug_life *life = living(lists, *held);
        if (life) life->death = position;
        *held |= FREED;
        if (done) snug_address_map_remove(&lists->map, entry->address, NULL);
        return SNUG_OK;
    }
    // Until it is completed: the same address must not count twice.
    if (!done) SNUG_TRY(snug_address_map_set(&lists->map, entry->address, holding(NO_LIFE, true)));
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
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device != lists->timeline->device) continue;
        for (size_t b = 0; b < segment->block_count; b++) {
            const snug_block *block = &snapshot->blocks[segment->first_block + b];
            if (block->state != SNUG_BLOCK_ACTIVE || block->size == 0) continue;
            const uint64_t *held = snug_address_map_get(&lists->map, block->address);
            snug_life *life = held ? living(lists, *held) : NULL;
            if (life) {
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

// Live bytes from entry to entry.
static snug_status find_live(snug_timeline *timeline) {
    uint64_t live = 0, *freed = NULL;
    SNUG_TRY(SNUG_NEW(&timeline->live_before, (size_t)timeline->count + 1));
    SNUG_TRY(SNUG_NEW(&freed, (size_t)timeline->count + 1));
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->before) live += life->size;
        if (life->death < timeline->count) freed[life->death] += life->size;
    }
    timeline->live_before[0] = live;
    size_t next = timeline->before_count;
    for (uint32_t p = 0; p < timeline->count; p++) {
        for (; next < timeline->life_count && timeline->lives[next].birth == p; next++)
            live += timeline->lives[next].size;
        live -= freed[p] < live ? freed[p] : live;
        timeline->live_before[p + 1] = live;
    }
    snug_memory_free(freed);
    return SNUG_OK;
}

// Libraries ask for a workspace and do with less where there is none: their failure reaches nobody,
// and the same line's next request follows.
static bool is_made_up_for(const snug_timeline *timeline, const snug_stacks *stacks, uint32_t oom) {
    snug_stack_id python = stacks->about[timeline->entries[oom].stack].python;
    bool told = timeline->snapshot->has_stacks; // also of the backward pass, which has no Python
    for (uint32_t p = oom + 1; p < timeline->count && told; p++) {
        const snug_trace_entry *entry = &timeline->entries[p];
        if (entry->action == SNUG_TRACE_OOM) return false;
        if (entry->action == SNUG_TRACE_ALLOC) return stacks->about[entry->stack].python == python;
    }
    return false;
}

// Whether the same line failed again at once, with nothing else asked for in between.
static bool is_repeated(const snug_timeline *timeline, const snug_stacks *stacks, uint32_t oom) {
    snug_stack_id python = stacks->about[timeline->entries[oom].stack].python;
    bool told = timeline->snapshot->has_stacks; // also of the backward pass, which has no Python
    for (uint32_t p = oom + 1; p < timeline->count && told; p++) {
        const snug_trace_entry *entry = &timeline->entries[p];
        if (entry->action == SNUG_TRACE_ALLOC) return false;
        if (entry->action == SNUG_TRACE_OOM) return stacks->about[entry->stack].python == python;
    }
    return false;
}

// The position that is explained.
static void find_position(snug_timeline *timeline, const snug_stacks *stacks) {
    const uint64_t *live = timeline->live_before;
    for (uint32_t p = 0; p <= timeline->count; p++)
        if (live[p] > live[timeline->peak_at]) timeline->peak_at = p;
    for (uint32_t p = 0; p < timeline->count; p++) {
        if (timeline->entries[p].action != SNUG_TRACE_OOM) continue;
        if (is_made_up_for(timeline, stacks, p) || is_repeated(timeline, stacks, p)) continue;
        if (timeline->has_oom)
            timeline->previous_oom = timeline->at;
        else
            timeline->first_oom = p;
        timeline->has_oom = true;
        timeline->at = p;
        timeline->oom_count++;
    }
    if (!timeline->has_oom) timeline->at = timeline->peak_at;
    timeline->peak = live[timeline->peak_at];
    timeline->live = live[timeline->at];
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

static snug_status collect(life_lists *lists, const snug_stacks *stacks) {
    SNUG_TRY(replay(lists));
    SNUG_TRY(add_blocks(lists));
    SNUG_TRY(join(lists));
    SNUG_TRY(find_live(lists->timeline));
    find_position(lists->timeline, stacks);
    return SNUG_OK;
}

bool snug_timeline_goes_on(const snug_timeline *timeline) {
    size_t made = timeline->life_count - timeline->before_count, after = 0;
    if (timeline->has_oom) return false;
    for (size_t i = timeline->life_count; i-- > timeline->before_count; after++)
        if (timeline->lives[i].birth < timeline->at) break;
    return after > made / 4;
}

snug_status snug_timeline_make(const snug_snapshot *snapshot, const snug_stacks *stacks, int device,
                               snug_timeline *out) {
    *out = (snug_timeline){.snapshot = snapshot, .device = device, .first_oom = UINT32_MAX};
    for (size_t i = 0; i < snapshot->trace_count; i++) {
        if (snapshot->traces[i].device != device || snapshot->traces[i].count == 0) continue;
        if (snapshot->traces[i].count >= UINT32_MAX / 2)
            return snug_fail(SNUG_BAD_FILE, "device_traces[%d]: %zu entries are too many", device,
                             snapshot->traces[i].count);
        out->entries = snapshot->entries + snapshot->traces[i].first;
        out->count = (uint32_t)snapshot->traces[i].count;
    }
    life_lists lists = {.timeline = out};
    snug_status status = collect(&lists, stacks);
    if (status == SNUG_OK) find_reserved(out);
    snug_address_map_clear(&lists.map);
    snug_memory_free(lists.before);
    snug_memory_free(lists.lives);
    return status;
}

void snug_timeline_clear(snug_timeline *timeline) {
    snug_memory_free(timeline->lives);
    snug_memory_free(timeline->live_before);
    *timeline = (snug_timeline){0};
}
