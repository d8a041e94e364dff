// The life of every allocation of a device, from its trace and from what was live at the end.
#ifndef SNUG_EXPLAIN_TRACE_TIMELINE_H
#define SNUG_EXPLAIN_TRACE_TIMELINE_H

#include "explain/snapshot/snapshot.h"
#include "explain/trace/frames.h"

typedef enum snug_kind {
    SNUG_KIND_WEIGHTS,
    SNUG_KIND_GRADIENTS,
    SNUG_KIND_OPTIMIZER,
    SNUG_KIND_ACTIVATIONS,
    SNUG_KIND_WORKSPACE,
    SNUG_KIND_UNCLASSIFIED,
    SNUG_KINDS,
} snug_kind;

// "weights" ...
extern const char *const snug_kind_names[SNUG_KINDS];

// A tensor's memory. Times are positions in the trace: entry |birth| allocates it, entry |death|
// frees it, so that before entry p happens it is live when birth < p <= death. |before|: it was
// live already when the trace begins.
typedef struct snug_life {
    uint64_t address, size;
    uint32_t birth, death; // death: the position of the entry that frees it; UINT32_MAX: none does
    snug_stack_id stack;
    uint8_t kind; // snug_kind
    bool before;
} snug_life;

typedef struct snug_timeline {
    const snug_snapshot *snapshot;
    int device;
    const snug_trace_entry *entries; // of the device
    uint32_t count;
    snug_life *lives; // those from before first, then by birth
    size_t life_count, before_count;
    bool has_oom;       // one that a program's line saw: what libraries make up for counts nowhere
    uint32_t at;        // the position that is explained: the last oom, else the peak
    uint32_t oom_count; // oom entries up to |at|, this one included
    uint32_t first_oom; // position; UINT32_MAX: none
    uint32_t previous_oom;  // position of the oom before |at|; 0: none
    uint64_t *live_before;  // bytes live before each entry, and behind the last: count + 1
    uint64_t live, peak;    // bytes at |at|; the most there were
    uint32_t peak_at;       // position of |peak|
    uint64_t reserved;      // bytes of segments at |at|
    uint64_t most_reserved; // before |at|
    uint64_t end_reserved;  // when the snapshot was written
} snug_timeline;

static inline bool snug_life_is_live(const snug_life *life, uint32_t position) {
    return (life->before || life->birth < position) && position <= life->death;
}

// Whether nothing failed, and a quarter or more of what was made came after the peak: memory had
// stopped to grow.
bool snug_timeline_goes_on(const snug_timeline *timeline);

// Replays the trace of |device|. Linear in the trace; the caller clears |*out|, also after failure.
snug_status snug_timeline_make(const snug_snapshot *snapshot, const snug_stacks *stacks, int device,
                               snug_timeline *out);
void snug_timeline_clear(snug_timeline *timeline);

// Gives every life its kind, from stacks and sizes. kinds.c.
snug_status snug_timeline_judge(snug_timeline *timeline, const snug_stacks *stacks);
// Tells optimizer state from weights among what is older than the trace and has no stack;
// |run_ends| has where the backward pass ends that each position is in. old_state.c.
snug_status snug_old_state_split(snug_timeline *timeline, const snug_stack_about *stacks,
                                 const uint32_t *run_ends);

// A range of addresses that the allocator holds.
typedef struct snug_range {
    uint64_t address, size;
    uint16_t pool, stream;
    bool large;
} snug_range;

// What a range of a segment holds: a tensor, or memory that its tensor gave back while another
// stream may still use it (|pending|), which no request can have.
typedef struct snug_piece {
    uint64_t address, size;
    snug_stack_id stack;
    uint8_t kind; // snug_kind
    bool pending;
} snug_piece;

// How memory lay at timeline->at: segments by address, with what was in them. layout.c.
typedef struct snug_memory_layout {
    snug_range *segments;
    size_t segment_count;
    snug_piece *pieces;             // by address
    size_t piece_count, life_count; // of them, tensors
    uint64_t unallocated;           // bytes between them
    uint64_t pending;               // bytes of those that are none
    uint64_t largest_free;          // the longest piece in between that the request could have used
    uint64_t private_pools;         // bytes live in pools of their own
    uint64_t private_free;          // bytes between those
    size_t free_pieces;
} snug_memory_layout;

// |request| is the bytes asked for, 0: any piece counts.
snug_status snug_memory_layout_make(const snug_timeline *timeline, uint64_t request,
                                    snug_memory_layout *out);
void snug_memory_layout_clear(snug_memory_layout *layout);

#endif
