// Giving back what is cached: at a request that fails, when asked to, and by age.
#include "torch_allocator/allocator_state.h"

#include "base/memory.h"

// A segment goes as a whole. A recorded one may be cut even where blocks of its size are not cut
// now: under settings that changed meanwhile.
static bool is_whole(const snug_allocator_block *block) {
    return !block->before && !block->after;
}

static bool may_release(const snug_allocator_block *block) {
    return is_whole(block) && !block->span->expandable;
}

void snug_allocator_release_block(snug_allocator *allocator, snug_allocator_block *block) {
    snug_allocator_set_remove(&block->pool->unused, block);
    snug_allocator_count_reserved(allocator, SNUG_ALLOCATOR_SEGMENT_FREE, block, block->address,
                                  block->size);
    snug_allocator_span_retire(allocator, block->span);
    snug_allocator_block_retire(allocator, block);
}

static snug_status release_pool(snug_allocator *allocator, snug_allocator_pool *pool) {
    // Unmapping leaves the granules at a block's ends, which would be met again: by address after
    // all others are gone.
    snug_allocator_block **expandable = NULL;
    size_t count = 0, capacity = 0;
    snug_status status = SNUG_OK;
    snug_allocator_block *block = snug_allocator_set_first(&pool->unused), *next;
    for (; block && status == SNUG_OK; block = next) {
        next = snug_allocator_set_next(&pool->unused, block);
        if (block->span->expandable) {
            status = SNUG_GROW(&expandable, &capacity, count + 1);
            if (status == SNUG_OK) expandable[count++] = block;
        } else if (is_whole(block)) {
            snug_allocator_release_block(allocator, block);
        }
    }
    for (size_t i = 0; i < count && status == SNUG_OK; i++)
        status = snug_allocator_unmap(allocator, expandable[i]);
    snug_memory_free(expandable);
    return status;
}

snug_status snug_allocator_empty_pool(snug_allocator *allocator, uint32_t id) {
    for (int small = 0; small < 2; small++) {
        snug_allocator_pool *pool = NULL;
        SNUG_TRY(snug_allocator_pool_of(allocator, id, small, &pool));
        SNUG_TRY(release_pool(allocator, pool));
    }
    return SNUG_OK;
}

snug_status snug_allocator_empty_cache(snug_allocator *allocator) {
    snug_allocator_complete_all(allocator);
    return snug_allocator_empty_pool(allocator, 0);
}

bool snug_allocator_release_oversize(snug_allocator *allocator, snug_allocator_pool *pool,
                                     uint32_t stream, uint64_t size) {
    uint64_t oversize = allocator->config.max_split_size, released = 0;
    if (oversize == SNUG_ALLOCATOR_NO_LIMIT) return false;
    snug_allocator_block key = {.stream = stream, .size = size < oversize ? oversize : size};
    snug_allocator_block *block = snug_allocator_set_find(&pool->unused, &key);
    if (block && block->stream == stream && may_release(block)) {
        snug_allocator_release_block(allocator, block);
        return true;
    }
    // None is large enough by itself: several, the largest first.
    block = snug_allocator_set_previous(&pool->unused, block ? block : &key);
    while (block && released < key.size && block->size >= oversize && block->stream == stream) {
        snug_allocator_block *before = snug_allocator_set_previous(&pool->unused, block);
        if (may_release(block)) {
            released += block->size;
            snug_allocator_release_block(allocator, block);
        }
        block = before;
    }
    return released >= key.size;
}

static double age(const snug_allocator_block *block) {
    return (double)(block->pool->searches - block->age_base);
}

// Large blocks that have waited longer than the average go first, until reserved memory is below
// the threshold or all are gone.
void snug_allocator_collect(snug_allocator *allocator) {
    const snug_allocator_config *config = &allocator->config;
    snug_allocator_pool *pool =
        allocator->pool_count > 1 ? allocator->pools[1] : NULL; // the common large one
    uint64_t threshold = (uint64_t)(config->garbage_collection_threshold * (double)config->limit);
    uint64_t reserved = allocator->figures.reserved, released = 0;
    if (!pool || reserved <= threshold) return;
    const snug_allocator_set *set = &pool->unused;
    double total = 0;
    size_t count = 0;
    snug_allocator_block *next;
    for (snug_allocator_block *block = snug_allocator_set_first(set); block;
         block = snug_allocator_set_next(set, block))
        if (may_release(block)) total += age(block), count++;
    for (bool again = true; again && count > 0 && released < reserved - threshold;) {
        double average = total / (double)count;
        again = false;
        for (snug_allocator_block *block = snug_allocator_set_first(set); block; block = next) {
            next = snug_allocator_set_next(set, block);
            if (!may_release(block) || age(block) < average) continue;
            again = true;
            released += block->size;
            total -= age(block);
            count--;
            snug_allocator_release_block(allocator, block);
        }
    }
}
