// Arrays that grow within a bound, and texts, frames, stacks, streams and pools stored once.
#include "explain/snapshot/snapshot_store.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { SLACK = 48 << 20 };

snug_status snug_store_grow(snug_store *store, void **array, size_t *capacity, size_t count,
                            size_t size) {
    store->bytes += size;
    if (count < *capacity) return SNUG_OK;
    if (store->bytes > store->most_bytes)
        return snug_fail(SNUG_BAD_FILE,
                         "its records would take more than %zu bytes, more than a snapshot of that "
                         "size has",
                         store->most_bytes);
    return snug_memory_grow(array, capacity, count + 1, size);
}

static uint32_t mix(uint32_t hash, uint64_t word) {
    uint64_t mixed = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(mixed ^ mixed >> 32);
}

static uint32_t hash_bytes(const char *bytes, size_t length) {
    uint32_t hash = (uint32_t)length;
    uint64_t word;
    for (; length >= sizeof word; bytes += sizeof word, length -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = mix(hash, word);
    }
    word = 0;
    if (length > 0) memcpy(&word, bytes, length);
    return mix(hash, word);
}

static snug_status rehash(snug_store *store, snug_index *index) {
    snug_index grown = {.slots = index->slots ? index->slots * 2 : 64, .count = index->count};
    size_t bytes = grown.slots * sizeof *grown.items;
    store->bytes += bytes / 2;
    if (store->bytes > store->most_bytes)
        return snug_fail(SNUG_BAD_FILE, "it has more than %zu different texts, frames or stacks",
                         index->count);
    SNUG_TRY(SNUG_NEW(&grown.items, grown.slots));
    for (size_t i = 0; i < index->slots; i++) {
        if (index->items[i].id == 0) continue;
        size_t at = index->items[i].hash & (grown.slots - 1);
        while (grown.items[at].id != 0)
            at = (at + 1) & (grown.slots - 1);
        grown.items[at] = index->items[i];
    }
    snug_memory_free(index->items);
    *index = grown;
    return SNUG_OK;
}

// Whether stored item |id| is |key|.
typedef bool (*same_function)(const snug_store *store, uint32_t id, const void *key);

// The id of |key|, or the slot that it should go to. Room for one more is there already.
static bool find(const snug_store *store, const snug_index *index, uint32_t hash, const void *key,
                 same_function same, snug_index_slot **out) {
    size_t at = hash & (index->slots - 1);
    for (; index->items[at].id != 0; at = (at + 1) & (index->slots - 1)) {
        *out = &index->items[at];
        if ((*out)->hash == hash && same(store, (*out)->id - 1, key)) return true;
    }
    *out = &index->items[at];
    return false;
}

static snug_status make_room(snug_store *store, snug_index *index) {
    if (index->count * 4 < index->slots * 3) return SNUG_OK;
    return rehash(store, index);
}

static void take_slot(snug_index *index, snug_index_slot *slot, uint32_t hash, size_t id) {
    *slot = (snug_index_slot){.hash = hash, .id = (uint32_t)id + 1};
    index->count++;
}

typedef struct text_key {
    const char *bytes;
    size_t length;
} text_key;

// A text of a terminal's control characters would act on it.
static char printable(char byte) {
    unsigned char code = (unsigned char)byte;
    return code < ' ' || code == 0x7f ? ' ' : byte;
}

static bool same_text(const snug_store *store, uint32_t id, const void *key) {
    const text_key *text = key;
    const char *stored = store->snapshot.texts[id];
    for (size_t i = 0; i < text->length; i++)
        if (stored[i] == '\0' || stored[i] != printable(text->bytes[i])) return false;
    return stored[text->length] == '\0';
}

snug_status snug_store_text(snug_store *store, const char *bytes, size_t length,
                            snug_text_id *out) {
    snug_snapshot *snapshot = &store->snapshot;
    uint32_t hash = hash_bytes(bytes, length);
    snug_index_slot *slot;
    SNUG_TRY(make_room(store, &store->text_index));
    text_key key = {bytes, length};
    if (find(store, &store->text_index, hash, &key, same_text, &slot)) {
        *out = slot->id - 1;
        return SNUG_OK;
    }
    char *copy;
    store->bytes += length + 16;
    SNUG_TRY(SNUG_STORE_ADD(store, &snapshot->texts, &store->text_capacity, snapshot->text_count));
    SNUG_TRY(snug_pool_new(&store->pool, length + 1, (void **)&copy));
    for (size_t i = 0; i < length; i++)
        copy[i] = printable(bytes[i]);
    *out = (snug_text_id)snapshot->text_count;
    snapshot->texts[snapshot->text_count] = copy;
    take_slot(&store->text_index, slot, hash, snapshot->text_count++);
    return SNUG_OK;
}

static bool same_frame(const snug_store *store, uint32_t id, const void *key) {
    const snug_frame *a = &store->snapshot.frames[id], *b = key;
    return a->file == b->file && a->function == b->function && a->line == b->line;
}

snug_status snug_store_frame(snug_store *store, snug_frame frame, snug_frame_id *out) {
    snug_snapshot *snapshot = &store->snapshot;
    uint32_t hash = mix(mix(0, frame.file), (uint64_t)frame.function << 32 | (uint32_t)frame.line);
    snug_index_slot *slot;
    SNUG_TRY(make_room(store, &store->frame_index));
    if (find(store, &store->frame_index, hash, &frame, same_frame, &slot)) {
        *out = slot->id - 1;
        return SNUG_OK;
    }
    SNUG_TRY(
        SNUG_STORE_ADD(store, &snapshot->frames, &store->frame_capacity, snapshot->frame_count));
    *out = (snug_frame_id)snapshot->frame_count;
    snapshot->frames[snapshot->frame_count] = frame;
    take_slot(&store->frame_index, slot, hash, snapshot->frame_count++);
    return SNUG_OK;
}

static bool same_stack(const snug_store *store, uint32_t id, const void *key) {
    const size_t *count = key;
    const size_t *starts = store->snapshot.stack_starts;
    return starts[id + 1] - starts[id] == *count &&
           memcmp(store->snapshot.stack_frames + starts[id], store->scratch,
                  *count * sizeof *store->scratch) == 0;
}

// Puts the frames of |before| in front of those in |scratch|.
static snug_status prepend(snug_store *store, snug_stack_id before, size_t *count) {
    size_t length;
    const snug_frame_id *frames = snug_snapshot_stack(&store->snapshot, before, &length);
    if (length == 0) return SNUG_OK;
    SNUG_TRY(SNUG_GROW(&store->scratch, &store->scratch_capacity, *count + length));
    memmove(store->scratch + length, store->scratch, *count * sizeof *store->scratch);
    memcpy(store->scratch, frames, length * sizeof *frames);
    *count += length;
    return SNUG_OK;
}

snug_status snug_store_stack(snug_store *store, snug_stack_id before, size_t count,
                             snug_stack_id *out) {
    snug_snapshot *snapshot = &store->snapshot;
    uint32_t hash = 0;
    snug_index_slot *slot;
    SNUG_TRY(prepend(store, before, &count));
    for (size_t i = 0; i < count; i++)
        hash = mix(hash, store->scratch[i]);
    SNUG_TRY(make_room(store, &store->stack_index));
    if (find(store, &store->stack_index, hash, &count, same_stack, &slot)) {
        *out = slot->id - 1;
        return SNUG_OK;
    }
    size_t wanted = store->stack_frame_count + count;
    if (count > 0) {
        store->bytes += (count - 1) * sizeof *snapshot->stack_frames;
        SNUG_TRY(SNUG_STORE_ADD(store, &snapshot->stack_frames, &store->stack_frame_capacity,
                                wanted - 1));
    }
    SNUG_TRY(SNUG_STORE_ADD(store, &snapshot->stack_starts, &store->start_capacity,
                            snapshot->stack_count + 1));
    if (count > 0)
        memcpy(snapshot->stack_frames + store->stack_frame_count, store->scratch,
               count * sizeof *store->scratch);
    store->stack_frame_count = wanted;
    snapshot->stack_starts[snapshot->stack_count + 1] = wanted;
    *out = (snug_stack_id)snapshot->stack_count;
    take_slot(&store->stack_index, slot, hash, snapshot->stack_count++);
    return SNUG_OK;
}

static bool same_stream(const snug_store *store, uint32_t id, const void *key) {
    return store->snapshot.streams[id] == *(const int64_t *)key;
}

snug_status snug_store_stream(snug_store *store, int64_t stream, uint16_t *out) {
    snug_snapshot *snapshot = &store->snapshot;
    uint32_t hash = mix(0, (uint64_t)stream);
    snug_index_slot *slot;
    SNUG_TRY(make_room(store, &store->stream_index));
    if (!find(store, &store->stream_index, hash, &stream, same_stream, &slot)) {
        if (snapshot->stream_count > UINT16_MAX)
            return snug_fail(SNUG_BAD_FILE, ".stream: more than 65536 different ones");
        SNUG_TRY(SNUG_STORE_ADD(store, &snapshot->streams, &store->stream_capacity,
                                snapshot->stream_count));
        snapshot->streams[snapshot->stream_count] = stream;
        take_slot(&store->stream_index, slot, hash, snapshot->stream_count++);
    }
    *out = (uint16_t)(slot->id - 1);
    return SNUG_OK;
}

static bool same_pool(const snug_store *store, uint32_t id, const void *key) {
    const snug_pool_id *a = &store->snapshot.pools[id], *b = key;
    return a->first == b->first && a->second == b->second;
}

snug_status snug_store_pool(snug_store *store, snug_pool_id pool, uint16_t *out) {
    snug_snapshot *snapshot = &store->snapshot;
    uint32_t hash = mix(mix(0, (uint64_t)pool.first), (uint64_t)pool.second);
    snug_index_slot *slot;
    SNUG_TRY(make_room(store, &store->pool_index));
    if (!find(store, &store->pool_index, hash, &pool, same_pool, &slot)) {
        if (snapshot->pool_count > UINT16_MAX)
            return snug_fail(SNUG_BAD_FILE, ": more than 65536 different pools");
        SNUG_TRY(
            SNUG_STORE_ADD(store, &snapshot->pools, &store->pool_capacity, snapshot->pool_count));
        snapshot->pools[snapshot->pool_count] = pool;
        take_slot(&store->pool_index, slot, hash, snapshot->pool_count++);
    }
    *out = (uint16_t)(slot->id - 1);
    return SNUG_OK;
}

// The texts, frame, stack, stream and pool that have fixed ids.
static snug_status store_known(snug_store *store) {
    static const char *const known[] = {"",
#define KNOWN(symbol, text) text,
                                        SNUG_SNAPSHOT_KEY_LIST(KNOWN) SNUG_TRACE_ACTION_LIST(KNOWN)
#undef KNOWN
    };
    snug_text_id text;
    uint16_t index;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        SNUG_TRY(snug_store_text(store, known[i], strlen(known[i]), &text));
    for (int i = 0; i < SNUG_MAX_DIVISIONS; i++) {
        char number[16];
        int length = snprintf(number, sizeof number, "%d", 1 << i);
        SNUG_TRY(snug_store_text(store, number, (size_t)length, &text));
    }
    SNUG_TRY(snug_store_frame(store, (snug_frame){0}, &(snug_frame_id){0}));
    SNUG_TRY(SNUG_STORE_ADD(store, &store->snapshot.stack_starts, &store->start_capacity, 0));
    store->snapshot.stack_starts[0] = 0;
    store->snapshot.stack_starts[1] = 0;
    // Arrays that the empty stack points into and is compared with.
    SNUG_TRY(SNUG_GROW(&store->scratch, &store->scratch_capacity, 64));
    SNUG_TRY(SNUG_GROW(&store->snapshot.stack_frames, &store->stack_frame_capacity, 64));
    SNUG_TRY(snug_store_stack(store, 0, 0, &(snug_stack_id){0}));
    SNUG_TRY(snug_store_stream(store, 0, &index));
    return snug_store_pool(store, (snug_pool_id){0}, &index);
}

snug_status snug_store_new(size_t length, snug_store **out) {
    SNUG_TRY(SNUG_NEW(out, 1));
    (*out)->most_bytes = length + SLACK;
    (*out)->snapshot.settings.max_split_size = UINT64_MAX;
    snug_status status = store_known(*out);
    if (status == SNUG_OK) return SNUG_OK;
    snug_store_free(*out);
    *out = NULL;
    return status;
}

void snug_store_free(snug_store *store) {
    if (!store) return;
    snug_snapshot *snapshot = &store->snapshot;
    void *arrays[] = {snapshot->traces,
                      snapshot->entries,
                      snapshot->segments,
                      snapshot->blocks,
                      snapshot->stack_starts,
                      snapshot->stack_frames,
                      snapshot->frames,
                      snapshot->texts,
                      snapshot->streams,
                      snapshot->pools,
                      snapshot->annotations,
                      store->lists,
                      store->histories,
                      store->text_index.items,
                      store->frame_index.items,
                      store->stack_index.items,
                      store->stream_index.items,
                      store->pool_index.items,
                      store->scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        snug_memory_free(arrays[i]);
    snug_pool_clear(&store->pool);
    snug_memory_free(store);
}
