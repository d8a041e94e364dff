// Expandable segments: a range of addresses, memory mapped behind it in granules as it is needed.
#include "torch_allocator/allocator_state.h"

// Where the device's size is unknown.
#define ADDRESS_SPACE ((uint64_t)1 << 40)

static bool is_available(const snug_allocator_block *block) {
    return block &&
           (block->state == SNUG_ALLOCATOR_FREE || block->state == SNUG_ALLOCATOR_UNMAPPED);
}

// Whether |size| bytes are to be had from |block| on.
static bool has_space(const snug_allocator_block *block, uint64_t size) {
    uint64_t bytes = 0;
    for (; bytes < size && is_available(block); block = block->after)
        bytes += block->size;
    return bytes >= size;
}

static uint64_t round_up(uint64_t bytes, uint64_t granule) {
    return (bytes + granule - 1) / granule * granule;
}

// An eighth more than there is, so that gaps may stay.
static uint64_t span_size(const snug_allocator *allocator) {
    uint64_t capacity = allocator->config.capacity;
    return capacity < ADDRESS_SPACE ? capacity + capacity / 8 : ADDRESS_SPACE;
}

static snug_status new_span(snug_allocator *allocator, snug_allocator_pool *pool, uint32_t stream,
                            snug_allocator_block **out) {
    uint64_t granule = pool->small ? SNUG_ALLOCATOR_SMALL_SEGMENT : SNUG_ALLOCATOR_LARGE_SEGMENT;
    uint64_t size = span_size(allocator);
    snug_allocator_span *span = NULL;
    SNUG_TRY(snug_allocator_span_new(allocator, round_up(size, granule), &span));
    span->expandable = true;
    span->granule = granule;
    snug_allocator_block like = {.address = span->address,
                                 .size = span->size,
                                 .span = span,
                                 .pool = pool,
                                 .stream = stream,
                                 .state = SNUG_ALLOCATOR_UNMAPPED};
    SNUG_TRY(snug_allocator_block_new(allocator, &like, out));
    span->first = *out;
    snug_allocator_set_add(&pool->unmapped, *out);
    return SNUG_OK;
}

// The lowest unmapped block, or the free one before it, from which on there is room.
static snug_status find_space(snug_allocator *allocator, snug_allocator_pool *pool, uint32_t stream,
                              uint64_t size, snug_allocator_block **out) {
    snug_allocator_block key = {.stream = stream};
    snug_allocator_block *at = snug_allocator_set_find(&pool->unmapped, &key);
    for (; at && at->stream == stream; at = snug_allocator_set_next(&pool->unmapped, at)) {
        *out = is_available(at->before) ? at->before : at;
        if (has_space(*out, size)) return SNUG_OK;
    }
    return new_span(allocator, pool, stream, out);
}

// Maps memory behind the first |size| bytes of |block|, rounded up to granules, and joins it with
// free neighbours. |*done| is false where the device has no more.
static snug_status map(snug_allocator *allocator, snug_allocator_block *block, uint64_t size,
                       bool *done) {
    const snug_allocator_config *config = &allocator->config;
    uint64_t mapped = round_up(size, block->span->granule), address = block->address;
    uint64_t reserved = allocator->figures.reserved;
    if (mapped > block->size) mapped = block->size;
    *done = reserved <= config->capacity && mapped <= config->capacity - reserved;
    if (!*done) return SNUG_OK;
    snug_allocator_set_remove(&block->pool->unmapped, block);
    if (mapped < block->size) {
        snug_allocator_block *rest = NULL;
        SNUG_TRY(snug_allocator_block_new(allocator, block, &rest));
        rest->address += mapped;
        rest->size -= mapped;
        block->size = mapped;
        snug_allocator_chain(rest, block, block->after);
        snug_allocator_set_add(&rest->pool->unmapped, rest);
    }
    block->state = SNUG_ALLOCATOR_FREE;
    snug_allocator_join(allocator, block, block->before);
    snug_allocator_join(allocator, block, block->after);
    snug_allocator_make_unused(block);
    snug_allocator_count_reserved(allocator, SNUG_ALLOCATOR_SEGMENT_MAP, block, address, mapped);
    return SNUG_OK;
}

snug_status snug_allocator_expand(snug_allocator *allocator, snug_allocator_pool *pool,
                                  uint32_t stream, uint64_t size, snug_allocator_block **out) {
    snug_allocator_block *block = NULL;
    bool done = true;
    *out = NULL;
    // More than all addresses: no device has it.
    if (size > span_size(allocator)) return SNUG_OK;
    SNUG_TRY(find_space(allocator, pool, stream, size, &block));
    if (block->state == SNUG_ALLOCATOR_UNMAPPED)
        SNUG_TRY(map(allocator, block, block->size < size ? block->size : size, &done));
    // What is mapped joins the free block before it: free, unmapped, and so on.
    while (done && block->size < size) {
        snug_allocator_block *next = block->after;
        uint64_t missing = size - block->size;
        SNUG_TRY(map(allocator, next, next->size < missing ? next->size : missing, &done));
        if (done) block = next;
    }
    if (!done) return SNUG_OK;
    snug_allocator_set_remove(&pool->unused, block);
    *out = block;
    return SNUG_OK;
}

// A free block for what lies in |block|'s segment from |address| on.
static snug_status cut(snug_allocator *allocator, const snug_allocator_block *block,
                       uint64_t address, uint64_t size, snug_allocator_block *before,
                       snug_allocator_block *after) {
    snug_allocator_block *piece = NULL;
    if (size == 0) return SNUG_OK;
    SNUG_TRY(snug_allocator_block_new(allocator, block, &piece));
    piece->address = address;
    piece->size = size;
    snug_allocator_chain(piece, before, after);
    snug_allocator_make_unused(piece);
    return SNUG_OK;
}

snug_status snug_allocator_unmap(snug_allocator *allocator, snug_allocator_block *block) {
    snug_allocator_span *span = block->span;
    uint64_t start = block->address, end = start + block->size;
    uint64_t first = span->address + round_up(start - span->address, span->granule);
    uint64_t last = span->address + (end - span->address) / span->granule * span->granule;
    if (first >= last) return SNUG_OK;
    snug_allocator_set_remove(&block->pool->unused, block);
    SNUG_TRY(cut(allocator, block, start, first - start, block->before, block));
    SNUG_TRY(cut(allocator, block, last, end - last, block, block->after));
    block->address = first;
    block->size = last - first;
    block->state = SNUG_ALLOCATOR_UNMAPPED;
    snug_allocator_count_reserved(allocator, SNUG_ALLOCATOR_SEGMENT_UNMAP, block, first,
                                  last - first);
    snug_allocator_join(allocator, block, block->before);
    snug_allocator_join(allocator, block, block->after);
    if (block->before || block->after) {
        snug_allocator_set_add(&block->pool->unmapped, block);
        return SNUG_OK;
    }
    snug_allocator_block_retire(allocator, block);
    snug_allocator_span_retire(allocator, span);
    return SNUG_OK;
}
