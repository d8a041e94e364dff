// Private pools (CUDA graphs, MemPool) in traces that do not tell them: PyTorch before 2.10 writes
// pools of segments alone, those left at the end. Of the segments that the trace sees come and go
// the pool is guessed: the common one, until a request was given a new segment where the model
// would have served it from the cache, left a piece alone that the model would have taken, or the
// cache was emptied of less than the model would have given back.
#include "base/memory.h"
#include "torch_allocator/address_map.h"
#include "torch_allocator/replay.h"

// Bounds for hostile and huge traces: entries that guesses replay, and lives looked at for entries.
enum { MOST_REPLAYED = 1 << 23, MOST_LOOKED_AT = 1 << 28 };

#define NO_LIFE UINT32_MAX

// A segment from the entry that made it, or the trace's beginning, to the one that gave it back.
struct snug_segment_life {
    uint64_t address, size;
    size_t first, end;
    uint16_t stream, pool;
    bool whole; // made and given back within the trace: nothing tells its pool
};

void snug_replay_pools_clear(snug_replay_pools *pools) {
    snug_memory_free(pools->entries);
    snug_memory_free(pools->lives);
    snug_memory_free(pools->life_of);
    *pools = (snug_replay_pools){0};
}

// Whether pools are to be found: the end has private ones, and no entry tells any.
static bool is_needed(const snug_replay *replay) {
    const snug_snapshot *snapshot = replay->snapshot;
    bool is_private = false;
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device == replay->device && segment->expandable) return false;
        is_private |= segment->device == replay->device && segment->pool != 0;
    }
    for (size_t i = 0; is_private && i < replay->count; i++)
        if (replay->entries[i].pool != 0) return false;
    return is_private;
}

static snug_status add_life(snug_replay_pools *pools, size_t *capacity, snug_segment_life life,
                            snug_address_map *open) {
    SNUG_TRY(SNUG_GROW(&pools->lives, capacity, pools->life_count + 1));
    pools->lives[pools->life_count] = life;
    return snug_address_map_set(open, life.address, pools->life_count++);
}

// Lives of segments that the trace makes; a second life of an address ends the first.
static snug_status find_made(const snug_replay *replay, snug_replay_pools *pools, size_t *capacity,
                             snug_address_map *open) {
    for (size_t i = 0; i < replay->count; i++) {
        const snug_trace_entry *entry = &replay->entries[i];
        uint64_t life;
        if (entry->action == SNUG_TRACE_SEGMENT_FREE &&
            snug_address_map_remove(open, entry->address, &life)) {
            pools->lives[life].end = i;
            pools->lives[life].whole = true;
        }
        if (entry->action == SNUG_TRACE_SEGMENT_ALLOC)
            SNUG_TRY(add_life(pools, capacity,
                              (snug_segment_life){.address = entry->address,
                                                  .size = entry->size,
                                                  .first = i,
                                                  .end = replay->count,
                                                  .stream = entry->stream},
                              open));
    }
    return SNUG_OK;
}

// Those left at the end, which tell their pools; some were there when the trace began.
static snug_status find_left(const snug_replay *replay, snug_replay_pools *pools, size_t *capacity,
                             snug_address_map *open) {
    const snug_snapshot *snapshot = replay->snapshot;
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device != replay->device) continue;
        if (!snug_address_map_get(open, segment->address))
            SNUG_TRY(add_life(pools, capacity,
                              (snug_segment_life){.address = segment->address,
                                                  .size = segment->total,
                                                  .end = replay->count,
                                                  .stream = segment->stream},
                              open));
        pools->lives[*snug_address_map_get(open, segment->address)].pool = segment->pool;
    }
    return SNUG_OK;
}

// The life of entry |index| in which |address| lies.
static uint32_t life_at(const snug_replay_pools *pools, size_t index, uint64_t address) {
    for (size_t i = 0; i < pools->life_count; i++) {
        const snug_segment_life *life = &pools->lives[i];
        if (life->first <= index && index <= life->end && address >= life->address &&
            address - life->address < life->size)
            return (uint32_t)i;
    }
    return NO_LIFE;
}

// Entries of one segment follow each other mostly: the life before is looked at first.
static void find_lives_of(const snug_replay *replay, snug_replay_pools *pools) {
    uint32_t last = NO_LIFE;
    for (size_t i = 0; i < replay->count; i++) {
        const snug_trace_entry *entry = &replay->entries[i];
        const snug_segment_life *life = last == NO_LIFE ? NULL : &pools->lives[last];
        pools->life_of[i] = NO_LIFE;
        if (entry->action == SNUG_TRACE_OOM) continue;
        if (!life || life->first > i || i > life->end || entry->address < life->address ||
            entry->address - life->address >= life->size)
            last = life_at(pools, i, entry->address);
        pools->life_of[i] = last;
    }
}

static void set_pools(const snug_replay *replay, const snug_replay_pools *pools) {
    for (size_t i = 0; i < replay->count; i++)
        if (pools->life_of[i] != NO_LIFE)
            pools->entries[i].pool = pools->lives[pools->life_of[i]].pool;
}

snug_status snug_replay_find_pools(snug_replay *replay) {
    snug_replay_pools *pools = &replay->pools;
    snug_address_map open = {0};
    size_t capacity = 0;
    if (!is_needed(replay)) return SNUG_OK;
    SNUG_TRY(SNUG_NEW(&pools->entries, replay->count));
    SNUG_TRY(SNUG_NEW(&pools->life_of, replay->count));
    snug_status status = find_made(replay, pools, &capacity, &open);
    if (status == SNUG_OK) status = find_left(replay, pools, &capacity, &open);
    snug_address_map_clear(&open);
    if (status != SNUG_OK || pools->life_count > MOST_LOOKED_AT / replay->count) {
        snug_replay_pools_clear(pools);
        return status;
    }
    for (size_t i = 0; i < replay->count; i++)
        pools->entries[i] = replay->entries[i];
    find_lives_of(replay, pools);
    set_pools(replay, pools);
    replay->entries = pools->entries;
    return SNUG_OK;
}

// The private pool of the stream that the last segment before |index| has whose pool is known.
static uint16_t likely_pool(const snug_replay_pools *pools, size_t index, uint16_t stream) {
    uint16_t pool = 0;
    size_t latest = 0;
    for (size_t i = 0; i < pools->life_count; i++) {
        const snug_segment_life *life = &pools->lives[i];
        bool fits = life->pool != 0 && (life->stream == stream || pool == 0);
        bool is_before = life->first <= index && life->first >= latest;
        if (!fits || (pool != 0 && !is_before)) continue;
        pool = life->pool;
        if (is_before) latest = life->first;
    }
    return pool;
}

static bool is_open(const snug_replay_pools *pools, uint32_t id) {
    return id != NO_LIFE && pools->lives[id].whole && pools->lives[id].pool == 0;
}

// Lives |ids|, |count| of them, in private pools or in the common one, and what follows from that.
static snug_status put_lives(snug_replay *replay, const uint32_t *ids, size_t count,
                             bool in_private) {
    const snug_replay_pools *pools = &replay->pools;
    for (size_t i = 0; i < count; i++) {
        snug_segment_life *life = &pools->lives[ids[i]];
        life->pool = in_private ? likely_pool(pools, life->first, life->stream) : 0;
    }
    set_pools(replay, pools);
    return snug_replay_find_emptied(replay);
}

// Replays with lives |ids|, |count| of them, in private pools; |*out| is what that gives. Undone
// where it comes no further than |*out| did, |*better| false.
static snug_status try_private(snug_replay *replay, const uint32_t *ids, size_t count,
                               snug_replay_result *out, bool *better) {
    snug_replay_result result;
    *better = false;
    if (count == 0) return SNUG_OK;
    SNUG_TRY(put_lives(replay, ids, count, true));
    SNUG_TRY(snug_replay_run(replay, &replay->recorded, true, &result));
    *better = !result.failed && result.first_other > out->first_other;
    if (!*better) return put_lives(replay, ids, count, false);
    *out = result;
    return SNUG_OK;
}

// Lives that end when the cache was last emptied before |index|: a pool's end, where the model
// would have given back more.
static snug_status find_emptied_lives(const snug_replay *replay, size_t index, uint32_t **ids,
                                      size_t *count) {
    const snug_replay_pools *pools = &replay->pools;
    size_t last = index, first, capacity = 0;
    while (last > 0 && replay->entries[last - 1].action != SNUG_TRACE_SEGMENT_FREE)
        last--;
    for (first = last; first > 0 && replay->entries[first - 1].action == SNUG_TRACE_SEGMENT_FREE;)
        first--;
    for (size_t i = first; i < last; i++) {
        if (!is_open(pools, pools->life_of[i])) continue;
        SNUG_TRY(SNUG_GROW(ids, &capacity, *count + 1));
        (*ids)[(*count)++] = pools->life_of[i];
    }
    return SNUG_OK;
}

// One guess at the request |*result| names, by what tells most.
static snug_status guess(snug_replay *replay, snug_replay_result *result, bool *better) {
    const snug_replay_pools *pools = &replay->pools;
    size_t index = result->first_other, count = 0;
    const uint32_t single[] = {pools->life_of[index],
                               life_at(pools, index, result->first_other_address)};
    uint32_t *ids = NULL;
    *better = false;
    for (size_t i = 0; i < 2 && !*better; i++)
        SNUG_TRY(try_private(replay, &single[i], is_open(pools, single[i]), result, better));
    if (*better) return SNUG_OK;
    snug_status status = find_emptied_lives(replay, index, &ids, &count);
    if (status == SNUG_OK) status = try_private(replay, ids, count, result, better);
    snug_memory_free(ids);
    return status;
}

snug_status snug_replay_guess_pools(snug_replay *replay) {
    snug_replay_result result;
    bool better = true;
    if (!replay->pools.entries) return SNUG_OK;
    SNUG_TRY(snug_replay_run(replay, &replay->recorded, true, &result));
    for (size_t replayed = 0;
         better && replayed < MOST_REPLAYED && result.first_other < replay->count;
         replayed += 3 * replay->count)
        SNUG_TRY(guess(replay, &result, &better));
    return SNUG_OK;
}
