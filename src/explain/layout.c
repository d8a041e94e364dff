// How memory lay when the request failed: the segments of the end, with what happened to them since
// taken back, and the tensors that were live in them.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/timeline.h"

// Requests up to this come from segments of their own kind.
enum { SMALL_REQUEST = 1 << 20, SMALL_SEGMENT = 2 << 20, MOST_CHANGES = 20000 };

typedef struct range_list {
    snug_range *items;
    size_t count, capacity;
} range_list;

static snug_status add(range_list *list, const snug_range *range) {
    SNUG_TRY(SNUG_GROW(&list->items, &list->capacity, list->count + 1));
    list->items[list->count++] = *range;
    return SNUG_OK;
}

// Takes [address, address + size) out of every range.
static snug_status subtract(range_list *list, uint64_t address, uint64_t size) {
    uint64_t end = address + size;
    size_t count = list->count;
    for (size_t i = 0; i < count; i++) {
        snug_range *range = &list->items[i];
        uint64_t last = range->address + range->size;
        if (last <= address || range->address >= end) continue;
        snug_range after = *range;
        range->size = address > range->address ? address - range->address : 0;
        if (last <= end) continue;
        after.address = end;
        after.size = last - end;
        SNUG_TRY(add(list, &after));
    }
    return SNUG_OK;
}

static snug_status undo(const snug_timeline *timeline, range_list *list) {
    size_t changes = 0;
    for (uint32_t p = timeline->count; p-- > timeline->at;) {
        const snug_trace_entry *entry = &timeline->entries[p];
        bool gone =
            entry->action == SNUG_TRACE_SEGMENT_FREE || entry->action == SNUG_TRACE_SEGMENT_UNMAP;
        bool came =
            entry->action == SNUG_TRACE_SEGMENT_ALLOC || entry->action == SNUG_TRACE_SEGMENT_MAP;
        if ((!gone && !came) || ++changes > MOST_CHANGES) continue;
        if (came)
            SNUG_TRY(subtract(list, entry->address, entry->size));
        else
            SNUG_TRY(add(list, &(snug_range){.address = entry->address,
                                             .size = entry->size,
                                             .pool = entry->pool,
                                             .stream = entry->stream,
                                             .large = entry->size > SMALL_SEGMENT}));
    }
    return SNUG_OK;
}

static int by_address(const void *left, const void *right) {
    const snug_range *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

static snug_status collect_segments(const snug_timeline *timeline, range_list *list) {
    const snug_snapshot *snapshot = timeline->snapshot;
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device != timeline->device) continue;
        SNUG_TRY(add(list, &(snug_range){.address = segment->address,
                                         .size = segment->total,
                                         .pool = segment->pool,
                                         .stream = segment->stream,
                                         .large = segment->large}));
    }
    SNUG_TRY(undo(timeline, list));
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].size > 0) list->items[kept++] = list->items[i];
    list->count = kept;
    if (kept > 0) qsort(list->items, kept, sizeof *list->items, by_address);
    return SNUG_OK;
}

// qsort has no context: pairs are sorted.
typedef struct placed_life {
    uint64_t address;
    uint32_t life;
} placed_life;

static int by_place(const void *left, const void *right) {
    const placed_life *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

static snug_status collect_lives(const snug_timeline *timeline, snug_layout *out) {
    placed_life *placed = NULL;
    size_t count = 0, capacity = 0;
    snug_status status = SNUG_OK;
    for (size_t i = 0; i < timeline->life_count && status == SNUG_OK; i++) {
        if (!snug_life_is_live(&timeline->lives[i], timeline->at)) continue;
        status = SNUG_GROW(&placed, &capacity, count + 1);
        if (status == SNUG_OK)
            placed[count++] = (placed_life){timeline->lives[i].address, (uint32_t)i};
    }
    if (status == SNUG_OK && count > 0) {
        qsort(placed, count, sizeof *placed, by_place);
        status = SNUG_NEW(&out->lives, count);
    }
    for (size_t i = 0; status == SNUG_OK && i < count; i++)
        out->lives[out->life_count++] = placed[i].life;
    snug_memory_free(placed);
    return status;
}

static void note_piece(snug_layout *out, const snug_range *segment, uint64_t bytes,
                       uint64_t request) {
    if (bytes == 0) return;
    out->unallocated += bytes;
    out->free_pieces++;
    bool usable = request == 0 || segment->large == (request > SMALL_REQUEST);
    if (usable && segment->pool == 0 && bytes > out->largest_free) out->largest_free = bytes;
}

// Walks segments and lives together, both by address.
static void find_pieces(const snug_timeline *timeline, uint64_t request, snug_layout *out) {
    size_t life = 0;
    for (size_t i = 0; i < out->segment_count; i++) {
        const snug_range *segment = &out->segments[i];
        uint64_t at = segment->address, end = segment->address + segment->size;
        while (life < out->life_count) {
            const snug_life *here = &timeline->lives[out->lives[life]];
            if (here->address >= end) break;
            life++;
            if (here->address + here->size <= at) continue;
            if (here->address > at) note_piece(out, segment, here->address - at, request);
            at = here->address + here->size;
            if (segment->pool != 0) out->private_pools += here->size;
        }
        if (at < end) note_piece(out, segment, end - at, request);
    }
}

snug_status snug_layout_make(const snug_timeline *timeline, uint64_t request, snug_layout *out) {
    range_list list = {0};
    *out = (snug_layout){0};
    snug_status status = collect_segments(timeline, &list);
    out->segments = list.items;
    out->segment_count = list.count;
    if (status == SNUG_OK) status = collect_lives(timeline, out);
    if (status == SNUG_OK) find_pieces(timeline, request, out);
    return status;
}

void snug_layout_clear(snug_layout *layout) {
    snug_memory_free(layout->segments);
    snug_memory_free(layout->lives);
    *layout = (snug_layout){0};
}
