// The allocator's inside, for the files that make it up.
#ifndef SNUG_TORCH_ALLOCATOR_ALLOCATOR_STATE_H
#define SNUG_TORCH_ALLOCATOR_ALLOCATOR_STATE_H

#include "base/pool.h"
#include "torch_allocator/allocator.h"

typedef struct snug_allocator_span snug_allocator_span;
typedef struct snug_allocator_pool snug_allocator_pool;

struct snug_allocator_block {
    uint64_t address, size;
    snug_allocator_block *before, *after; // of the same segment
    snug_allocator_span *span;
    snug_allocator_pool *pool;
    uint32_t stream;
    snug_allocator_state state;
    int64_t age_base;                   // the pool's searches when it became free
    snug_allocator_block *left, *right; // in a set; |right| also links what is unused
    uint64_t priority;
    snug_allocator_block *earlier, *later; // in the list of pending blocks
};

// What one call of the device gave; for an expandable segment a range of addresses.
struct snug_allocator_span {
    uint64_t address, size;
    snug_allocator_block *first; // by address
    bool expandable;
    uint64_t made;    // how many were made before
    uint64_t granule; // of an expandable one: what is mapped at once
    snug_allocator_span *previous, *next;
};

// Blocks in an order that the set keeps: a treap, its priorities from a counter's hash, all
// unequal.
typedef struct snug_allocator_set {
    snug_allocator_block *root;
    bool by_size;    // (stream, size, address), else (stream, address)
    bool by_segment; // and then (stream, size, when the segment was made, address)
    size_t count;
} snug_allocator_set;

struct snug_allocator_pool {
    snug_allocator_set unused, unmapped;
    uint32_t id;
    bool small;
    int64_t searches; // counted where garbage collection is on
};

struct snug_allocator {
    snug_allocator_config config;
    snug_allocator_pool **pools; // two an id: small, large; NULL until one is asked for
    size_t pool_count, pool_capacity;
    snug_allocator_span *spans;
    snug_allocator_block *pending;
    snug_allocator_block *unused_blocks;
    snug_allocator_span *unused_spans;
    snug_pool memory;
    uint64_t seed, spans_made;
    uint64_t next_address, place;
    snug_allocator_figures figures;
    snug_allocator_observer *observer;
    void *observer_context;
    void (*completed)(void *context, snug_allocator_block *block);
    void *completed_context;
};

// allocator_set.c. |key| need not be in the set; its stream, size and address count.
void snug_allocator_set_add(snug_allocator_set *set, snug_allocator_block *block);
void snug_allocator_set_remove(snug_allocator_set *set, snug_allocator_block *block);
// The first block not before |key|, the first behind it, the last before it; NULL for none.
snug_allocator_block *snug_allocator_set_find(const snug_allocator_set *set,
                                              const snug_allocator_block *key);
snug_allocator_block *snug_allocator_set_next(const snug_allocator_set *set,
                                              const snug_allocator_block *key);
snug_allocator_block *snug_allocator_set_previous(const snug_allocator_set *set,
                                                  const snug_allocator_block *key);
snug_allocator_block *snug_allocator_set_first(const snug_allocator_set *set);
// Negative, zero or positive, as |a| stands before, with or behind |b|.
int snug_allocator_set_compare(const snug_allocator_set *set, const snug_allocator_block *a,
                               const snug_allocator_block *b);

// allocator.c
snug_status snug_allocator_block_new(snug_allocator *allocator, const snug_allocator_block *like,
                                     snug_allocator_block **out);
void snug_allocator_block_retire(snug_allocator *allocator, snug_allocator_block *block);
snug_status snug_allocator_span_new(snug_allocator *allocator, uint64_t size,
                                    snug_allocator_span **out);
void snug_allocator_span_retire(snug_allocator *allocator, snug_allocator_span *span);
snug_status snug_allocator_pool_of(snug_allocator *allocator, uint32_t id, bool small,
                                   snug_allocator_pool **out);
void snug_allocator_count_reserved(snug_allocator *allocator, snug_allocator_event event,
                                   const snug_allocator_block *block, uint64_t address,
                                   uint64_t size);
void snug_allocator_make_unused(snug_allocator_block *block);
// Joins |other| into |block| where both are free alike; |other| may be NULL.
void snug_allocator_join(snug_allocator *allocator, snug_allocator_block *block,
                         snug_allocator_block *other);
// Puts |block| between |before| and |after|, either of which may be NULL.
void snug_allocator_chain(snug_allocator_block *block, snug_allocator_block *before,
                          snug_allocator_block *after);
void snug_allocator_complete_all(snug_allocator *allocator);

// allocator_expand.c
snug_status snug_allocator_expand(snug_allocator *allocator, snug_allocator_pool *pool,
                                  uint32_t stream, uint64_t size, snug_allocator_block **out);
snug_status snug_allocator_unmap(snug_allocator *allocator, snug_allocator_block *block);

// allocator_release.c
void snug_allocator_release_block(snug_allocator *allocator, snug_allocator_block *block);
void snug_allocator_collect(snug_allocator *allocator);
// Whether oversize blocks went that may make room for |size|.
bool snug_allocator_release_oversize(snug_allocator *allocator, snug_allocator_pool *pool,
                                     uint32_t stream, uint64_t size);

#endif
