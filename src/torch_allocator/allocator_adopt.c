// Segments that were there before the model began.
#include "torch_allocator/allocator_state.h"

static snug_status check_parts(const snug_allocator_segment *segment, uint64_t granule,
                               uint64_t *out) {
    uint64_t total = 0;
    for (size_t i = 0; i < segment->part_count; i++) {
        const snug_allocator_part *part = &segment->parts[i];
        bool unmapped = part->state == SNUG_ALLOCATOR_UNMAPPED;
        uint64_t unit = unmapped ? granule : SNUG_ALLOCATOR_BLOCK;
        if (part->size == 0 || part->size % unit != 0 || (unmapped && total % granule != 0) ||
            (unmapped && !segment->expandable))
            return snug_fail(
                SNUG_INVALID,
                "segment at %#llx: part %zu of %llu bytes; expected a multiple of %llu",
                (unsigned long long)segment->address, i, (unsigned long long)part->size,
                (unsigned long long)unit);
        if (__builtin_add_overflow(total, part->size, &total) || total > (uint64_t)1 << 60)
            return snug_fail(SNUG_INVALID, "a segment is larger than any device");
    }
    if (total == 0) return snug_fail(SNUG_INVALID, "a segment without parts");
    *out = total;
    return SNUG_OK;
}

static void put_part(snug_allocator *allocator, snug_allocator_block *block,
                     snug_allocator_part *part) {
    snug_allocator_figures *figures = &allocator->figures;
    part->block = NULL;
    block->state = part->state;
    if (part->state != SNUG_ALLOCATOR_UNMAPPED) figures->reserved += block->size;
    if (part->state == SNUG_ALLOCATOR_FREE) snug_allocator_make_unused(block);
    if (part->state == SNUG_ALLOCATOR_UNMAPPED)
        snug_allocator_set_add(&block->pool->unmapped, block);
    if (part->state != SNUG_ALLOCATOR_ALLOCATED && part->state != SNUG_ALLOCATOR_PENDING) return;
    part->block = block;
    block->state = SNUG_ALLOCATOR_ALLOCATED;
    figures->allocated += block->size;
    if (part->state == SNUG_ALLOCATOR_PENDING) snug_allocator_request_free(allocator, block);
}

snug_status snug_allocator_adopt(snug_allocator *allocator, const snug_allocator_segment *segment) {
    uint64_t granule = segment->small ? SNUG_ALLOCATOR_SMALL_SEGMENT : SNUG_ALLOCATOR_LARGE_SEGMENT;
    uint64_t total = 0, offset = 0;
    snug_allocator_span *span = NULL;
    snug_allocator_pool *pool = NULL;
    snug_allocator_block *before = NULL;
    SNUG_TRY(check_parts(segment, granule, &total));
    SNUG_TRY(snug_allocator_pool_of(allocator, segment->pool, segment->small, &pool));
    snug_allocator_place(allocator, segment->address);
    SNUG_TRY(snug_allocator_span_new(allocator, total, &span));
    span->expandable = segment->expandable;
    span->granule = granule;
    for (size_t i = 0; i < segment->part_count; i++) {
        snug_allocator_block *block = NULL;
        snug_allocator_block like = {.address = span->address + offset,
                                     .size = segment->parts[i].size,
                                     .span = span,
                                     .pool = pool,
                                     .stream = segment->stream};
        SNUG_TRY(snug_allocator_block_new(allocator, &like, &block));
        snug_allocator_chain(block, before, NULL);
        put_part(allocator, block, &segment->parts[i]);
        offset += block->size;
        before = block;
    }
    snug_allocator_figures *figures = &allocator->figures;
    if (figures->reserved > figures->peak_reserved) figures->peak_reserved = figures->reserved;
    if (figures->allocated > figures->peak_allocated) figures->peak_allocated = figures->allocated;
    return SNUG_OK;
}
