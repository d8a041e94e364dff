// A model of PyTorch's caching allocator (CUDACachingAllocator): where each request goes, which
// segments are taken from the device and given back, and what is reserved meanwhile. It moves no
// memory; addresses are numbers. It stands on its own: traces are replayed on it, and plans for
// PyTorch can be.
//
//     request -> rounded size -> best free block of its pool -> split
//             -> or a new segment -> or one after releasing what is cached
//
// Each operation takes O(log n) for n blocks, but for those that release what is cached.
#ifndef SNUG_TORCH_ALLOCATOR_ALLOCATOR_H
#define SNUG_TORCH_ALLOCATOR_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// PyTorch's constants, in bytes.
#define SNUG_ALLOCATOR_BLOCK ((uint64_t)512)     // sizes are multiples of it
#define SNUG_ALLOCATOR_SMALL ((uint64_t)1 << 20) // the largest request of the small pool
#define SNUG_ALLOCATOR_SMALL_SEGMENT ((uint64_t)2 << 20)
#define SNUG_ALLOCATOR_LARGE_SEGMENT ((uint64_t)20 << 20)
#define SNUG_ALLOCATOR_OWN_SEGMENT ((uint64_t)10 << 20) // requests from here on get their own
#define SNUG_ALLOCATOR_NO_LIMIT UINT64_MAX

enum { SNUG_ALLOCATOR_DIVISIONS = 16 };

// PYTORCH_CUDA_ALLOC_CONF, and what there is. Start from SNUG_ALLOCATOR_DEFAULTS.
typedef struct snug_allocator_config {
    uint64_t max_split_size;             // bytes; SNUG_ALLOCATOR_NO_LIMIT: all blocks are split
    uint64_t max_non_split_rounding;     // bytes that an oversize block may have too many
    double garbage_collection_threshold; // share of |limit|, 0: off; as in PyTorch it does
                                         // nothing while there is no limit
    bool expandable_segments;
    // Of free blocks of one size, that of the segment made first is taken, as PyTorch 2.15 does;
    // else that of the lowest address, as versions up to 2.9 do.
    bool oldest_segment_first;
    // |divisions[i]| holds for sizes from 2^i MiB (the first also below); 0 and 1: none.
    uint32_t divisions[SNUG_ALLOCATOR_DIVISIONS];
    uint64_t capacity; // bytes of the device that this process can have
    uint64_t limit;    // set_per_process_memory_fraction, in bytes
} snug_allocator_config;

#define SNUG_ALLOCATOR_DEFAULTS                                                                    \
    ((snug_allocator_config){.max_split_size = SNUG_ALLOCATOR_NO_LIMIT,                            \
                             .max_non_split_rounding = SNUG_ALLOCATOR_LARGE_SEGMENT,               \
                             .capacity = SNUG_ALLOCATOR_NO_LIMIT,                                  \
                             .limit = SNUG_ALLOCATOR_NO_LIMIT})

// Reads |text| as PyTorch reads PYTORCH_CUDA_ALLOC_CONF, on top of what |config| holds; options
// that do not bear on the model are passed over. SNUG_BAD_FILE says what is wrong.
snug_status snug_allocator_config_read(const char *text, snug_allocator_config *config);

// |size| as the allocator rounds it for a block, and the segment it would take for that.
uint64_t snug_allocator_round(const snug_allocator_config *config, uint64_t size);
uint64_t snug_allocator_segment_size(uint64_t rounded);

// A part of a segment. It belongs to the allocator; who was given it may hold it until its free
// completes.
typedef struct snug_allocator_block snug_allocator_block;

uint64_t snug_allocator_block_address(const snug_allocator_block *block);
uint64_t snug_allocator_block_size(const snug_allocator_block *block);

typedef struct snug_allocator_figures {
    uint64_t reserved, allocated;           // bytes now; |allocated| in whole blocks
    uint64_t peak_reserved, peak_allocated; // since the beginning
    uint64_t largest_free;                  // largest free block now, of any pool
    size_t segments, blocks;
    size_t retries, failures; // requests that released the cache first, and that failed
} snug_allocator_figures;

// What the allocator asks of the device. Called while an operation runs; must not call back.
typedef enum snug_allocator_event {
    SNUG_ALLOCATOR_SEGMENT_ALLOC,
    SNUG_ALLOCATOR_SEGMENT_FREE,
    SNUG_ALLOCATOR_SEGMENT_MAP,
    SNUG_ALLOCATOR_SEGMENT_UNMAP,
} snug_allocator_event;
typedef void snug_allocator_observer(void *context, snug_allocator_event event, uint64_t address,
                                     uint64_t size, uint32_t stream, uint32_t pool);

typedef struct snug_allocator snug_allocator;

snug_status snug_allocator_new(const snug_allocator_config *config, snug_allocator **out);
void snug_allocator_free(snug_allocator *allocator);
void snug_allocator_observe(snug_allocator *allocator, snug_allocator_observer *observer,
                            void *context);

// A request of |size| bytes on |stream|, in private pool |pool| (0: the common one). |*out| is NULL
// where PyTorch would raise its out-of-memory error: that is a result, and SNUG_OK.
snug_status snug_allocator_request(snug_allocator *allocator, uint64_t size, uint32_t stream,
                                   uint32_t pool, snug_allocator_block **out);

// The tensor is gone, but other streams may still use the memory: no longer allocated, not yet
// free. A failing request waits for all such blocks: they are free then, and |completed| hears of
// each (context as given to snug_allocator_on_completed).
void snug_allocator_request_free(snug_allocator *allocator, snug_allocator_block *block);
// The memory is free; it joins free neighbours, and |block| is no longer the caller's.
void snug_allocator_complete_free(snug_allocator *allocator, snug_allocator_block *block);
void snug_allocator_on_completed(snug_allocator *allocator,
                                 void (*completed)(void *context, snug_allocator_block *block),
                                 void *context);

// torch.cuda.empty_cache(). Private pools keep what they hold; the second gives that of |pool| back
// too, as when its graphs are gone.
snug_status snug_allocator_empty_cache(snug_allocator *allocator);
snug_status snug_allocator_empty_pool(snug_allocator *allocator, uint32_t pool);

// Changes what the process can have; what is reserved stays.
void snug_allocator_set_capacity(snug_allocator *allocator, uint64_t capacity);

// Where the segment shall lie that the next request may take, below 2^60; best fit goes by address
// among equals. Without it segments lie behind each other.
void snug_allocator_place(snug_allocator *allocator, uint64_t address);

// A segment that was there before. |parts| fill it in the order of their addresses.
typedef enum snug_allocator_state {
    SNUG_ALLOCATOR_FREE,
    SNUG_ALLOCATOR_ALLOCATED,
    SNUG_ALLOCATOR_PENDING,  // free requested
    SNUG_ALLOCATOR_UNMAPPED, // of an expandable segment: no memory behind it
} snug_allocator_state;
typedef struct snug_allocator_part {
    uint64_t size;
    snug_allocator_state state;
    snug_allocator_block *block; // receives the block where it is allocated or pending
} snug_allocator_part;
typedef struct snug_allocator_segment {
    uint64_t address;
    uint32_t stream, pool;
    bool small, expandable;
    snug_allocator_part *parts;
    size_t part_count;
} snug_allocator_segment;
// SNUG_INVALID where parts are no multiples of a block, or of a granule where unmapped.
snug_status snug_allocator_adopt(snug_allocator *allocator, const snug_allocator_segment *segment);

snug_allocator_figures snug_allocator_figures_now(const snug_allocator *allocator);
// |reserved| of these, at once.
uint64_t snug_allocator_reserved(const snug_allocator *allocator);

// Looks through everything: chains, free lists, merging, sums. SNUG_INTERNAL names what is wrong.
// O(n log n); for tests.
snug_status snug_allocator_check(const snug_allocator *allocator);

#endif
