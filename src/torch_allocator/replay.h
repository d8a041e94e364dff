// The trace of a snapshot, replayed on the model of the allocator: under the settings that it was
// recorded with, which has to give the recorded peak, and under others.
#ifndef SNUG_TORCH_ALLOCATOR_REPLAY_H
#define SNUG_TORCH_ALLOCATOR_REPLAY_H

#include "torch_allocator/allocator.h"
#include "torch_allocator/memory_snapshot.h"

// What was live when the trace began: the final state, with the trace undone.
typedef struct snug_replay_live {
    uint64_t address, size; // |size|: of the block, as far as it can be told
    uint64_t requested;
    uint32_t stream, pool;
    bool pending;
} snug_replay_live;

// The cache was emptied (torch.cuda.empty_cache()) before entry |index|; of private pool |pool|
// where that is none of the common one.
typedef struct snug_replay_emptied {
    size_t index;
    uint32_t pool;
} snug_replay_emptied;

// A request that found nothing and gave back the cache waited for the frees that completed in
// entries |first| to |request|, its own: before them it had not found their memory.
typedef struct snug_replay_waited {
    size_t first, request;
} snug_replay_waited;

typedef struct snug_replay {
    const snug_snapshot *snapshot; // borrowed
    const snug_trace_entry *entries;
    size_t count;
    int device;
    snug_allocator_config recorded; // settings; capacity as far as the trace tells it
    snug_allocator_segment *segments;
    size_t segment_count;
    snug_allocator_part *parts; // of all segments
    snug_replay_live *live;     // by address
    size_t live_count;
    uint64_t live_bytes, start_reserved;
    snug_replay_emptied *emptied;
    size_t emptied_count;
    snug_replay_waited *waited;
    size_t waited_count;
    uint64_t *reserved;        // before each entry, and after the last: as recorded
    uint64_t peak_reserved;    // as recorded
    size_t requests, failures; // alloc and oom entries
    size_t last_failure;       // the last oom's index; |count|: none
} snug_replay;

// Prepares the trace of |device|. SNUG_NOT_FOUND where the snapshot has none; SNUG_NOMEM. The
// caller frees |*out|, before |snapshot|.
snug_status snug_replay_new(const snug_snapshot *snapshot, int device, snug_replay **out);
void snug_replay_free(snug_replay *replay);

typedef struct snug_replay_result {
    uint64_t peak_reserved, peak_allocated, end_reserved;
    size_t requests;          // that were replayed
    size_t placed_alike;      // of them, at the recorded address; as recorded alone
    size_t alike;             // of them, with as much reserved afterwards as recorded
    size_t served;            // of the failures recorded: would have succeeded
    bool last_served;         // the last of them
    uint64_t live_at_failure; // allocated bytes then
    bool failed;          // a request failed that went well when recorded; the replay ends there
    size_t failed_at;     // its entry
    uint64_t failed_size; // bytes
    size_t retries;       // requests for which the cache was given back
} snug_replay_result;

// Under |config|. |as_recorded|: from the recorded layout of what was live, with segments where
// they lay; otherwise what was live is requested first, in the order of its addresses.
snug_status snug_replay_run(const snug_replay *replay, const snug_allocator_config *config,
                            bool as_recorded, snug_replay_result *out);

// replay_start.c: fills segments, parts and live.
snug_status snug_replay_start(snug_replay *replay);

#endif
