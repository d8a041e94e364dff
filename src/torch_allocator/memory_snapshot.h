// A memory snapshot of PyTorch in memory: what its allocator held when it was written (segments and
// their blocks), and the recorded trace of what led there. Compact, since files are gigabytes:
// texts, frames and stacks are stored once and referred to by index, a trace entry takes 40 bytes,
// a block 32. Pinned host memory (host_segments, host_traces) is left out. Whoever makes one owns
// it: explain/snapshot/ reads files.
#ifndef SNUG_TORCH_ALLOCATOR_MEMORY_SNAPSHOT_H
#define SNUG_TORCH_ALLOCATOR_MEMORY_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Index of a text, a frame, a stack; 0 is "", the frame without a place, the empty stack.
typedef uint32_t snug_text_id;
typedef uint32_t snug_frame_id;
typedef uint32_t snug_stack_id;

// Actions of a trace. X(symbol, name in the file)
#define SNUG_TRACE_ACTION_LIST(X)                                                                  \
    X(SNUG_TRACE_ALLOC, "alloc")                                                                   \
    X(SNUG_TRACE_FREE_REQUESTED, "free_requested")                                                 \
    X(SNUG_TRACE_FREE_COMPLETED, "free_completed")                                                 \
    X(SNUG_TRACE_SEGMENT_ALLOC, "segment_alloc")                                                   \
    X(SNUG_TRACE_SEGMENT_FREE, "segment_free")                                                     \
    X(SNUG_TRACE_SEGMENT_MAP, "segment_map")                                                       \
    X(SNUG_TRACE_SEGMENT_UNMAP, "segment_unmap")                                                   \
    X(SNUG_TRACE_SNAPSHOT, "snapshot")                                                             \
    X(SNUG_TRACE_OOM, "oom")                                                                       \
    X(SNUG_TRACE_ANNOTATE, "annotate")

typedef enum snug_trace_action {
#define SNUG_TRACE_ACTION_ENUM(symbol, name) symbol,
    SNUG_TRACE_ACTION_LIST(SNUG_TRACE_ACTION_ENUM)
#undef SNUG_TRACE_ACTION_ENUM
        SNUG_TRACE_OTHER, // a newer PyTorch's: nothing is known of it
} snug_trace_action;

typedef struct snug_trace_entry {
    uint64_t address; // SNUG_TRACE_OOM: bytes free on the device, UINT64_MAX: not told
    uint64_t size;    // bytes as the allocator rounded them; oom: asked for, rounded to a block
    int64_t time;     // microseconds; 0 where the file has none
    snug_stack_id stack;
    snug_text_id metadata; // user_metadata
    uint16_t stream;       // index into |streams|
    uint16_t pool;         // index into |pools|
    uint8_t action;        // snug_trace_action
} snug_trace_entry;

// A device's trace, oldest entry first: |entries[first]| to |entries[first + count - 1]|. It is a
// ring: what was live before it begins has no alloc in it.
typedef struct snug_trace {
    int device;
    size_t first, count;
} snug_trace;

typedef enum snug_block_state {
    SNUG_BLOCK_INACTIVE, // free, kept by the allocator
    SNUG_BLOCK_ACTIVE,   // a tensor's
    SNUG_BLOCK_PENDING,  // freed by its tensor, another stream still uses it
} snug_block_state;

typedef struct snug_block {
    uint64_t address;   // worked out from the blocks before it where the file has none
    uint64_t size;      // as the allocator rounded it
    uint64_t requested; // as it was asked for; |size| where the file does not tell
    snug_stack_id stack;
    uint8_t state; // snug_block_state
} snug_block;

// Blocks are in the order of their addresses and fill their segment: first_block to first_block +
// block_count - 1. Of an expandable segment the file has one snug_segment a mapped range.
typedef struct snug_segment {
    uint64_t address, total;               // bytes; what follows is recomputed from the blocks
    uint64_t allocated, active, requested; // where the file does not tell
    size_t first_block, block_count;
    int device;
    snug_stack_id stack;
    uint16_t stream, pool;
    bool large; // of the pool for requests above 1 MiB
    bool expandable;
} snug_segment;

typedef struct snug_frame {
    snug_text_id file, function;
    int32_t line; // 0: unknown
} snug_frame;

// A private pool's id; {0, 0} is the common one, and index 0.
typedef struct snug_pool_id {
    int64_t first, second;
} snug_pool_id;

enum { SNUG_MAX_DIVISIONS = 16 };

// PYTORCH_CUDA_ALLOC_CONF as the allocator understood it. Where |known| is false the file has no
// settings, and these are PyTorch's defaults.
typedef struct snug_allocator_settings {
    bool known;
    snug_text_id text;                   // as the user wrote it, "" where nothing was set
    uint64_t max_split_size;             // bytes; UINT64_MAX: no limit
    double garbage_collection_threshold; // 0: off
    bool expandable_segments;
    // |divisions[i]| holds for sizes above 2^i MiB up to the next; 0: sizes are not rounded so.
    uint32_t divisions[SNUG_MAX_DIVISIONS];
} snug_allocator_settings;

// An entry of external_annotations.
typedef struct snug_annotation {
    int64_t time; // microseconds
    int device;   // -1: unknown
    snug_text_id name, stage;
} snug_annotation;

typedef struct snug_snapshot {
    snug_trace *traces; // one a device that the file lists, empty ones too
    size_t trace_count;
    snug_trace_entry *entries;
    size_t entry_count;
    snug_segment *segments; // by device, then by address
    size_t segment_count;
    snug_block *blocks;
    size_t block_count;
    // Stack |i| is stack_frames[stack_starts[i]] to stack_frames[stack_starts[i + 1] - 1],
    // innermost frame first.
    size_t *stack_starts;
    size_t stack_count; // of stacks; |stack_starts| has one element more
    snug_frame_id *stack_frames;
    snug_frame *frames;
    size_t frame_count;
    const char **texts; // NUL-terminated
    size_t text_count;
    int64_t *streams; // as CUDA's handles; index 0 is the default stream, 0
    size_t stream_count;
    snug_pool_id *pools;
    size_t pool_count;
    snug_allocator_settings settings;
    snug_annotation *annotations;
    size_t annotation_count;
    bool has_stacks, has_times;
    void *memory; // what the above lies in
} snug_snapshot;

static inline const char *snug_snapshot_text(const snug_snapshot *snapshot, snug_text_id id) {
    return snapshot->texts[id];
}

// The frames of |stack|, innermost first; |*count| receives how many.
static inline const snug_frame_id *snug_snapshot_stack(const snug_snapshot *snapshot,
                                                       snug_stack_id stack, size_t *count) {
    size_t start = snapshot->stack_starts[stack];
    *count = snapshot->stack_starts[stack + 1] - start;
    return snapshot->stack_frames + start;
}

#endif
