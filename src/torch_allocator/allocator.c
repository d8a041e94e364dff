#include "torch_allocator/allocator_state.h"

#include "base/memory.h"

// Beyond this nothing fits, and sums stay far from overflow.
#define MOST_BYTES ((uint64_t)1 << 60)

uint64_t snug_allocator_block_address(const snug_allocator_block *block) {
    return block->address;
}

uint64_t snug_allocator_block_size(const snug_allocator_block *block) {
    return block->size;
}

snug_status snug_allocator_new(const snug_allocator_config *config, snug_allocator **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->config = *config;
    // Addresses of our own lie above those of any device.
    (*out)->next_address = MOST_BYTES;
    return SNUG_OK;
}

void snug_allocator_free(snug_allocator *allocator) {
    if (!allocator) return;
    snug_pool_clear(&allocator->memory);
    snug_memory_free(allocator->pools);
    snug_memory_free(allocator);
}

void snug_allocator_observe(snug_allocator *allocator, snug_allocator_observer *observer,
                            void *context) {
    allocator->observer = observer;
    allocator->observer_context = context;
}

void snug_allocator_on_completed(snug_allocator *allocator,
                                 void (*completed)(void *context, snug_allocator_block *block),
                                 void *context) {
    allocator->completed = completed;
    allocator->completed_context = context;
}

void snug_allocator_place(snug_allocator *allocator, uint64_t address) {
    allocator->place = address;
}

void snug_allocator_set_capacity(snug_allocator *allocator, uint64_t capacity) {
    allocator->config.capacity = capacity;
}

// splitmix64
static uint64_t next_priority(snug_allocator *allocator) {
    uint64_t mixed = allocator->seed += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

snug_status snug_allocator_block_new(snug_allocator *allocator, const snug_allocator_block *like,
                                     snug_allocator_block **out) {
    *out = allocator->unused_blocks;
    if (*out)
        allocator->unused_blocks = (*out)->right;
    else
        SNUG_TRY(snug_pool_new(&allocator->memory, sizeof **out, (void **)out));
    **out = *like;
    (*out)->left = (*out)->right = (*out)->earlier = (*out)->later = NULL;
    (*out)->priority = next_priority(allocator);
    allocator->figures.blocks++;
    return SNUG_OK;
}

void snug_allocator_block_retire(snug_allocator *allocator, snug_allocator_block *block) {
    block->right = allocator->unused_blocks;
    allocator->unused_blocks = block;
    allocator->figures.blocks--;
}

snug_status snug_allocator_span_new(snug_allocator *allocator, uint64_t size,
                                    snug_allocator_span **out) {
    *out = allocator->unused_spans;
    if (*out)
        allocator->unused_spans = (*out)->next;
    else
        SNUG_TRY(snug_pool_new(&allocator->memory, sizeof **out, (void **)out));
    **out = (snug_allocator_span){
        .size = size, .made = allocator->spans_made++, .next = allocator->spans};
    if (allocator->place > 0 && allocator->place < MOST_BYTES) {
        (*out)->address = allocator->place;
    } else {
        (*out)->address = allocator->next_address;
        allocator->next_address += size;
    }
    allocator->place = 0;
    if (allocator->spans) allocator->spans->previous = *out;
    allocator->spans = *out;
    allocator->figures.segments++;
    return SNUG_OK;
}

void snug_allocator_span_retire(snug_allocator *allocator, snug_allocator_span *span) {
    if (span->next) span->next->previous = span->previous;
    if (span->previous)
        span->previous->next = span->next;
    else
        allocator->spans = span->next;
    span->next = allocator->unused_spans;
    allocator->unused_spans = span;
    allocator->figures.segments--;
}

snug_status snug_allocator_pool_of(snug_allocator *allocator, uint32_t id, bool small,
                                   snug_allocator_pool **out) {
    size_t index = 2 * (size_t)id + !small;
    SNUG_TRY(SNUG_GROW(&allocator->pools, &allocator->pool_capacity, index + 1));
    while (allocator->pool_count <= index)
        allocator->pools[allocator->pool_count++] = NULL;
    *out = allocator->pools[index];
    if (*out) return SNUG_OK;
    SNUG_TRY(snug_pool_new(&allocator->memory, sizeof **out, (void **)out));
    **out = (snug_allocator_pool){
        .unused = {.by_size = true, .by_segment = allocator->config.oldest_segment_first},
        .id = id,
        .small = small};
    allocator->pools[index] = *out;
    return SNUG_OK;
}

void snug_allocator_count_reserved(snug_allocator *allocator, snug_allocator_event event,
                                   const snug_allocator_block *block, uint64_t address,
                                   uint64_t size) {
    snug_allocator_figures *figures = &allocator->figures;
    bool more = event == SNUG_ALLOCATOR_SEGMENT_ALLOC || event == SNUG_ALLOCATOR_SEGMENT_MAP;
    figures->reserved += more ? size : -size;
    if (figures->reserved > figures->peak_reserved) figures->peak_reserved = figures->reserved;
    if (allocator->observer)
        allocator->observer(allocator->observer_context, event, address, size, block->stream,
                            block->pool->id);
}

static void count_allocated(snug_allocator *allocator, uint64_t size) {
    snug_allocator_figures *figures = &allocator->figures;
    figures->allocated += size;
    if (figures->allocated > figures->peak_allocated) figures->peak_allocated = figures->allocated;
}

void snug_allocator_make_unused(snug_allocator_block *block) {
    block->state = SNUG_ALLOCATOR_FREE;
    block->age_base = block->pool->searches;
    snug_allocator_set_add(&block->pool->unused, block);
}

void snug_allocator_chain(snug_allocator_block *block, snug_allocator_block *before,
                          snug_allocator_block *after) {
    block->before = before;
    block->after = after;
    if (before)
        before->after = block;
    else
        block->span->first = block;
    if (after) after->before = block;
}

void snug_allocator_join(snug_allocator *allocator, snug_allocator_block *block,
                         snug_allocator_block *other) {
    if (!other || other->state != block->state) return;
    snug_allocator_pool *pool = other->pool;
    snug_allocator_set_remove(
        other->state == SNUG_ALLOCATOR_UNMAPPED ? &pool->unmapped : &pool->unused, other);
    block->size += other->size;
    if (other == block->before) {
        block->address = other->address;
        snug_allocator_chain(block, other->before, block->after);
    } else {
        snug_allocator_chain(block, block->before, other->after);
    }
    snug_allocator_block_retire(allocator, other);
}

// ---- Searching -----------------------------------------------------------------------------

// What a block could grow to in place.
static uint64_t expandable_size(const snug_allocator_block *block) {
    const snug_allocator_block *after = block->after;
    return block->size + (after && after->state == SNUG_ALLOCATOR_UNMAPPED ? after->size : 0);
}

// Among expandable blocks the one counts that can grow least, not the smallest; where expandable
// segments are off by now, none of them counts.
static snug_allocator_block *choose_expandable(const snug_allocator *allocator,
                                               const snug_allocator_pool *pool,
                                               snug_allocator_block *block) {
    uint32_t stream = block->stream;
    snug_allocator_block *next = snug_allocator_set_next(&pool->unused, block);
    if (!allocator->config.expandable_segments) {
        while (next && next->span->expandable && next->stream == stream)
            next = snug_allocator_set_next(&pool->unused, next);
        return next && next->stream == stream ? next : NULL;
    }
    while (block->span->expandable && next && next->stream == stream &&
           expandable_size(next) < expandable_size(block)) {
        block = next;
        next = snug_allocator_set_next(&pool->unused, next);
    }
    return block;
}

static bool collects(const snug_allocator *allocator) {
    return allocator->config.garbage_collection_threshold > 0 &&
           allocator->config.limit != SNUG_ALLOCATOR_NO_LIMIT;
}

// The best free block of |pool|, taken out of it; NULL for none.
static snug_allocator_block *take_unused(snug_allocator *allocator, snug_allocator_pool *pool,
                                         uint32_t stream, uint64_t size) {
    const snug_allocator_config *config = &allocator->config;
    pool->searches += collects(allocator);
    snug_allocator_block key = {.stream = stream, .size = size};
    snug_allocator_block *block = snug_allocator_set_find(&pool->unused, &key);
    if (!block || block->stream != stream) return NULL;
    if (block->span->expandable) block = choose_expandable(allocator, pool, block);
    if (!block) return NULL;
    bool oversize = size >= config->max_split_size;
    if (!oversize && block->size >= config->max_split_size) return NULL;
    if (oversize && block->size - size >= config->max_non_split_rounding) return NULL;
    snug_allocator_set_remove(&pool->unused, block);
    return block;
}

// A new segment of |bytes|, as one block.
static snug_status take_segment(snug_allocator *allocator, snug_allocator_pool *pool,
                                uint32_t stream, uint64_t bytes, snug_allocator_block **out) {
    const snug_allocator_config *config = &allocator->config;
    uint64_t reserved = allocator->figures.reserved;
    *out = NULL;
    if (reserved > config->capacity || bytes > config->capacity - reserved) return SNUG_OK;
    snug_allocator_span *span = NULL;
    SNUG_TRY(snug_allocator_span_new(allocator, bytes, &span));
    snug_allocator_block like = {
        .address = span->address, .size = bytes, .span = span, .pool = pool, .stream = stream};
    SNUG_TRY(snug_allocator_block_new(allocator, &like, out));
    span->first = *out;
    snug_allocator_count_reserved(allocator, SNUG_ALLOCATOR_SEGMENT_ALLOC, *out, span->address,
                                  bytes);
    return SNUG_OK;
}

// A block from the device, at least as large as |size|; NULL where it has none.
static snug_status take_from_device(snug_allocator *allocator, snug_allocator_pool *pool,
                                    uint32_t stream, uint64_t size, snug_allocator_block **out) {
    const snug_allocator_config *config = &allocator->config;
    uint64_t bytes = snug_allocator_segment_size(size), reserved = allocator->figures.reserved;
    *out = NULL;
    if (reserved > config->limit || bytes > config->limit - reserved) return SNUG_OK;
    if (config->expandable_segments)
        return snug_allocator_expand(allocator, pool, stream, size, out);
    return take_segment(allocator, pool, stream, bytes, out);
}

// From the device, the more of the cache being given back the longer it fails.
static snug_status take_with_effort(snug_allocator *allocator, snug_allocator_pool *pool,
                                    uint32_t stream, uint64_t size, snug_allocator_block **out) {
    if (collects(allocator)) snug_allocator_collect(allocator);
    SNUG_TRY(take_from_device(allocator, pool, stream, size, out));
    if (*out) return SNUG_OK;
    if (snug_allocator_release_oversize(allocator, pool, stream, size))
        SNUG_TRY(take_from_device(allocator, pool, stream, size, out));
    // Private pools are in use while a graph is captured, and the cache has to stay then.
    if (*out || pool->id != 0) return SNUG_OK;
    allocator->figures.retries++;
    SNUG_TRY(snug_allocator_empty_cache(allocator));
    return take_from_device(allocator, pool, stream, size, out);
}

static bool should_split(const snug_allocator *allocator, const snug_allocator_block *block,
                         uint64_t size) {
    uint64_t remaining = block->size - size;
    if (block->pool->small || allocator->config.expandable_segments)
        return remaining >= SNUG_ALLOCATOR_BLOCK;
    return size < allocator->config.max_split_size && remaining > SNUG_ALLOCATOR_SMALL;
}

snug_status snug_allocator_request(snug_allocator *allocator, uint64_t size, uint32_t stream,
                                   uint32_t pool_id, snug_allocator_block **out) {
    snug_allocator_pool *pool = NULL;
    snug_allocator_block *block = NULL, *rest = NULL;
    *out = NULL;
    if (size > MOST_BYTES / 4) {
        allocator->figures.failures++;
        return SNUG_OK;
    }
    size = snug_allocator_round(&allocator->config, size);
    SNUG_TRY(snug_allocator_pool_of(allocator, pool_id, size <= SNUG_ALLOCATOR_SMALL, &pool));
    block = take_unused(allocator, pool, stream, size);
    if (!block) SNUG_TRY(take_with_effort(allocator, pool, stream, size, &block));
    allocator->place = 0;
    if (!block) {
        allocator->figures.failures++;
        return SNUG_OK;
    }
    if (should_split(allocator, block, size)) {
        SNUG_TRY(snug_allocator_block_new(allocator, block, &rest));
        rest->address += size;
        rest->size -= size;
        block->size = size;
        snug_allocator_chain(rest, block, block->after);
        snug_allocator_make_unused(rest);
    }
    block->state = SNUG_ALLOCATOR_ALLOCATED;
    count_allocated(allocator, block->size);
    *out = block;
    return SNUG_OK;
}

// ---- Freeing -------------------------------------------------------------------------------

void snug_allocator_request_free(snug_allocator *allocator, snug_allocator_block *block) {
    if (block->state != SNUG_ALLOCATOR_ALLOCATED) return;
    allocator->figures.allocated -= block->size;
    block->state = SNUG_ALLOCATOR_PENDING;
    block->later = allocator->pending;
    block->earlier = NULL;
    if (allocator->pending) allocator->pending->earlier = block;
    allocator->pending = block;
}

void snug_allocator_complete_free(snug_allocator *allocator, snug_allocator_block *block) {
    if (block->state != SNUG_ALLOCATOR_PENDING) snug_allocator_request_free(allocator, block);
    if (block->later) block->later->earlier = block->earlier;
    if (block->earlier)
        block->earlier->later = block->later;
    else
        allocator->pending = block->later;
    block->state = SNUG_ALLOCATOR_FREE;
    snug_allocator_join(allocator, block, block->before);
    snug_allocator_join(allocator, block, block->after);
    snug_allocator_make_unused(block);
}

void snug_allocator_complete_all(snug_allocator *allocator) {
    while (allocator->pending) {
        snug_allocator_block *block = allocator->pending;
        if (allocator->completed) allocator->completed(allocator->completed_context, block);
        snug_allocator_complete_free(allocator, block);
    }
}

uint64_t snug_allocator_reserved(const snug_allocator *allocator) {
    return allocator->figures.reserved;
}

snug_allocator_figures snug_allocator_figures_now(const snug_allocator *allocator) {
    snug_allocator_figures figures = allocator->figures;
    figures.largest_free = 0;
    for (size_t i = 0; i < allocator->pool_count; i++) {
        if (!allocator->pools[i]) continue;
        // The largest of each stream stands before the next stream's first.
        const snug_allocator_set *set = &allocator->pools[i]->unused;
        for (snug_allocator_block key = {0};;) {
            const snug_allocator_block *first = snug_allocator_set_find(set, &key);
            if (!first) break;
            snug_allocator_block end = {
                .stream = first->stream, .size = UINT64_MAX, .address = UINT64_MAX};
            const snug_allocator_block *last = snug_allocator_set_previous(set, &end);
            if (last->size > figures.largest_free) figures.largest_free = last->size;
            if (first->stream == UINT32_MAX) break;
            key = (snug_allocator_block){.stream = first->stream + 1};
        }
    }
    return figures;
}
