// What a trace tells of itself: what was reserved when, what a failing request gave back, and where
// the program emptied the cache.
#include "base/memory.h"
#include "torch_allocator/replay.h"

static bool gives_back(const snug_trace_entry *entry) {
    return entry->action == SNUG_TRACE_SEGMENT_FREE || entry->action == SNUG_TRACE_SEGMENT_UNMAP;
}

static bool takes(const snug_trace_entry *entry) {
    return entry->action == SNUG_TRACE_SEGMENT_ALLOC || entry->action == SNUG_TRACE_SEGMENT_MAP;
}

snug_status snug_replay_count(snug_replay *replay) {
    SNUG_TRY(SNUG_NEW(&replay->reserved, replay->count + 1));
    uint64_t now = replay->start_reserved;
    replay->last_failure = replay->count;
    for (size_t i = 0; i < replay->count; i++) {
        const snug_trace_entry *entry = &replay->entries[i];
        replay->reserved[i] = now;
        if (now > replay->peak_reserved) replay->peak_reserved = now;
        if (takes(entry)) now += entry->size;
        if (gives_back(entry)) now -= entry->size < now ? entry->size : now;
        replay->requests += entry->action == SNUG_TRACE_ALLOC;
        if (entry->action != SNUG_TRACE_OOM) continue;
        replay->failures++;
        replay->last_failure = i;
    }
    replay->reserved[replay->count] = now;
    if (now > replay->peak_reserved) replay->peak_reserved = now;
    return SNUG_OK;
}

uint64_t snug_replay_capacity_at(const snug_replay *replay, size_t index) {
    const snug_trace_entry *entry = &replay->entries[index];
    uint64_t wanted =
        entry->size < (uint64_t)1 << 58 ? snug_allocator_segment_size(entry->size) : entry->size;
    uint64_t free = entry->address < wanted ? entry->address : 0;
    return replay->reserved[index] + free;
}

// The entry of the request whose segments, or failure, begin at entry |index|.
static size_t request_of(const snug_replay *replay, size_t index) {
    while (index < replay->count && takes(&replay->entries[index]))
        index++;
    return index;
}

// Whether a free block of |has| bytes serves a request of |size|, both rounded and of one pool.
static bool is_enough(const snug_allocator_config *config, uint64_t has, uint64_t size) {
    if (has < size) return false;
    if (size < config->max_split_size) return has < config->max_split_size;
    return has - size < config->max_non_split_rounding;
}

// Whether |freed|, were it free, would have served the request |wanted|.
static bool would_serve(const snug_replay *replay, const snug_trace_entry *freed,
                        const snug_trace_entry *wanted) {
    uint64_t size = snug_allocator_round(&replay->recorded, wanted->size);
    if (!gives_back(freed) || freed->stream != wanted->stream || freed->pool != wanted->pool)
        return false;
    bool small = freed->size == SNUG_ALLOCATOR_SMALL_SEGMENT;
    if (freed->action == SNUG_TRACE_SEGMENT_FREE && small != (size <= SNUG_ALLOCATOR_SMALL))
        return false;
    return is_enough(&replay->recorded, freed->size, size);
}

// Whether the block whose free completes at entry |index| would have served the request |wanted|.
static bool would_serve_alone(const snug_replay *replay, size_t index,
                              const snug_trace_entry *wanted) {
    const snug_trace_entry *freed = &replay->entries[index];
    uint64_t size = snug_allocator_round(&replay->recorded, wanted->size);
    uint64_t has = snug_allocator_round(&replay->recorded, freed->size);
    return freed->stream == wanted->stream && freed->pool == wanted->pool &&
           (has <= SNUG_ALLOCATOR_SMALL) == (size <= SNUG_ALLOCATOR_SMALL) &&
           is_enough(&replay->recorded, has, size);
}

bool snug_replay_completes(const snug_replay *replay, size_t index) {
    return replay->entries[index].action == SNUG_TRACE_FREE_COMPLETED;
}

bool snug_replay_is_at_once(const snug_replay *replay, size_t index) {
    const snug_trace_entry *entry = &replay->entries[index];
    return index > 0 && entry[-1].action == SNUG_TRACE_FREE_REQUESTED &&
           entry[-1].address == entry->address;
}

// Whether one of the frees that complete in entries |first| to |end| lay in |freed|.
static bool became_free(const snug_replay *replay, size_t first, size_t end,
                        const snug_trace_entry *freed) {
    for (size_t i = first; i < end; i++) {
        const snug_trace_entry *entry = &replay->entries[i];
        if (snug_replay_completes(replay, i) && entry->address < freed->address + freed->size &&
            freed->address < entry->address + entry->size)
            return true;
    }
    return false;
}

static bool is_oversize(const snug_replay *replay, const snug_trace_entry *freed,
                        const snug_trace_entry *wanted) {
    return freed->action == SNUG_TRACE_SEGMENT_FREE && freed->stream == wanted->stream &&
           freed->pool == wanted->pool && freed->size >= replay->recorded.max_split_size;
}

// With max_split_size a request gives back oversize blocks of its stream first: one that is large
// enough, or several, the largest first. The bytes that it had to give back before it would have
// gone on to all else, of what entries |first| to |end| give back; 0 where that is not enough.
static uint64_t enough_oversize(const snug_replay *replay, size_t first, size_t index, size_t end,
                                const snug_trace_entry *wanted) {
    uint64_t size = snug_allocator_round(&replay->recorded, wanted->size), sum = 0, one = 0;
    uint64_t oversize = replay->recorded.max_split_size;
    uint64_t key = size < oversize ? oversize : size;
    for (size_t i = index; i < end; i++) {
        const snug_trace_entry *freed = &replay->entries[i];
        if (!is_oversize(replay, freed, wanted) || became_free(replay, first, end, freed)) continue;
        sum += freed->size;
        if (freed->size >= key && (one == 0 || freed->size < one)) one = freed->size;
    }
    return one ? one : sum >= key ? sum : 0;
}

// Whether a request for a private pool gave back entries |index| to |end|: those leave the common
// pool alone, and of their own give back oversize blocks.
static bool is_of_private(const snug_replay *replay, size_t index, size_t end) {
    size_t request = request_of(replay, end);
    const snug_trace_entry *wanted = &replay->entries[request];
    if (replay->recorded.capacity == SNUG_ALLOCATOR_NO_LIMIT || index == end) return false;
    for (size_t i = index; i < end; i++)
        if (!is_oversize(replay, &replay->entries[i], wanted)) return false;
    if (wanted->action == SNUG_TRACE_OOM) return true;
    return wanted->action == SNUG_TRACE_ALLOC && request > end &&
           replay->reserved[index] + replay->entries[end].size > replay->recorded.capacity;
}

// Whether a request that fails gives back by itself what entries |index| to |end| give back: there
// was not enough without, and none of it would have served the request, unless its free completed
// only while the request waited, from entry |*first| on. Otherwise the cache was emptied.
static bool is_of_request(const snug_replay *replay, size_t index, size_t end, size_t *first) {
    size_t request = request_of(replay, end);
    uint64_t capacity = replay->recorded.capacity;
    if (request == replay->count) return false;
    const snug_trace_entry *wanted = &replay->entries[request];
    *first = index;
    if (wanted->pool != 0) return is_of_private(replay, index, end);
    // A request that fails had no use for what became free just before it either, nor had one that
    // took new memory for what would have served it.
    bool fails = wanted->action == SNUG_TRACE_OOM;
    for (; *first > 0 && snug_replay_completes(replay, *first - 1) &&
           (fails || !snug_replay_is_at_once(replay, *first - 1) ||
            would_serve_alone(replay, *first - 1, wanted));)
        --*first;
    bool common = fails && index == end;
    for (size_t i = index; i < end; i++)
        common |= gives_back(&replay->entries[i]) && replay->entries[i].pool == 0;
    if (fails || !common) return common;
    if (wanted->action != SNUG_TRACE_ALLOC || request == end ||
        capacity == SNUG_ALLOCATOR_NO_LIMIT ||
        replay->reserved[index] + replay->entries[end].size <= capacity)
        return false;
    if (replay->recorded.max_split_size != SNUG_ALLOCATOR_NO_LIMIT) {
        uint64_t enough = enough_oversize(replay, *first, index, end, wanted), given = 0;
        for (size_t i = index; i < end; i++)
            if (gives_back(&replay->entries[i])) given += replay->entries[i].size;
        if (enough && enough < given &&
            replay->reserved[index] - enough + replay->entries[end].size <= capacity)
            return false;
    }
    for (size_t i = index; i < end; i++)
        if (would_serve(replay, &replay->entries[i], wanted) &&
            !became_free(replay, *first, end, &replay->entries[i]))
            return false;
    return true;
}

static snug_status note_emptied(snug_replay *replay, size_t index, uint32_t pool,
                                size_t *capacity) {
    for (size_t i = replay->emptied_count; i-- > 0 && replay->emptied[i].index == index;)
        if (replay->emptied[i].pool == pool) return SNUG_OK;
    SNUG_TRY(SNUG_GROW(&replay->emptied, capacity, replay->emptied_count + 1));
    replay->emptied[replay->emptied_count++] = (snug_replay_emptied){.index = index, .pool = pool};
    return SNUG_OK;
}

// The end of what is given back from entry |index| on.
static size_t end_of_run(const snug_replay *replay, size_t index) {
    while (index < replay->count &&
           (gives_back(&replay->entries[index]) || snug_replay_completes(replay, index)))
        index++;
    return index;
}

// What a failing request does by itself, and where the cache was emptied: runs of segments given
// back that no request explains.
snug_status snug_replay_find_emptied(snug_replay *replay) {
    size_t capacity = 0, waited_capacity = 0;
    snug_memory_free(replay->emptied);
    snug_memory_free(replay->waited);
    replay->emptied = NULL;
    replay->waited = NULL;
    replay->emptied_count = replay->waited_count = 0;
    for (size_t i = 0, end; i < replay->count; i = end) {
        size_t first;
        bool fails = replay->entries[i].action == SNUG_TRACE_OOM;
        end = i + 1;
        if (!gives_back(&replay->entries[i]) && !fails) continue;
        end = end_of_run(replay, i);
        bool of_request = is_of_request(replay, i, end, &first);
        if (of_request) {
            SNUG_TRY(SNUG_GROW(&replay->waited, &waited_capacity, replay->waited_count + 1));
            replay->waited[replay->waited_count++] =
                (snug_replay_waited){.first = first, .request = request_of(replay, end)};
        }
        // A private pool gives back nothing to others while its graph lives: its end is no
        // request's doing.
        uint32_t own = of_request ? replay->entries[request_of(replay, end)].pool : 0;
        for (size_t j = i; j < end; j++) {
            uint32_t pool = replay->entries[j].pool;
            if (gives_back(&replay->entries[j]) && (!of_request || (pool != 0 && pool != own)))
                SNUG_TRY(note_emptied(replay, i, pool, &capacity));
        }
        // The failure itself, behind what was given back for it, is done.
        end += end < replay->count && replay->entries[end].action == SNUG_TRACE_OOM;
    }
    return SNUG_OK;
}
