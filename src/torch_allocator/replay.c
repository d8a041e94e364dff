#include "torch_allocator/replay.h"

#include "base/memory.h"
#include "torch_allocator/address_map.h"

static void take_settings(snug_replay *replay) {
    const snug_allocator_settings *settings = &replay->snapshot->settings;
    snug_allocator_config *config = &replay->recorded;
    *config = SNUG_ALLOCATOR_DEFAULTS;
    if (settings->max_split_size > 0) config->max_split_size = settings->max_split_size;
    config->garbage_collection_threshold = settings->garbage_collection_threshold;
    config->expandable_segments = settings->expandable_segments;
    _Static_assert((int)SNUG_MAX_DIVISIONS == (int)SNUG_ALLOCATOR_DIVISIONS, "one a power of two");
    for (int i = 0; i < SNUG_ALLOCATOR_DIVISIONS; i++)
        config->divisions[i] = settings->divisions[i];
}

// A snapshot does not tell PyTorch's version: which of two equal blocks its allocator takes is seen
// from where the requests were placed.
static snug_status find_order(snug_replay *replay) {
    snug_replay_result by_address, by_segment;
    SNUG_TRY(snug_replay_run(replay, &replay->recorded, true, &by_address));
    if (by_address.placed_alike == by_address.requests) return SNUG_OK;
    replay->recorded.oldest_segment_first = true;
    SNUG_TRY(snug_replay_run(replay, &replay->recorded, true, &by_segment));
    replay->recorded.oldest_segment_first = by_segment.placed_alike > by_address.placed_alike;
    return SNUG_OK;
}

static const snug_trace *find_trace(const snug_snapshot *snapshot, int device) {
    for (size_t i = 0; i < snapshot->trace_count; i++)
        if (snapshot->traces[i].device == device && snapshot->traces[i].count > 0)
            return &snapshot->traces[i];
    return NULL;
}

snug_status snug_replay_new(const snug_snapshot *snapshot, int device, snug_replay **out) {
    *out = NULL;
    const snug_trace *trace = find_trace(snapshot, device);
    if (!trace)
        return snug_fail(SNUG_NOT_FOUND,
                         "the snapshot has no trace to replay; call "
                         "torch.cuda.memory._record_memory_history() before training");
    snug_replay *replay = NULL;
    SNUG_TRY(SNUG_NEW(&replay, 1));
    replay->snapshot = snapshot;
    replay->device = device;
    replay->entries = snapshot->entries + trace->first;
    replay->count = trace->count;
    take_settings(replay);
    snug_status status = snug_replay_find_pools(replay);
    if (status == SNUG_OK) status = snug_replay_start(replay);
    if (status == SNUG_OK) status = snug_replay_count(replay);
    if (status == SNUG_OK && replay->last_failure < replay->count) {
        uint64_t capacity = snug_replay_capacity_at(replay, replay->last_failure);
        replay->recorded.capacity =
            capacity > replay->peak_reserved ? capacity : replay->peak_reserved;
    }
    if (status == SNUG_OK) status = snug_replay_find_emptied(replay);
    if (status == SNUG_OK) status = snug_replay_guess_pools(replay);
    if (status == SNUG_OK) status = find_order(replay);
    if (status == SNUG_OK)
        *out = replay;
    else
        snug_replay_free(replay);
    return status;
}

void snug_replay_free(snug_replay *replay) {
    if (!replay) return;
    snug_memory_free(replay->segments);
    snug_memory_free(replay->parts);
    snug_memory_free(replay->live);
    snug_memory_free(replay->emptied);
    snug_memory_free(replay->waited);
    snug_memory_free(replay->reserved);
    snug_replay_pools_clear(&replay->pools);
    snug_memory_free(replay);
}

// ---- Replaying -----------------------------------------------------------------------------

typedef struct replayer {
    const snug_replay *replay;
    snug_allocator *allocator;
    bool as_recorded;
    snug_address_map held;    // recorded address -> block
    snug_address_map waiting; // block -> recorded address, of blocks whose free is requested
    size_t emptied, waited;   // how many of the replay's lie behind
    snug_replay_result *result;
} replayer;

static snug_allocator_block *as_block(uint64_t value) {
    return (snug_allocator_block *)(uintptr_t)value; // NOLINT(performance-no-int-to-ptr)
}

// A failing request waited for it: its free_completed, later in the trace, finds nothing.
static void forget(void *context, snug_allocator_block *block) {
    replayer *player = context;
    uint64_t address;
    if (snug_address_map_remove(&player->waiting, (uintptr_t)block, &address))
        snug_address_map_remove(&player->held, address, NULL);
}

static void complete(replayer *player, uint64_t address) {
    uint64_t value;
    if (!snug_address_map_remove(&player->held, address, &value)) return;
    snug_address_map_remove(&player->waiting, (uintptr_t)value, NULL);
    snug_allocator_complete_free(player->allocator, as_block(value));
}

static snug_status hold(replayer *player, uint64_t address, snug_allocator_block *block) {
    complete(player, address); // its free was not recorded
    return snug_address_map_set(&player->held, address, (uintptr_t)block);
}

static snug_status wait_for(replayer *player, uint64_t address) {
    const uint64_t *value = snug_address_map_get(&player->held, address);
    if (!value) return SNUG_OK;
    SNUG_TRY(snug_address_map_set(&player->waiting, *value, address));
    snug_allocator_request_free(player->allocator, as_block(*value));
    return SNUG_OK;
}

static snug_status adopt(replayer *player) {
    const snug_replay *replay = player->replay;
    size_t live = 0;
    for (size_t i = 0; i < replay->segment_count; i++) {
        const snug_allocator_segment *segment = &replay->segments[i];
        SNUG_TRY(snug_allocator_adopt(player->allocator, segment));
        for (size_t j = 0; j < segment->part_count; j++) {
            snug_allocator_block *block = segment->parts[j].block;
            if (!block) continue;
            const snug_replay_live *held = &replay->live[live++];
            SNUG_TRY(snug_address_map_set(&player->held, held->address, (uintptr_t)block));
            if (held->pending)
                SNUG_TRY(snug_address_map_set(&player->waiting, (uintptr_t)block, held->address));
        }
    }
    return SNUG_OK;
}

static void fail_at(replayer *player, size_t index, uint64_t size) {
    player->result->failed = true;
    player->result->failed_at = index;
    player->result->failed_size = size;
}

static snug_status request_live(replayer *player) {
    const snug_replay *replay = player->replay;
    for (size_t i = 0; i < replay->live_count && !player->result->failed; i++) {
        const snug_replay_live *held = &replay->live[i];
        snug_allocator_block *block = NULL;
        SNUG_TRY(snug_allocator_request(player->allocator, held->requested, held->stream,
                                        held->pool, &block));
        if (!block) {
            fail_at(player, 0, held->requested);
            continue;
        }
        SNUG_TRY(hold(player, held->address, block));
        if (held->pending) SNUG_TRY(wait_for(player, held->address));
    }
    return SNUG_OK;
}

static snug_status replay_request(replayer *player, size_t index) {
    const snug_trace_entry *entry = &player->replay->entries[index];
    snug_replay_result *result = player->result;
    snug_allocator_block *block = NULL;
    SNUG_TRY(
        snug_allocator_request(player->allocator, entry->size, entry->stream, entry->pool, &block));
    if (!block) {
        fail_at(player, index, entry->size);
        return SNUG_OK;
    }
    uint64_t address = snug_allocator_block_address(block);
    bool is_alike =
        snug_allocator_reserved(player->allocator) == player->replay->reserved[index + 1];
    result->requests++;
    result->placed_alike += address == entry->address;
    result->alike += is_alike;
    if ((address != entry->address || !is_alike) && index < result->first_other) {
        result->first_other = index;
        result->first_other_address = address;
    }
    return hold(player, entry->address, block);
}

// The request that failed: whether it does here.
static snug_status replay_failure(replayer *player, size_t index) {
    const snug_trace_entry *entry = &player->replay->entries[index];
    snug_allocator_block *block = NULL;
    player->result->live_at_failure = snug_allocator_figures_now(player->allocator).allocated;
    snug_allocator_set_capacity(player->allocator, snug_replay_capacity_at(player->replay, index));
    SNUG_TRY(
        snug_allocator_request(player->allocator, entry->size, entry->stream, entry->pool, &block));
    snug_allocator_set_capacity(player->allocator, player->replay->recorded.capacity);
    player->result->last_served = block != NULL;
    player->result->served += block != NULL;
    if (block) snug_allocator_complete_free(player->allocator, block);
    return SNUG_OK;
}

static snug_status replay_emptied(replayer *player, size_t index) {
    const snug_replay *replay = player->replay;
    for (;
         player->emptied < replay->emptied_count && replay->emptied[player->emptied].index == index;
         player->emptied++) {
        uint32_t pool = replay->emptied[player->emptied].pool;
        SNUG_TRY(pool == 0 ? snug_allocator_empty_cache(player->allocator)
                           : snug_allocator_empty_pool(player->allocator, pool));
    }
    return SNUG_OK;
}

static bool waits(const replayer *player, size_t index) {
    const snug_replay *replay = player->replay;
    return player->waited < replay->waited_count && index >= replay->waited[player->waited].first &&
           snug_replay_completes(replay, index);
}

// Under other settings a request need not have waited: what it waited for is free by now.
static void complete_waited(replayer *player, size_t index) {
    const snug_replay *replay = player->replay;
    if (player->waited == replay->waited_count || index != replay->waited[player->waited].request)
        return;
    for (size_t i = replay->waited[player->waited++].first; i < index; i++) {
        uint64_t address = replay->entries[i].address;
        const uint64_t *held =
            snug_replay_completes(replay, i) ? snug_address_map_get(&player->held, address) : NULL;
        // The request itself may lie there by now.
        if (held && snug_address_map_get(&player->waiting, *held)) complete(player, address);
    }
}

static snug_status replay_entry(replayer *player, size_t index) {
    const snug_replay *replay = player->replay;
    const snug_trace_entry *entry = &replay->entries[index];
    bool at_once = index + 1 < replay->count && snug_replay_is_at_once(replay, index + 1) &&
                   snug_replay_completes(replay, index + 1) && !waits(player, index + 1);
    switch ((snug_trace_action)entry->action) {
    case SNUG_TRACE_ALLOC:
        return replay_request(player, index);
    case SNUG_TRACE_FREE_REQUESTED:
        return at_once ? SNUG_OK : wait_for(player, entry->address);
    case SNUG_TRACE_FREE_COMPLETED:
        if (!waits(player, index)) complete(player, entry->address);
        return SNUG_OK;
    case SNUG_TRACE_SEGMENT_ALLOC:
    case SNUG_TRACE_SEGMENT_MAP:
        if (player->as_recorded) snug_allocator_place(player->allocator, entry->address);
        return SNUG_OK;
    case SNUG_TRACE_SEGMENT_FREE:
    case SNUG_TRACE_SEGMENT_UNMAP:
        return replay_emptied(player, index);
    case SNUG_TRACE_OOM:
        return replay_failure(player, index);
    default:
        return SNUG_OK;
    }
}

static snug_status play(replayer *player) {
    const snug_replay *replay = player->replay;
    SNUG_TRY(player->as_recorded ? adopt(player) : request_live(player));
    for (size_t i = 0; i < replay->count && !player->result->failed; i++) {
        SNUG_TRY(replay_entry(player, i));
        complete_waited(player, i);
    }
    return SNUG_OK;
}

snug_status snug_replay_run(const snug_replay *replay, const snug_allocator_config *config,
                            bool as_recorded, snug_replay_result *out) {
    replayer player = {.replay = replay, .as_recorded = as_recorded, .result = out};
    snug_allocator_config own = *config;
    own.capacity = replay->recorded.capacity;
    own.oldest_segment_first = replay->recorded.oldest_segment_first;
    *out = (snug_replay_result){.first_other = replay->count};
    SNUG_TRY(snug_allocator_new(&own, &player.allocator));
    snug_allocator_on_completed(player.allocator, forget, &player);
    snug_status status = play(&player);
    snug_allocator_figures figures = snug_allocator_figures_now(player.allocator);
    out->peak_reserved = figures.peak_reserved;
    out->peak_allocated = figures.peak_allocated;
    out->end_reserved = figures.reserved;
    out->retries = figures.retries;
    snug_allocator_free(player.allocator);
    snug_address_map_clear(&player.held);
    snug_address_map_clear(&player.waiting);
    return status;
}
