// Dicts of a snapshot become records. Which record a dict is, its keys tell; keys that are not
// known are left out, so newer files with more of them are read as well.
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "explain/snapshot/snapshot_store.h"

// More than any device has: what is larger is damage.
#define MOST_BYTES ((uint64_t)1 << 50)
#define MOST_REQUEST ((uint64_t)1 << 60)

// The values of a dict by their key, NULL where it has none.
typedef struct dict_fields {
    const snug_pickle_value *of[KNOWN_TEXTS];
} dict_fields;

static const char *const key_names[] = {"",
#define KEY_NAME(symbol, text) text,
                                        SNUG_SNAPSHOT_KEY_LIST(KEY_NAME)
#undef KEY_NAME
};

const char *snug_store_describe(const snug_pickle_value *value) {
    static const char *const made[TAGS] = {
        [TAG_FRAME] = "a frame",
        [TAG_STACK] = "a list of frames",
        [TAG_ENTRY] = "a trace entry",
        [TAG_BLOCK] = "a block",
        [TAG_SEGMENT] = "a segment",
        [TAG_HISTORY] = "a block's history",
        [TAG_ANNOTATION] = "an annotation",
        [TAG_TRACE] = "a list of trace entries",
        [TAG_BLOCKS] = "a list of blocks",
        [TAG_SEGMENTS] = "a list of segments",
        [TAG_HISTORIES] = "a block's history",
        [TAG_ANNOTATIONS] = "a list of annotations",
        [TAG_TRACES] = "a list of traces",
        [TAG_POOL] = "a pair of numbers",
        [TAG_SETTINGS] = "the allocator's settings",
        [TAG_DIVISIONS] = "a dict of divisions",
        [TAG_TOP] = "a snapshot",
    };
    if (!value) return "nothing";
    if (value->tag < TAGS && made[value->tag]) return made[value->tag];
    if (value->tag == TAG_NONE && value->type == SNUG_PICKLE_LIST) return "an empty list";
    if (value->tag == TAG_NONE && value->type == SNUG_PICKLE_DICT) return "an empty dict";
    return snug_pickle_type_name((snug_pickle_type)value->type);
}

static snug_status wrong(const dict_fields *fields, int key, const char *expected) {
    const snug_pickle_value *value = fields->of[key];
    if (!value)
        return snug_fail(SNUG_BAD_FILE, ".%s: missing; expected %s", key_names[key], expected);
    if (value->type == SNUG_PICKLE_INT)
        return snug_fail(SNUG_BAD_FILE, ".%s: expected %s, found %lld", key_names[key], expected,
                         (long long)value->bits);
    return snug_fail(SNUG_BAD_FILE, ".%s: expected %s, found %s", key_names[key], expected,
                     snug_store_describe(value));
}

// A number of bytes up to |most|.
static snug_status get_bytes(const dict_fields *fields, int key, uint64_t most, uint64_t *out) {
    const snug_pickle_value *value = fields->of[key];
    *out = 0;
    if (!value || value->type != SNUG_PICKLE_INT || value->bits > most)
        return wrong(fields, key,
                     most == UINT64_MAX ? "an address"
                                        : "a number of bytes that a device can have");
    *out = value->bits;
    return SNUG_OK;
}

// The same where it may be missing: |*out| stays.
static snug_status get_known_bytes(const dict_fields *fields, int key, uint64_t most,
                                   uint64_t *out) {
    const snug_pickle_value *value = fields->of[key];
    if (!value || value->type == SNUG_PICKLE_NONE) return SNUG_OK;
    return get_bytes(fields, key, most, out);
}

// A number between |least| and |most|, which may be missing.
static snug_status get_number(const dict_fields *fields, int key, int64_t least, int64_t most,
                              int64_t *out) {
    const snug_pickle_value *value = fields->of[key];
    if (!value || value->type == SNUG_PICKLE_NONE) return SNUG_OK;
    int64_t number = (int64_t)value->bits;
    if (value->type != SNUG_PICKLE_INT || number < least || number > most)
        return wrong(fields, key, "a number in its range");
    *out = number;
    return SNUG_OK;
}

static snug_status get_bool(const dict_fields *fields, int key, bool *out) {
    const snug_pickle_value *value = fields->of[key];
    if (!value || value->type == SNUG_PICKLE_NONE) return SNUG_OK;
    if (value->type != SNUG_PICKLE_BOOL && value->type != SNUG_PICKLE_INT)
        return wrong(fields, key, "True or False");
    *out = value->bits != 0;
    return SNUG_OK;
}

static snug_status get_text(const dict_fields *fields, int key, snug_text_id *out) {
    const snug_pickle_value *value = fields->of[key];
    if (!value || value->type == SNUG_PICKLE_NONE) return SNUG_OK;
    if (value->type != SNUG_PICKLE_TEXT) return wrong(fields, key, "a text");
    *out = (snug_text_id)value->bits;
    return SNUG_OK;
}

static snug_status get_stack(const dict_fields *fields, snug_stack_id *out) {
    const snug_pickle_value *value = fields->of[KEY_FRAMES];
    if (!value || value->type == SNUG_PICKLE_NONE) return SNUG_OK;
    if (value->tag == TAG_STACK)
        *out = (snug_stack_id)value->bits;
    else if (value->type != SNUG_PICKLE_LIST || value->tag != TAG_NONE)
        return wrong(fields, KEY_FRAMES, "a list of frames");
    return SNUG_OK;
}

static snug_status get_stream(snug_store *store, const dict_fields *fields, uint16_t *out) {
    int64_t stream = 0;
    SNUG_TRY(get_number(fields, KEY_STREAM, INT64_MIN, INT64_MAX, &stream));
    return snug_store_stream(store, stream, out);
}

static snug_status get_pool(const dict_fields *fields, int key, uint16_t *out) {
    const snug_pickle_value *value = fields->of[key];
    if (!value || value->type == SNUG_PICKLE_NONE) return SNUG_OK;
    if (value->tag != TAG_POOL) return wrong(fields, key, "a pair of numbers");
    *out = (uint16_t)value->bits;
    return SNUG_OK;
}

// A list of records: its range, empty where it is missing or has none.
static snug_status get_list(const snug_store *store, const dict_fields *fields, int key, int tag,
                            const char *expected, snug_list_range *out) {
    const snug_pickle_value *value = fields->of[key];
    *out = (snug_list_range){0};
    if (!value || value->type == SNUG_PICKLE_NONE) return SNUG_OK;
    if (value->tag == tag)
        *out = store->lists[value->bits];
    else if (value->type != SNUG_PICKLE_LIST || value->tag != TAG_NONE)
        return wrong(fields, key, expected);
    return SNUG_OK;
}

static snug_status make_frame(snug_store *store, const dict_fields *fields, uint64_t *out) {
    snug_frame frame = {0};
    const snug_pickle_value *line = fields->of[KEY_LINE];
    snug_frame_id id;
    SNUG_TRY(get_text(fields, KEY_FILENAME, &frame.file));
    SNUG_TRY(get_text(fields, KEY_NAME, &frame.function));
    // Of C++ frames it is an address, and 2^64 - 1 where it is unknown.
    if (line && line->type == SNUG_PICKLE_INT && line->bits <= INT32_MAX)
        frame.line = (int32_t)line->bits;
    else if (line && line->type != SNUG_PICKLE_INT && line->type != SNUG_PICKLE_BIG &&
             line->type != SNUG_PICKLE_NONE)
        return wrong(fields, KEY_LINE, "a number");
    SNUG_TRY(snug_store_frame(store, frame, &id));
    *out = id;
    return SNUG_OK;
}

static snug_trace_action action_of(const snug_pickle_value *value) {
    if (value->bits < FIRST_ACTION || value->bits >= FIRST_ACTION + SNUG_TRACE_OTHER)
        return SNUG_TRACE_OTHER;
    return (snug_trace_action)(value->bits - FIRST_ACTION);
}

static snug_status make_entry(snug_store *store, const dict_fields *fields, uint64_t *out) {
    snug_trace_entry entry = {0};
    if (fields->of[KEY_ACTION]->type != SNUG_PICKLE_TEXT)
        return wrong(fields, KEY_ACTION, "a text such as \"alloc\"");
    snug_trace_action action = action_of(fields->of[KEY_ACTION]);
    entry.action = (uint8_t)action;
    if (action == SNUG_TRACE_OOM) {
        entry.address = UINT64_MAX;
        SNUG_TRY(get_known_bytes(fields, KEY_DEVICE_FREE, MOST_BYTES, &entry.address));
        SNUG_TRY(get_bytes(fields, KEY_SIZE, MOST_REQUEST, &entry.size));
    } else if (action < SNUG_TRACE_SNAPSHOT) {
        SNUG_TRY(get_bytes(fields, KEY_ADDR, UINT64_MAX, &entry.address));
        SNUG_TRY(get_bytes(fields, KEY_SIZE, MOST_BYTES, &entry.size));
    }
    SNUG_TRY(get_number(fields, KEY_TIME, INT64_MIN, INT64_MAX, &entry.time));
    SNUG_TRY(get_text(fields, KEY_USER_METADATA, &entry.metadata));
    SNUG_TRY(get_stack(fields, &entry.stack));
    SNUG_TRY(get_stream(store, fields, &entry.stream));
    SNUG_TRY(get_pool(fields, KEY_POOL_ID, &entry.pool));
    SNUG_TRY(get_pool(fields, KEY_SEGMENT_POOL_ID, &entry.pool));
    store->snapshot.has_times |= entry.time != 0;
    SNUG_TRY(SNUG_STORE_ADD(store, &store->snapshot.entries, &store->entry_capacity,
                            store->snapshot.entry_count));
    *out = store->snapshot.entry_count;
    store->snapshot.entries[store->snapshot.entry_count++] = entry;
    return SNUG_OK;
}

static snug_status make_history(snug_store *store, const dict_fields *fields, uint64_t *out) {
    snug_block_history history = {.real_size = UINT64_MAX};
    SNUG_TRY(get_known_bytes(fields, KEY_REAL_SIZE, MOST_BYTES, &history.real_size));
    SNUG_TRY(get_stack(fields, &history.stack));
    SNUG_TRY(
        SNUG_STORE_ADD(store, &store->histories, &store->history_capacity, store->history_count));
    *out = store->history_count;
    store->histories[store->history_count++] = history;
    return SNUG_OK;
}

static snug_status get_state(const dict_fields *fields, uint8_t *out) {
    const snug_pickle_value *value = fields->of[KEY_STATE];
    uint64_t text = value->type == SNUG_PICKLE_TEXT ? value->bits : KEY_NONE;
    switch (text) {
    case TEXT_INACTIVE:
        *out = SNUG_BLOCK_INACTIVE;
        return SNUG_OK;
    case TEXT_ACTIVE_ALLOCATED:
        *out = SNUG_BLOCK_ACTIVE;
        return SNUG_OK;
    case TEXT_ACTIVE_PENDING_FREE:
    case TEXT_ACTIVE_AWAITING_FREE:
        *out = SNUG_BLOCK_PENDING;
        return SNUG_OK;
    default:
        return wrong(fields, KEY_STATE,
                     "\"active_allocated\", \"active_pending_free\" or \"inactive\"");
    }
}

// Addresses that are missing are worked out when the segment is known.
static const uint64_t no_address = UINT64_MAX;

static snug_status make_block(snug_store *store, const dict_fields *fields, uint64_t *out) {
    snug_block block = {.address = no_address};
    SNUG_TRY(get_known_bytes(fields, KEY_ADDRESS, UINT64_MAX - 1, &block.address));
    SNUG_TRY(get_bytes(fields, KEY_SIZE, MOST_BYTES, &block.size));
    block.requested = block.size;
    SNUG_TRY(get_state(fields, &block.state));
    const snug_pickle_value *past = fields->of[KEY_HISTORY];
    if (past && past->tag == TAG_HISTORIES) {
        size_t first = store->lists[past->bits].first;
        const snug_block_history *history = &store->histories[first];
        block.stack = history->stack;
        if (history->real_size <= block.size) block.requested = history->real_size;
    }
    SNUG_TRY(get_known_bytes(fields, KEY_REQUESTED_SIZE, MOST_BYTES, &block.requested));
    SNUG_TRY(get_stack(fields, &block.stack));
    SNUG_TRY(SNUG_STORE_ADD(store, &store->snapshot.blocks, &store->block_capacity,
                            store->snapshot.block_count));
    *out = store->snapshot.block_count;
    store->snapshot.blocks[store->snapshot.block_count++] = block;
    return SNUG_OK;
}

// Blocks lie one after the other within their segment; adds up what the segment does not tell.
static snug_status place_blocks(snug_store *store, const dict_fields *fields,
                                snug_segment *segment) {
    uint64_t at = segment->address, allocated = 0, active = 0, requested = 0;
    for (size_t i = 0; i < segment->block_count; i++) {
        snug_block *block = &store->snapshot.blocks[segment->first_block + i];
        if (block->address == no_address) block->address = at;
        if (block->address < at || block->address > UINT64_MAX - MOST_BYTES)
            return snug_fail(SNUG_BAD_FILE,
                             ".blocks[%zu].address: expected 0x%" PRIx64
                             " or more, where the one before ends; found 0x%" PRIx64,
                             i, at, block->address);
        at = block->address + block->size;
        bool live = block->state == SNUG_BLOCK_ACTIVE;
        allocated += live ? block->size : 0;
        requested += live ? block->requested : 0;
        active += block->state != SNUG_BLOCK_INACTIVE ? block->size : 0;
    }
    uint64_t extent = at - segment->address;
    if (!fields->of[KEY_TOTAL_SIZE]) segment->total = extent;
    if (!fields->of[KEY_ALLOCATED_SIZE]) segment->allocated = allocated;
    if (!fields->of[KEY_ACTIVE_SIZE]) segment->active = active;
    if (!fields->of[KEY_REQUESTED_SIZE]) segment->requested = requested;
    if (extent <= segment->total) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, ".blocks: they take %" PRIu64 " bytes of a segment of %" PRIu64,
                     extent, segment->total);
}

static snug_status make_segment(snug_store *store, const dict_fields *fields, uint64_t *out) {
    snug_segment segment = {.large = true};
    snug_list_range blocks;
    int64_t device = 0;
    snug_text_id type = TEXT_LARGE;
    SNUG_TRY(get_bytes(fields, KEY_ADDRESS, UINT64_MAX - 2 * MOST_BYTES, &segment.address));
    SNUG_TRY(get_known_bytes(fields, KEY_TOTAL_SIZE, MOST_BYTES, &segment.total));
    SNUG_TRY(get_known_bytes(fields, KEY_ALLOCATED_SIZE, MOST_BYTES, &segment.allocated));
    SNUG_TRY(get_known_bytes(fields, KEY_ACTIVE_SIZE, MOST_BYTES, &segment.active));
    SNUG_TRY(get_known_bytes(fields, KEY_REQUESTED_SIZE, MOST_BYTES, &segment.requested));
    SNUG_TRY(get_number(fields, KEY_DEVICE, 0, 4095, &device));
    SNUG_TRY(get_text(fields, KEY_SEGMENT_TYPE, &type));
    SNUG_TRY(get_bool(fields, KEY_IS_EXPANDABLE, &segment.expandable));
    SNUG_TRY(get_stack(fields, &segment.stack));
    SNUG_TRY(get_stream(store, fields, &segment.stream));
    SNUG_TRY(get_pool(fields, KEY_SEGMENT_POOL_ID, &segment.pool));
    SNUG_TRY(get_list(store, fields, KEY_BLOCKS, TAG_BLOCKS, "a list of blocks", &blocks));
    segment.device = (int)device;
    segment.large = type != TEXT_SMALL;
    segment.first_block = blocks.first;
    segment.block_count = blocks.count;
    SNUG_TRY(place_blocks(store, fields, &segment));
    SNUG_TRY(SNUG_STORE_ADD(store, &store->snapshot.segments, &store->segment_capacity,
                            store->snapshot.segment_count));
    *out = store->snapshot.segment_count;
    store->snapshot.segments[store->snapshot.segment_count++] = segment;
    return SNUG_OK;
}

static snug_status make_annotation(snug_store *store, const dict_fields *fields, uint64_t *out) {
    snug_annotation annotation = {.device = -1};
    int64_t device = -1;
    SNUG_TRY(get_number(fields, KEY_TIME, INT64_MIN, INT64_MAX, &annotation.time));
    SNUG_TRY(get_number(fields, KEY_DEVICE, -1, 4095, &device));
    SNUG_TRY(get_text(fields, KEY_NAME, &annotation.name));
    SNUG_TRY(get_text(fields, KEY_STAGE, &annotation.stage));
    annotation.device = (int)device;
    SNUG_TRY(SNUG_STORE_ADD(store, &store->snapshot.annotations, &store->annotation_capacity,
                            store->snapshot.annotation_count));
    *out = store->snapshot.annotation_count;
    store->snapshot.annotations[store->snapshot.annotation_count++] = annotation;
    return SNUG_OK;
}

static snug_status make_divisions(snug_store *store, const dict_fields *fields, uint64_t *out) {
    *out = 0;
    for (int i = 0; i < SNUG_MAX_DIVISIONS; i++) {
        const snug_pickle_value *value = fields->of[FIRST_DIVISION + i];
        bool fits = value && value->type == SNUG_PICKLE_INT && value->bits <= 1 << 20;
        store->divisions[i] = fits ? (uint32_t)value->bits : 0;
    }
    return SNUG_OK;
}

static snug_status make_settings(snug_store *store, const dict_fields *fields, uint64_t *out) {
    snug_allocator_settings *settings = &store->snapshot.settings;
    int64_t most = -1;
    *out = 0;
    settings->known = true;
    SNUG_TRY(get_text(fields, KEY_ALLOC_CONF, &settings->text));
    SNUG_TRY(get_text(fields, KEY_CUDA_ALLOC_CONF, &settings->text));
    SNUG_TRY(get_number(fields, KEY_MAX_SPLIT_SIZE, INT64_MIN, INT64_MAX, &most));
    settings->max_split_size = most < 0 || most == INT64_MAX ? UINT64_MAX : (uint64_t)most;
    SNUG_TRY(get_bool(fields, KEY_EXPANDABLE_SEGMENTS, &settings->expandable_segments));
    const snug_pickle_value *threshold = fields->of[KEY_GARBAGE_COLLECTION_THRESHOLD];
    if (threshold && threshold->type == SNUG_PICKLE_FLOAT && threshold->number > 0 &&
        threshold->number < 1)
        settings->garbage_collection_threshold = threshold->number;
    const snug_pickle_value *divisions = fields->of[KEY_ROUNDUP_POWER2_DIVISIONS];
    if (divisions && divisions->tag == TAG_DIVISIONS)
        memcpy(settings->divisions, store->divisions, sizeof store->divisions);
    return SNUG_OK;
}

static snug_status make_top(snug_store *store, const dict_fields *fields, uint64_t *out) {
    *out = 0;
    SNUG_TRY(get_list(store, fields, KEY_SEGMENTS, TAG_SEGMENTS, "a list of segments",
                      &store->segments));
    SNUG_TRY(get_list(store, fields, KEY_DEVICE_TRACES, TAG_TRACES,
                      "a list with a trace for each device", &store->traces));
    SNUG_TRY(get_list(store, fields, KEY_EXTERNAL_ANNOTATIONS, TAG_ANNOTATIONS,
                      "a list of annotations", &store->annotations));
    store->has_top = true;
    return SNUG_OK;
}

// Records by the keys that tell them, the most telling first.
static const struct {
    uint8_t tag;
    int keys[2]; // all of them are there; KEY_NONE: any
    snug_status (*make)(snug_store *store, const dict_fields *fields, uint64_t *out);
} records[] = {
    {TAG_ENTRY, {KEY_ACTION, KEY_NONE}, make_entry},
    {TAG_FRAME, {KEY_FILENAME, KEY_NONE}, make_frame},
    {TAG_BLOCK, {KEY_STATE, KEY_NONE}, make_block},
    {TAG_TOP, {KEY_SEGMENTS, KEY_NONE}, make_top},
    {TAG_TOP, {KEY_DEVICE_TRACES, KEY_NONE}, make_top},
    {TAG_SEGMENT, {KEY_BLOCKS, KEY_NONE}, make_segment},
    {TAG_SEGMENT, {KEY_TOTAL_SIZE, KEY_NONE}, make_segment},
    {TAG_HISTORY, {KEY_REAL_SIZE, KEY_NONE}, make_history},
    {TAG_HISTORY, {KEY_ADDR, KEY_FRAMES}, make_history},
    {TAG_ANNOTATION, {KEY_STAGE, KEY_NONE}, make_annotation},
    {TAG_ANNOTATION, {KEY_NAME, KEY_TIME}, make_annotation},
    {TAG_SETTINGS, {KEY_CUDA_ALLOC_CONF, KEY_NONE}, make_settings},
    {TAG_SETTINGS, {KEY_ALLOC_CONF, KEY_NONE}, make_settings},
    {TAG_SETTINGS, {KEY_MAX_SPLIT_SIZE, KEY_NONE}, make_settings},
    {TAG_SETTINGS, {KEY_EXPANDABLE_SEGMENTS, KEY_NONE}, make_settings},
    {TAG_DIVISIONS, {FIRST_DIVISION, KEY_NONE}, make_divisions},
};

static bool has(const dict_fields *fields, int key) {
    return key == KEY_NONE || fields->of[key];
}

static snug_status make_record(snug_store *store, const dict_fields *fields,
                               snug_pickle_value *dict) {
    dict->tag = TAG_SKIPPED;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (!has(fields, records[i].keys[0]) || !has(fields, records[i].keys[1])) continue;
        uint64_t bits = 0;
        SNUG_TRY(records[i].make(store, fields, &bits));
        dict->bits = bits;
        dict->tag = records[i].tag;
        break;
    }
    return SNUG_OK;
}

snug_status snug_store_dict(void *context, const snug_pickle_value *items, size_t count,
                            snug_pickle_value *dict) {
    dict_fields fields = {0};
    if (dict->tag != TAG_NONE && dict->tag != TAG_SKIPPED)
        return snug_fail(SNUG_BAD_FILE, ": %s gets more keys after it was read",
                         snug_store_describe(dict));
    for (size_t i = 0; i < count; i++) {
        const snug_pickle_value *key = &items[2 * i];
        if (key->type == SNUG_PICKLE_TEXT && key->bits < KNOWN_TEXTS)
            fields.of[key->bits] = &items[2 * i + 1];
    }
    fields.of[KEY_NONE] = NULL;
    return make_record(context, &fields, dict);
}
