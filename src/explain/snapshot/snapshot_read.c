// From a pickle to a snapshot: lists of records are ranges of the arrays that the records are in.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/snapshot/snapshot_store.h"

// Lists by what their items are.
static const struct {
    uint8_t item, list;
} lists[] = {
    {TAG_ENTRY, TAG_TRACE},       {TAG_BLOCK, TAG_BLOCKS},           {TAG_SEGMENT, TAG_SEGMENTS},
    {TAG_HISTORY, TAG_HISTORIES}, {TAG_ANNOTATION, TAG_ANNOTATIONS},
};

static snug_status read_text(void *context, const char *bytes, size_t length,
                             snug_pickle_value *text) {
    snug_text_id id;
    SNUG_TRY(snug_store_text(context, bytes, length, &id));
    text->bits = id;
    return SNUG_OK;
}

static const char *name_of(void *context, const snug_pickle_value *key) {
    const snug_store *store = context;
    return store->snapshot.texts[key->bits];
}

static snug_status read_tuple(void *context, const snug_pickle_value *items, size_t count,
                              snug_pickle_value *tuple) {
    tuple->tag = TAG_SKIPPED;
    if (count != 2 || items[0].type != SNUG_PICKLE_INT || items[1].type != SNUG_PICKLE_INT)
        return SNUG_OK;
    uint16_t pool;
    SNUG_TRY(snug_store_pool(
        context, (snug_pool_id){(int64_t)items[0].bits, (int64_t)items[1].bits}, &pool));
    tuple->bits = pool;
    tuple->tag = TAG_POOL;
    return SNUG_OK;
}

static snug_status add_stack(snug_store *store, const snug_pickle_value *items, size_t count,
                             snug_pickle_value *list) {
    snug_stack_id before = list->tag == TAG_STACK ? (snug_stack_id)list->bits : 0, stack;
    SNUG_TRY(SNUG_GROW(&store->scratch, &store->scratch_capacity, count));
    for (size_t i = 0; i < count; i++) {
        if (items[i].tag != TAG_FRAME)
            return snug_fail(SNUG_BAD_FILE, "[%zu]: expected a frame, found %s", i,
                             snug_store_describe(&items[i]));
        store->scratch[i] = (snug_frame_id)items[i].bits;
    }
    SNUG_TRY(snug_store_stack(store, before, count, &stack));
    list->tag = TAG_STACK;
    list->bits = stack;
    return SNUG_OK;
}

static snug_status new_list(snug_store *store, uint8_t tag, size_t first, snug_pickle_value *list) {
    SNUG_TRY(SNUG_STORE_ADD(store, &store->lists, &store->list_capacity, store->list_count));
    store->lists[store->list_count] = (snug_list_range){.first = first};
    list->tag = tag;
    list->bits = store->list_count++;
    return SNUG_OK;
}

// A list of traces, one a device; a trace without entries is a list of nothing.
static snug_status add_traces(snug_store *store, const snug_pickle_value *items, size_t count,
                              snug_pickle_value *list) {
    snug_snapshot *snapshot = &store->snapshot;
    if (list->tag == TAG_NONE) SNUG_TRY(new_list(store, TAG_TRACES, snapshot->trace_count, list));
    snug_list_range *range = &store->lists[list->bits];
    for (size_t i = 0; i < count; i++) {
        bool empty = items[i].type == SNUG_PICKLE_LIST && items[i].tag == TAG_NONE;
        if (items[i].tag != TAG_TRACE && !empty)
            return snug_fail(SNUG_BAD_FILE, "[%zu]: expected a list of trace entries, found %s",
                             range->count, snug_store_describe(&items[i]));
        snug_trace trace = {.device = (int)range->count};
        if (!empty) {
            trace.first = store->lists[items[i].bits].first;
            trace.count = store->lists[items[i].bits].count;
        }
        SNUG_TRY(SNUG_STORE_ADD(store, &snapshot->traces, &store->trace_capacity,
                                snapshot->trace_count));
        snapshot->traces[snapshot->trace_count++] = trace;
        range->count++;
    }
    return SNUG_OK;
}

// Records are in their array in the order in which the file has them, each in one list.
static snug_status add_records(snug_store *store, const snug_pickle_value *items, size_t count,
                               uint8_t item, uint8_t tag, snug_pickle_value *list) {
    if (list->tag == TAG_NONE) SNUG_TRY(new_list(store, tag, (size_t)items[0].bits, list));
    snug_list_range *range = &store->lists[list->bits];
    for (size_t i = 0; i < count; i++) {
        if (items[i].tag != item)
            return snug_fail(SNUG_BAD_FILE, "[%zu]: expected %s, found %s", range->count,
                             snug_store_describe(&(snug_pickle_value){.tag = item}),
                             snug_store_describe(&items[i]));
        if (items[i].bits != range->first + range->count)
            return snug_fail(SNUG_BAD_FILE, "[%zu]: %s that is in two lists, or in none",
                             range->count, snug_store_describe(&items[i]));
        range->count++;
    }
    return SNUG_OK;
}

static snug_status read_list(void *context, const snug_pickle_value *items, size_t count,
                             snug_pickle_value *list) {
    if (count == 0 || list->tag == TAG_SKIPPED) return SNUG_OK;
    uint8_t tag = list->tag, item = items[0].tag;
    if (tag == TAG_STACK || (tag == TAG_NONE && item == TAG_FRAME))
        return add_stack(context, items, count, list);
    bool nested = items[0].type == SNUG_PICKLE_LIST && (item == TAG_NONE || item == TAG_TRACE);
    if (tag == TAG_TRACES || (tag == TAG_NONE && nested))
        return add_traces(context, items, count, list);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (tag == lists[i].list || (tag == TAG_NONE && item == lists[i].item))
            return add_records(context, items, count, lists[i].item, lists[i].list, list);
    list->tag = TAG_SKIPPED;
    return SNUG_OK;
}

static size_t length_of(void *context, const snug_pickle_value *list) {
    const snug_store *store = context;
    bool counts = list->tag >= TAG_TRACE && list->tag <= TAG_TRACES;
    return counts && list->type == SNUG_PICKLE_LIST ? store->lists[list->bits].count : 0;
}

static bool skips(void *context, const snug_pickle_value *key) {
    (void)context;
    return key->bits == KEY_HOST_SEGMENTS || key->bits == KEY_HOST_TRACES;
}

static int by_address(const void *left, const void *right) {
    const snug_segment *a = left, *b = right;
    if (a->device != b->device) return a->device < b->device ? -1 : 1;
    if (a->address != b->address) return a->address < b->address ? -1 : 1;
    return (a->first_block > b->first_block) - (a->first_block < b->first_block);
}

// Leaves those segments, with their blocks, that the snapshot refers to.
static snug_status keep_segments(snug_store *store) {
    snug_snapshot *snapshot = &store->snapshot;
    snug_list_range range = store->segments;
    size_t blocks = 0;
    uint64_t total = 0;
    snapshot->segment_count = range.count;
    if (range.count == 0) {
        snapshot->block_count = 0;
        return SNUG_OK;
    }
    memmove(snapshot->segments, snapshot->segments + range.first,
            range.count * sizeof *snapshot->segments);
    for (size_t i = 0; i < range.count; i++) {
        snug_segment *segment = &snapshot->segments[i];
        if (segment->block_count > 0)
            memmove(snapshot->blocks + blocks, snapshot->blocks + segment->first_block,
                    segment->block_count * sizeof *snapshot->blocks);
        segment->first_block = blocks;
        blocks += segment->block_count;
        if (total <= UINT64_MAX / 2) total += segment->total;
    }
    snapshot->block_count = blocks;
    qsort(snapshot->segments, range.count, sizeof *snapshot->segments, by_address);
    if (total > (uint64_t)1 << 52)
        return snug_fail(SNUG_BAD_FILE,
                         "segments: together they have %llu bytes, more than devices "
                         "can have",
                         (unsigned long long)total);
    return SNUG_OK;
}

static void keep_traces(snug_store *store) {
    snug_snapshot *snapshot = &store->snapshot;
    size_t entries = 0;
    snapshot->trace_count = store->traces.count;
    if (snapshot->trace_count > 0)
        memmove(snapshot->traces, snapshot->traces + store->traces.first,
                snapshot->trace_count * sizeof *snapshot->traces);
    for (size_t i = 0; i < snapshot->trace_count; i++) {
        snug_trace *trace = &snapshot->traces[i];
        if (trace->count > 0)
            memmove(snapshot->entries + entries, snapshot->entries + trace->first,
                    trace->count * sizeof *snapshot->entries);
        trace->first = entries;
        entries += trace->count;
    }
    snapshot->entry_count = entries;
    snapshot->annotation_count = store->annotations.count;
    if (snapshot->annotation_count > 0)
        memmove(snapshot->annotations, snapshot->annotations + store->annotations.first,
                snapshot->annotation_count * sizeof *snapshot->annotations);
}

// The first versions wrote the list of segments alone.
static snug_status find_top(snug_store *store, const snug_pickle_value *top) {
    if (top->tag == TAG_TOP) return SNUG_OK;
    if (top->tag == TAG_SEGMENTS) {
        store->segments = store->lists[top->bits];
        return SNUG_OK;
    }
    return snug_fail(SNUG_BAD_FILE,
                     "expected a dict with segments and device_traces, found %s; it is a pickle, "
                     "but no memory snapshot",
                     snug_store_describe(top));
}

// Gives back what only reading needs.
static void settle(snug_store *store) {
    snug_memory_free(store->lists);
    snug_memory_free(store->histories);
    snug_memory_free(store->scratch);
    store->lists = NULL;
    store->histories = NULL;
    store->scratch = NULL;
    snug_index *indices[] = {&store->text_index, &store->frame_index, &store->stack_index,
                             &store->stream_index, &store->pool_index};
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        snug_memory_free(indices[i]->items);
        *indices[i] = (snug_index){0};
    }
    store->snapshot.has_stacks = store->snapshot.stack_count > 1;
    store->snapshot.memory = store;
}

snug_status snug_snapshot_read(const char *bytes, size_t length, snug_snapshot **out) {
    snug_store *store = NULL;
    snug_pickle_value top;
    *out = NULL;
    SNUG_TRY(snug_store_new(length, &store));
    const snug_pickle_consumer consumer = {.context = store,
                                           .text = read_text,
                                           .tuple = read_tuple,
                                           .list = read_list,
                                           .dict = snug_store_dict,
                                           .length = length_of,
                                           .name = name_of,
                                           .skips = skips};
    snug_status status = snug_pickle_read(bytes, length, &consumer, &top);
    if (status == SNUG_OK) status = find_top(store, &top);
    if (status == SNUG_OK) status = keep_segments(store);
    if (status == SNUG_OK) {
        keep_traces(store);
        settle(store);
        *out = &store->snapshot;
    } else {
        snug_store_free(store);
    }
    return status;
}

void snug_snapshot_free(snug_snapshot *snapshot) {
    if (snapshot) snug_store_free(snapshot->memory);
}
