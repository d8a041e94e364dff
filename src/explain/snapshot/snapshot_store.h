// A snapshot while it is being read: arrays that grow, and what is stored once.
#ifndef SNUG_EXPLAIN_SNAPSHOT_SNAPSHOT_STORE_H
#define SNUG_EXPLAIN_SNAPSHOT_SNAPSHOT_STORE_H

#include "base/pool.h"
#include "explain/snapshot/snapshot.h"
#include "io/pickle.h"

// Texts that dicts are recognised by. Each is interned first, so that its text id is its number
// here. X(symbol, text)
#define SNUG_SNAPSHOT_KEY_LIST(X)                                                                  \
    X(KEY_ADDRESS, "address")                                                                      \
    X(KEY_ADDR, "addr")                                                                            \
    X(KEY_DEVICE_FREE, "device_free")                                                              \
    X(KEY_SIZE, "size")                                                                            \
    X(KEY_REQUESTED_SIZE, "requested_size")                                                        \
    X(KEY_REAL_SIZE, "real_size")                                                                  \
    X(KEY_STATE, "state")                                                                          \
    X(KEY_FRAMES, "frames")                                                                        \
    X(KEY_HISTORY, "history")                                                                      \
    X(KEY_DEVICE, "device")                                                                        \
    X(KEY_TOTAL_SIZE, "total_size")                                                                \
    X(KEY_ALLOCATED_SIZE, "allocated_size")                                                        \
    X(KEY_ACTIVE_SIZE, "active_size")                                                              \
    X(KEY_STREAM, "stream")                                                                        \
    X(KEY_SEGMENT_TYPE, "segment_type")                                                            \
    X(KEY_SEGMENT_POOL_ID, "segment_pool_id")                                                      \
    X(KEY_POOL_ID, "pool_id")                                                                      \
    X(KEY_IS_EXPANDABLE, "is_expandable")                                                          \
    X(KEY_BLOCKS, "blocks")                                                                        \
    X(KEY_ACTION, "action")                                                                        \
    X(KEY_TIME, "time_us")                                                                         \
    X(KEY_USER_METADATA, "user_metadata")                                                          \
    X(KEY_FILENAME, "filename")                                                                    \
    X(KEY_LINE, "line")                                                                            \
    X(KEY_NAME, "name")                                                                            \
    X(KEY_STAGE, "stage")                                                                          \
    X(KEY_SEGMENTS, "segments")                                                                    \
    X(KEY_DEVICE_TRACES, "device_traces")                                                          \
    X(KEY_ALLOCATOR_SETTINGS, "allocator_settings")                                                \
    X(KEY_EXTERNAL_ANNOTATIONS, "external_annotations")                                            \
    X(KEY_HOST_SEGMENTS, "host_segments")                                                          \
    X(KEY_HOST_TRACES, "host_traces")                                                              \
    X(KEY_CUDA_ALLOC_CONF, "PYTORCH_CUDA_ALLOC_CONF")                                              \
    X(KEY_ALLOC_CONF, "PYTORCH_ALLOC_CONF")                                                        \
    X(KEY_MAX_SPLIT_SIZE, "max_split_size")                                                        \
    X(KEY_GARBAGE_COLLECTION_THRESHOLD, "garbage_collection_threshold")                            \
    X(KEY_EXPANDABLE_SEGMENTS, "expandable_segments")                                              \
    X(KEY_ROUNDUP_POWER2_DIVISIONS, "roundup_power2_divisions")                                    \
    X(TEXT_ACTIVE_ALLOCATED, "active_allocated")                                                   \
    X(TEXT_ACTIVE_PENDING_FREE, "active_pending_free")                                             \
    X(TEXT_ACTIVE_AWAITING_FREE, "active_awaiting_free")                                           \
    X(TEXT_INACTIVE, "inactive")                                                                   \
    X(TEXT_SMALL, "small")                                                                         \
    X(TEXT_LARGE, "large")

enum snug_snapshot_key {
    KEY_NONE, // ""
#define SNUG_SNAPSHOT_KEY(symbol, text) symbol,
    SNUG_SNAPSHOT_KEY_LIST(SNUG_SNAPSHOT_KEY)
#undef SNUG_SNAPSHOT_KEY
        KEYS,
    FIRST_ACTION = KEYS, // the actions' names, in the order of their list
    FIRST_DIVISION = FIRST_ACTION + SNUG_TRACE_OTHER, // "1", "2", "4" ...
    KNOWN_TEXTS = FIRST_DIVISION + SNUG_MAX_DIVISIONS,
};

// What a container became, the |tag| of its value. |bits| are then an index.
enum snug_snapshot_tag {
    TAG_NONE,    // new, and still empty
    TAG_SKIPPED, // nothing that is needed
    TAG_FRAME,
    TAG_STACK,
    TAG_ENTRY,
    TAG_BLOCK,
    TAG_SEGMENT,
    TAG_HISTORY,
    TAG_ANNOTATION,
    TAG_TRACE, // a list of entries: an index of |lists|, as those below
    TAG_BLOCKS,
    TAG_SEGMENTS,
    TAG_HISTORIES,
    TAG_ANNOTATIONS,
    TAG_TRACES,    // of |traces|
    TAG_POOL,      // a tuple of two numbers
    TAG_SETTINGS,  // those in |settings|
    TAG_DIVISIONS, // those in |divisions|
    TAG_TOP,
    TAGS,
};

typedef struct snug_list_range {
    size_t first, count;
} snug_list_range;

// What older files keep of a block.
typedef struct snug_block_history {
    uint64_t real_size; // UINT64_MAX: not told
    snug_stack_id stack;
} snug_block_history;

typedef struct snug_index_slot {
    uint32_t hash, id; // id + 1; 0: empty
} snug_index_slot;

// Finds what is stored already. Open addressing; |slots| is a power of two.
typedef struct snug_index {
    snug_index_slot *items;
    size_t slots, count;
} snug_index;

typedef struct snug_store {
    snug_snapshot snapshot; // the arrays; capacities are below
    size_t entry_capacity, segment_capacity, block_capacity, trace_capacity, text_capacity;
    size_t frame_capacity, start_capacity, stack_frame_capacity, stream_capacity, pool_capacity;
    size_t annotation_capacity;
    size_t stack_frame_count;
    snug_list_range *lists;
    size_t list_count, list_capacity;
    snug_block_history *histories;
    size_t history_count, history_capacity;
    uint32_t divisions[SNUG_MAX_DIVISIONS];
    snug_index text_index, frame_index, stack_index, stream_index, pool_index;
    snug_pool pool;
    snug_frame_id *scratch; // a stack that is being put together
    size_t scratch_capacity;
    size_t bytes, most_bytes;                      // taken, and how many may be
    snug_list_range segments, traces, annotations; // those that the whole refers to
    bool has_top;
} snug_store;

// |length|: the file's, which bounds the memory.
snug_status snug_store_new(size_t length, snug_store **out);
void snug_store_free(snug_store *store);

// Room for one element more of an array; counts its bytes. SNUG_STORE_ADD(store, &array, &capacity,
// count).
snug_status snug_store_grow(snug_store *store, void **array, size_t *capacity, size_t count,
                            size_t size);
#define SNUG_STORE_ADD(store, array, capacity, count)                                              \
    snug_store_grow((store), (void **)(array), (capacity), (count), sizeof **(array))

snug_status snug_store_text(snug_store *store, const char *bytes, size_t length, snug_text_id *out);
snug_status snug_store_frame(snug_store *store, snug_frame frame, snug_frame_id *out);
// The stack |before| with |count| frames (in |store->scratch|) behind it.
snug_status snug_store_stack(snug_store *store, snug_stack_id before, size_t count,
                             snug_stack_id *out);
snug_status snug_store_stream(snug_store *store, int64_t stream, uint16_t *out);
snug_status snug_store_pool(snug_store *store, snug_pool_id pool, uint16_t *out);

// Turns a dict of |count| pairs into a record. snapshot_dicts.c.
snug_status snug_store_dict(void *store, const snug_pickle_value *items, size_t count,
                            snug_pickle_value *dict);

// "a trace entry", "an empty list": what |value| is, for people.
const char *snug_store_describe(const snug_pickle_value *value);

#endif
