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

typedef struct snug_segment_life snug_segment_life;

// Where the trace does not tell private pools: the entries with those that were found.
typedef struct snug_replay_pools {
    snug_trace_entry *entries; // NULL: the trace tells them, or there are none
    snug_segment_life *lives;
    size_t life_count;
    uint32_t *life_of; // of each entry
} snug_replay_pools;

typedef struct snug_replay {
    const snug_snapshot *snapshot;   // borrowed
    const snug_trace_entry *entries; // borrowed, or those of |pools|
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
    snug_replay_pools pools;
} snug_replay;

// Prepares the trace of |device|. SNUG_NOT_FOUND where the snapshot has none; SNUG_NOMEM. The
// caller frees |*out|, before |snapshot|.
snug_status snug_replay_new(const snug_snapshot *snapshot, int device, snug_replay **out);
void snug_replay_free(snug_replay *replay);

typedef struct snug_replay_result {
    uint64_t peak_reserved, peak_allocated, end_reserved;
    size_t requests;     // that were replayed
    size_t placed_alike; // of them, at the recorded address; as recorded alone
    size_t alike;        // of them, with as much reserved afterwards as recorded
    size_t first_other;  // the first request elsewhere, or with another figure; the replay's
    uint64_t first_other_address; // |count|: none. Where it was put
    size_t served;                // of the failures recorded: would have succeeded
    bool last_served;             // the last of them
    uint64_t live_at_failure;     // allocated bytes then
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

// replay_trace.c: fills reserved, its peak, requests, failures and last_failure.
snug_status snug_replay_count(snug_replay *replay);
// Fills emptied and waited, anew where they were filled.
snug_status snug_replay_find_emptied(snug_replay *replay);
// What the process could have at the failure |index|, in bytes: all that it held, and what was free
// unless that was enough, when a limit of its own is what failed it.
uint64_t snug_replay_capacity_at(const snug_replay *replay, size_t index);
// Whether entry |index| completes a free; whether of one that the entry before requested: at once,
// as far as the trace tells.
bool snug_replay_completes(const snug_replay *replay, size_t index);
bool snug_replay_is_at_once(const snug_replay *replay, size_t index);

// replay_pools.c: private pools, where the trace does not tell them. Those that the segments left
// at the end tell come before all else; others are guessed by replays of a |replay| otherwise
// ready.
snug_status snug_replay_find_pools(snug_replay *replay);
snug_status snug_replay_guess_pools(snug_replay *replay);
void snug_replay_pools_clear(snug_replay_pools *pools);

#endif
