// What has to hold after every operation.
#include "torch_allocator/allocator_state.h"

typedef struct sums {
    uint64_t reserved, allocated;
    size_t blocks, segments, unused, unmapped, pending;
} sums;

#define WRONG(block, words)                                                                        \
    snug_fail(SNUG_INTERNAL, "allocator: block of %llu bytes at %#llx: %s",                        \
              (unsigned long long)(block)->size, (unsigned long long)(block)->address, words)

static bool holds(const snug_allocator_set *set, const snug_allocator_block *block) {
    return snug_allocator_set_find(set, block) == block;
}

static snug_status check_block(const snug_allocator *allocator, const snug_allocator_block *block,
                               sums *out) {
    const snug_allocator_block *after = block->after;
    const snug_allocator_span *span = block->span;
    bool unmapped = block->state == SNUG_ALLOCATOR_UNMAPPED;
    bool unused = block->state == SNUG_ALLOCATOR_FREE;
    (void)allocator;
    if (block->size == 0 || block->size % SNUG_ALLOCATOR_BLOCK)
        return WRONG(block, "its size is no multiple of 512");
    if (after && (after->before != block || after->address != block->address + block->size))
        return WRONG(block, "the next one does not follow it");
    if (after && after->state == block->state && (unmapped || unused))
        return WRONG(block, "free like the next one, and not joined");
    if (after && (after->pool != block->pool || after->stream != block->stream))
        return WRONG(block, "its segment has two pools or streams");
    if (unused && !holds(&block->pool->unused, block)) return WRONG(block, "in no list");
    if (unmapped && !holds(&block->pool->unmapped, block)) return WRONG(block, "in no list");
    if (unmapped && ((block->address - span->address) % span->granule ||
                     (block->size % span->granule && block->after)))
        return WRONG(block, "unmapped between granules");
    out->blocks++;
    out->unused += unused;
    out->unmapped += unmapped;
    out->pending += block->state == SNUG_ALLOCATOR_PENDING;
    if (!unmapped) out->reserved += block->size;
    if (block->state == SNUG_ALLOCATOR_ALLOCATED) out->allocated += block->size;
    return SNUG_OK;
}

static snug_status check_span(const snug_allocator *allocator, const snug_allocator_span *span,
                              sums *out) {
    uint64_t size = 0;
    const snug_allocator_block *first = span->first;
    if (first->before || first->address != span->address)
        return WRONG(first, "not its segment's first");
    for (const snug_allocator_block *block = first; block; block = block->after) {
        if (block->span != span) return WRONG(block, "of another segment");
        SNUG_TRY(check_block(allocator, block, out));
        size += block->size;
    }
    if (size != span->size) return WRONG(first, "its segment's blocks do not fill it");
    out->segments++;
    return SNUG_OK;
}

// Order, priorities and the number of blocks of a set.
static snug_status check_set(const snug_allocator_set *set, snug_allocator_state state) {
    size_t count = 0;
    const snug_allocator_block *block = snug_allocator_set_first(set), *next;
    for (; block; block = next, count++) {
        next = snug_allocator_set_next(set, block);
        if (block->state != state) return WRONG(block, "in a list of another state");
        if ((block->left && block->left->priority > block->priority) ||
            (block->right && block->right->priority > block->priority))
            return WRONG(block, "below a smaller priority");
        if (next && snug_allocator_set_previous(set, next) != block)
            return WRONG(block, "out of order");
    }
    if (count != set->count)
        return snug_fail(SNUG_INTERNAL, "allocator: a list has %zu blocks and counts %zu", count,
                         set->count);
    return SNUG_OK;
}

snug_status snug_allocator_check(const snug_allocator *allocator) {
    const snug_allocator_figures *figures = &allocator->figures;
    sums found = {0};
    size_t unused = 0, unmapped = 0, pending = 0;
    for (const snug_allocator_span *span = allocator->spans; span; span = span->next)
        SNUG_TRY(check_span(allocator, span, &found));
    for (size_t i = 0; i < allocator->pool_count; i++) {
        const snug_allocator_pool *pool = allocator->pools[i];
        if (!pool) continue;
        SNUG_TRY(check_set(&pool->unused, SNUG_ALLOCATOR_FREE));
        SNUG_TRY(check_set(&pool->unmapped, SNUG_ALLOCATOR_UNMAPPED));
        unused += pool->unused.count;
        unmapped += pool->unmapped.count;
    }
    for (const snug_allocator_block *block = allocator->pending; block; block = block->later)
        pending++;
    if (found.reserved != figures->reserved || found.allocated != figures->allocated ||
        found.blocks != figures->blocks || found.segments != figures->segments ||
        found.unused != unused || found.unmapped != unmapped || found.pending != pending)
        return snug_fail(SNUG_INTERNAL,
                         "allocator: %llu bytes reserved and %llu allocated in %zu blocks, but "
                         "%llu, %llu and %zu counted",
                         (unsigned long long)found.reserved, (unsigned long long)found.allocated,
                         found.blocks, (unsigned long long)figures->reserved,
                         (unsigned long long)figures->allocated, figures->blocks);
    if (figures->reserved > figures->peak_reserved || figures->allocated > figures->reserved)
        return snug_fail(SNUG_INTERNAL, "allocator: figures contradict each other");
    return SNUG_OK;
}
