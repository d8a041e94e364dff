// How memory lay when the request failed: the segments of the end, with what happened to them since
// taken back, and what was in them.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/trace/timeline.h"
#include "torch_allocator/address_map.h"

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

typedef struct piece_list {
    snug_piece *items;
    size_t count, capacity;
} piece_list;

static snug_status add_piece(piece_list *list, const snug_piece *piece) {
    SNUG_TRY(SNUG_GROW(&list->items, &list->capacity, list->count + 1));
    list->items[list->count++] = *piece;
    return SNUG_OK;
}

// Frees that were asked for before timeline->at and not completed by then: address to position.
static snug_status find_requested(const snug_timeline *timeline, snug_address_map *out) {
    for (uint32_t p = 0; p < timeline->at; p++) {
        const snug_trace_entry *entry = &timeline->entries[p], *next = entry + 1;
        bool asked = entry->action == SNUG_TRACE_FREE_REQUESTED;
        bool at_once = asked && p + 1 < timeline->at && next->action == SNUG_TRACE_FREE_COMPLETED &&
                       next->address == entry->address;
        if (asked && !at_once) SNUG_TRY(snug_address_map_set(out, entry->address, p));
        if (entry->action == SNUG_TRACE_FREE_COMPLETED || entry->action == SNUG_TRACE_ALLOC)
            snug_address_map_remove(out, entry->address, NULL);
    }
    return SNUG_OK;
}

// Blocks that wait at the end: since before the trace, where it does not have their free.
static snug_status add_waiting_blocks(const snug_timeline *timeline, piece_list *list) {
    const snug_snapshot *snapshot = timeline->snapshot;
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device != timeline->device) continue;
        for (size_t b = 0; b < segment->block_count; b++) {
            const snug_block *block = &snapshot->blocks[segment->first_block + b];
            if (block->state != SNUG_BLOCK_PENDING || block->size == 0) continue;
            SNUG_TRY(add_piece(list, &(snug_piece){.address = block->address,
                                                   .size = block->size,
                                                   .stack = block->stack,
                                                   .kind = SNUG_KIND_UNCLASSIFIED,
                                                   .pending = true}));
        }
    }
    return SNUG_OK;
}

static snug_status collect_pieces(const snug_timeline *timeline, piece_list *list) {
    snug_address_map requested = {0};
    snug_status status = find_requested(timeline, &requested);
    for (size_t i = 0; i < timeline->life_count && status == SNUG_OK; i++) {
        const snug_life *life = &timeline->lives[i];
        bool live = snug_life_is_live(life, timeline->at);
        const uint64_t *asked =
            life->death < timeline->at ? snug_address_map_get(&requested, life->address) : NULL;
        if (!live && !(asked && *asked == life->death)) continue;
        status = add_piece(list, &(snug_piece){.address = life->address,
                                               .size = life->size,
                                               .stack = life->stack,
                                               .kind = life->kind,
                                               .pending = !live});
    }
    snug_address_map_clear(&requested);
    if (status == SNUG_OK) status = add_waiting_blocks(timeline, list);
    return status;
}

static int by_place(const void *left, const void *right) {
    const snug_piece *a = left, *b = right;
    if (a->address != b->address) return a->address > b->address ? 1 : -1;
    return a->pending - b->pending;
}

// A tensor counts where something that waits overlaps it.
static void drop_overlaps(piece_list *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const snug_piece *piece = &list->items[i];
        snug_piece *last = kept > 0 ? &list->items[kept - 1] : NULL;
        bool overlaps = last && piece->address - last->address < last->size;
        if (overlaps && piece->pending) continue;
        if (overlaps && last->pending) kept--;
        list->items[kept++] = *piece;
    }
    list->count = kept;
}

static snug_status place_pieces(const snug_timeline *timeline, snug_memory_layout *out) {
    piece_list list = {0};
    snug_status status = collect_pieces(timeline, &list);
    if (list.count > 0) qsort(list.items, list.count, sizeof *list.items, by_place);
    drop_overlaps(&list);
    out->pieces = list.items;
    out->piece_count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        out->life_count += !list.items[i].pending;
        out->pending += list.items[i].pending ? list.items[i].size : 0;
    }
    return status;
}

static void note_free(snug_memory_layout *out, const snug_range *segment, uint64_t bytes,
                      uint64_t request) {
    if (bytes == 0) return;
    out->unallocated += bytes;
    out->private_free += segment->pool != 0 ? bytes : 0;
    out->free_pieces++;
    bool usable = request == 0 || segment->large == (request > SMALL_REQUEST);
    if (usable && segment->pool == 0 && bytes > out->largest_free) out->largest_free = bytes;
}

// Walks segments and pieces together, both by address.
static void find_free(uint64_t request, snug_memory_layout *out) {
    size_t next = 0;
    for (size_t i = 0; i < out->segment_count; i++) {
        const snug_range *segment = &out->segments[i];
        uint64_t at = segment->address, end = segment->address + segment->size;
        while (next < out->piece_count) {
            const snug_piece *here = &out->pieces[next];
            if (here->address >= end) break;
            next++;
            if (here->address + here->size <= at) continue;
            if (here->address > at) note_free(out, segment, here->address - at, request);
            at = here->address + here->size;
            if (segment->pool != 0 && !here->pending) out->private_pools += here->size;
        }
        if (at < end) note_free(out, segment, end - at, request);
    }
}

snug_status snug_memory_layout_make(const snug_timeline *timeline, uint64_t request,
                                    snug_memory_layout *out) {
    range_list list = {0};
    *out = (snug_memory_layout){0};
    snug_status status = collect_segments(timeline, &list);
    out->segments = list.items;
    out->segment_count = list.count;
    if (status == SNUG_OK) status = place_pieces(timeline, out);
    if (status == SNUG_OK) find_free(request, out);
    return status;
}

void snug_memory_layout_clear(snug_memory_layout *layout) {
    snug_memory_free(layout->segments);
    snug_memory_free(layout->pieces);
    *layout = (snug_memory_layout){0};
}
