// What there was when the trace began: the snapshot's own state, with the trace undone from its
// end. Free blocks need no record, since neighbours always join: they are what lies between.
#include <stdlib.h>

#include "base/memory.h"
#include "torch_allocator/address_map.h"
#include "torch_allocator/replay.h"

// A block or a mapped range while the trace is undone.
typedef struct piece {
    uint64_t address, size;
    uint64_t requested;
    uint32_t stream, pool;
    bool exact; // |size| is the block's, not only what was asked for
    bool pending, large, expandable;
    bool freed; // while the trace is gone through again
} piece;

typedef struct piece_list {
    piece *items;
    size_t count, capacity;
    snug_address_map places; // from addresses to indices of |items|; those removed stay as gaps
} piece_list;

typedef struct undo_state {
    snug_replay *replay;
    piece_list blocks;
    piece_list ranges; // segments, and expandable ones in steps of 2 MiB
    size_t steps;
} undo_state;

// A file that asks for more steps than this is no recording.
enum { MOST_STEPS = 1 << 26 };

static snug_status put(piece_list *list, const piece *added) {
    uint64_t *place = snug_address_map_get(&list->places, added->address);
    if (place && list->items) {
        list->items[*place] = *added;
        return SNUG_OK;
    }
    SNUG_TRY(SNUG_GROW(&list->items, &list->capacity, list->count + 1));
    SNUG_TRY(snug_address_map_set(&list->places, added->address, list->count));
    list->items[list->count++] = *added;
    return SNUG_OK;
}

static piece *get(const piece_list *list, uint64_t address) {
    const uint64_t *place = snug_address_map_get(&list->places, address);
    return place ? &list->items[*place] : NULL;
}

// The last item takes the gap, so that the list is as long as what is in it.
static void drop(piece_list *list, uint64_t address) {
    uint64_t place;
    if (!snug_address_map_remove(&list->places, address, &place)) return;
    piece last = list->items[--list->count];
    if (place == list->count) return;
    list->items[place] = last;
    *snug_address_map_get(&list->places, last.address) = place;
}

static void clear(piece_list *list) {
    snug_memory_free(list->items);
    snug_address_map_clear(&list->places);
}

// Expandable ranges come and go in parts; all parts are multiples of the small granule.
static snug_status put_range(undo_state *undoing, piece range, bool there) {
    uint64_t step = range.expandable ? SNUG_ALLOCATOR_SMALL_SEGMENT : range.size;
    uint64_t end = range.address + range.size;
    if (end <= range.address || range.size > (uint64_t)1 << 44) return SNUG_OK;
    for (range.size = step; range.address < end; range.address += step) {
        if (undoing->steps++ == MOST_STEPS)
            return snug_fail(SNUG_INVALID, "the trace maps more memory than it can have");
        if (there)
            SNUG_TRY(put(&undoing->ranges, &range));
        else
            drop(&undoing->ranges, range.address);
    }
    return SNUG_OK;
}

static snug_status take_final(undo_state *undoing) {
    const snug_snapshot *snapshot = undoing->replay->snapshot;
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device != undoing->replay->device) continue;
        piece range = {.address = segment->address,
                       .size = segment->total,
                       .stream = segment->stream,
                       .pool = segment->pool,
                       .large = segment->large,
                       .expandable = segment->expandable};
        SNUG_TRY(put_range(undoing, range, true));
        for (size_t j = 0; j < segment->block_count; j++) {
            const snug_block *block = &snapshot->blocks[segment->first_block + j];
            if (block->state == SNUG_BLOCK_INACTIVE) continue;
            piece held = {.address = block->address,
                          .size = block->size,
                          .requested = block->requested,
                          .stream = segment->stream,
                          .pool = segment->pool,
                          .exact = true,
                          .pending = block->state == SNUG_BLOCK_PENDING,
                          .large = segment->large};
            SNUG_TRY(put(&undoing->blocks, &held));
        }
    }
    return SNUG_OK;
}

static snug_status undo(undo_state *undoing, const snug_trace_entry *entry) {
    snug_trace_action action = entry->action;
    piece made = {.address = entry->address,
                  .size = entry->size,
                  .requested = entry->size,
                  .stream = entry->stream,
                  .pool = entry->pool,
                  .large = entry->size > SNUG_ALLOCATOR_SMALL};
    piece *held;
    switch (action) {
    case SNUG_TRACE_ALLOC:
        drop(&undoing->blocks, entry->address);
        return SNUG_OK;
    case SNUG_TRACE_FREE_COMPLETED:
        made.pending = true;
        return put(&undoing->blocks, &made);
    case SNUG_TRACE_FREE_REQUESTED:
        held = get(&undoing->blocks, entry->address);
        if (!held) return put(&undoing->blocks, &made);
        held->pending = false;
        return SNUG_OK;
    case SNUG_TRACE_SEGMENT_ALLOC:
    case SNUG_TRACE_SEGMENT_FREE:
        made.large = entry->size != SNUG_ALLOCATOR_SMALL_SEGMENT;
        return put_range(undoing, made, action == SNUG_TRACE_SEGMENT_FREE);
    case SNUG_TRACE_SEGMENT_MAP:
    case SNUG_TRACE_SEGMENT_UNMAP:
        made.expandable = true;
        made.large = entry->size % SNUG_ALLOCATOR_LARGE_SEGMENT == 0;
        return put_range(undoing, made, action == SNUG_TRACE_SEGMENT_UNMAP);
    default:
        return SNUG_OK;
    }
}

static int by_address(const void *left, const void *right) {
    const piece *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

// Parts of pools lie side by side: an expandable segment is one range of addresses a stream, pool
// and kind.
static int by_segment(const void *left, const void *right) {
    const piece *a = left, *b = right;
    if (a->expandable != b->expandable) return a->expandable ? 1 : -1;
    if (a->expandable && a->large != b->large) return a->large ? 1 : -1;
    if (a->expandable && a->stream != b->stream) return a->stream > b->stream ? 1 : -1;
    if (a->expandable && a->pool != b->pool) return a->pool > b->pool ? 1 : -1;
    return by_address(left, right);
}

static bool continues(const piece *range, const piece *next) {
    const uint64_t most = (uint64_t)1 << 40;
    return range->expandable && next->expandable && range->large == next->large &&
           range->stream == next->stream && range->pool == next->pool &&
           next->address - range->address <= most;
}

// ---- Filling segments ----------------------------------------------------------------------

typedef struct fill_state {
    snug_replay *replay;
    const piece *blocks; // by address
    size_t block_count;
    size_t part_count, part_capacity, segment_capacity;
} fill_state;

static snug_status add_part(fill_state *filling, uint64_t size, snug_allocator_state state) {
    snug_replay *replay = filling->replay;
    if (size == 0) return SNUG_OK;
    snug_allocator_segment *segment = &replay->segments[replay->segment_count - 1];
    snug_allocator_part *last =
        segment->part_count ? &replay->parts[filling->part_count - 1] : NULL;
    bool joins = last && last->state == state &&
                 (state == SNUG_ALLOCATOR_FREE || state == SNUG_ALLOCATOR_UNMAPPED);
    if (joins) {
        last->size += size;
        return SNUG_OK;
    }
    SNUG_TRY(SNUG_GROW(&replay->parts, &filling->part_capacity, filling->part_count + 1));
    replay->parts[filling->part_count++] = (snug_allocator_part){.size = size, .state = state};
    segment->part_count++;
    return SNUG_OK;
}

static size_t first_block(const fill_state *filling, uint64_t address) {
    size_t low = 0, high = filling->block_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (filling->blocks[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// How much of the |room| before the next block is |block|'s. Free blocks of the large pool are
// larger than 1 MiB, so less belongs to the block before.
static uint64_t block_size(const snug_replay *replay, const piece *range, const piece *block,
                           uint64_t room) {
    uint64_t size =
        block->exact ? block->size : snug_allocator_round(&replay->recorded, block->requested);
    if (size > room) return room;
    bool whole = !block->exact && range->large && !range->expandable &&
                 (room - size <= SNUG_ALLOCATOR_SMALL || size >= replay->recorded.max_split_size);
    return whole ? room : size;
}

// What lies in |range|: blocks, and free memory between them.
static snug_status fill_range(fill_state *filling, const piece *range) {
    uint64_t at = range->address, end = range->address + range->size;
    snug_replay *replay = filling->replay;
    for (size_t i = first_block(filling, at); i < filling->block_count; i++) {
        const piece *block = &filling->blocks[i];
        if (block->address >= end || replay->live_count == filling->block_count) break;
        // What overlaps or lies askew contradicts the trace; it is left out.
        if (block->address < at || block->address % SNUG_ALLOCATOR_BLOCK) continue;
        uint64_t next = i + 1 < filling->block_count ? block[1].address : end;
        uint64_t room = (next < end ? next : end) - block->address;
        uint64_t size = block_size(replay, range, block, room);
        if (size == 0 || size % SNUG_ALLOCATOR_BLOCK) continue;
        SNUG_TRY(add_part(filling, block->address - at, SNUG_ALLOCATOR_FREE));
        SNUG_TRY(add_part(filling, size,
                          block->pending ? SNUG_ALLOCATOR_PENDING : SNUG_ALLOCATOR_ALLOCATED));
        replay->live[replay->live_count++] = (snug_replay_live){.address = block->address,
                                                                .size = size,
                                                                .requested = block->requested,
                                                                .stream = range->stream,
                                                                .pool = range->pool,
                                                                .pending = block->pending};
        replay->live_bytes += size;
        at = block->address + size;
    }
    replay->start_reserved += range->size;
    return add_part(filling, end - at, SNUG_ALLOCATOR_FREE);
}

static snug_status begin_segment(fill_state *filling, const piece *range) {
    snug_replay *replay = filling->replay;
    SNUG_TRY(SNUG_GROW(&replay->segments, &filling->segment_capacity, replay->segment_count + 1));
    replay->segments[replay->segment_count++] =
        (snug_allocator_segment){.address = range->address,
                                 .stream = range->stream,
                                 .pool = range->pool,
                                 .small = !range->large,
                                 .expandable = range->expandable};
    return SNUG_OK;
}

// The last of |blocks| at |address| or before it; NULL for none.
static piece *last_block(const piece_list *blocks, uint64_t address) {
    size_t low = 0, high = blocks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (blocks->items[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &blocks->items[low - 1] : NULL;
}

// Blocks of the large pool may hold up to 1 MiB more than was asked for. What is put right behind
// such a block while it lives begins where it ends.
static void learn_sizes(const snug_replay *replay, piece_list *blocks) {
    for (size_t i = 0; i < replay->count; i++) {
        const snug_trace_entry *entry = &replay->entries[i];
        bool alloc = entry->action == SNUG_TRACE_ALLOC;
        if (!alloc && entry->action != SNUG_TRACE_FREE_COMPLETED) continue;
        piece *block = last_block(blocks, entry->address - (alloc && entry->address > 0));
        if (!block) continue;
        if (!alloc) {
            block->freed |= block->address == entry->address;
            continue;
        }
        if (block->exact || block->freed || !block->large) continue;
        uint64_t size = entry->address - block->address;
        uint64_t least = snug_allocator_round(&replay->recorded, block->requested);
        if (size < least || size - least > SNUG_ALLOCATOR_SMALL) continue;
        block->size = size;
        block->exact = true;
    }
}

// Ranges of an expandable segment that touch become one, blocks lying across their borders.
static size_t merge_touching(piece *ranges, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        piece *last = kept ? &ranges[kept - 1] : NULL;
        if (last && continues(last, &ranges[i]) && last->address + last->size == ranges[i].address)
            last->size += ranges[i].size;
        else
            ranges[kept++] = ranges[i];
    }
    return kept;
}

// Address space behind what is mapped, for the segment to grow into.
static snug_status add_tail(fill_state *filling, const piece *range) {
    const uint64_t granules = ((uint64_t)1 << 40) / SNUG_ALLOCATOR_LARGE_SEGMENT;
    return range->expandable
               ? add_part(filling, granules * SNUG_ALLOCATOR_LARGE_SEGMENT, SNUG_ALLOCATOR_UNMAPPED)
               : SNUG_OK;
}

static snug_status fill_segments(fill_state *filling, const piece *ranges, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const piece *range = &ranges[i];
        bool goes_on = i > 0 && continues(&ranges[i - 1], range);
        uint64_t hole = goes_on ? range->address - ranges[i - 1].address - ranges[i - 1].size : 0;
        if (goes_on)
            SNUG_TRY(add_part(filling, hole, SNUG_ALLOCATOR_UNMAPPED));
        else
            SNUG_TRY(begin_segment(filling, range));
        SNUG_TRY(fill_range(filling, range));
        if (i + 1 == count || !continues(range, &ranges[i + 1])) SNUG_TRY(add_tail(filling, range));
    }
    // |parts| moved while it grew.
    size_t at = 0;
    for (size_t i = 0; i < filling->replay->segment_count; i++) {
        filling->replay->segments[i].parts = filling->replay->parts + at;
        at += filling->replay->segments[i].part_count;
    }
    return SNUG_OK;
}

static snug_status fill(snug_replay *replay, piece_list *blocks, piece_list *ranges) {
    if (blocks->count > 0) qsort(blocks->items, blocks->count, sizeof(piece), by_address);
    if (ranges->count > 0) qsort(ranges->items, ranges->count, sizeof(piece), by_segment);
    size_t count = merge_touching(ranges->items, ranges->count);
    learn_sizes(replay, blocks);
    fill_state filling = {.replay = replay, .blocks = blocks->items, .block_count = blocks->count};
    SNUG_TRY(SNUG_NEW(&replay->live, blocks->count));
    return fill_segments(&filling, ranges->items, count);
}

snug_status snug_replay_start(snug_replay *replay) {
    undo_state undoing = {.replay = replay};
    snug_status status = take_final(&undoing);
    for (size_t i = replay->count; i-- > 0 && status == SNUG_OK;)
        status = undo(&undoing, &replay->entries[i]);
    if (status == SNUG_OK) status = fill(replay, &undoing.blocks, &undoing.ranges);
    clear(&undoing.blocks);
    clear(&undoing.ranges);
    return status;
}
