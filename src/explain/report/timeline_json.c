// Samples a trace: of each of its stretches, the moments of most and of least live bytes.
#include <inttypes.h>

#include "base/memory.h"
#include "explain/report/drawing.h"

enum { STRETCHES = 600, MOST_FAILURES = 100 };

// The state before the trace's entry |position|.
typedef struct moment {
    uint64_t kinds[SNUG_KINDS], live, reserved;
    uint32_t position;
} moment;

typedef struct stretch {
    moment least, most;
    uint64_t reserved; // the most
    bool used;
} stretch;

// Positions, of which there is one more than entries, in a stretch.
static uint32_t stretch_length(const snug_timeline *timeline) {
    return timeline->count / STRETCHES + 1;
}

// Index of the life that ends at each position, plus one; at most one does.
static snug_status find_ends(const snug_timeline *timeline, uint32_t **out) {
    SNUG_TRY(SNUG_NEW(out, (size_t)timeline->count + 1));
    for (size_t i = 0; i < timeline->life_count; i++)
        if (timeline->lives[i].death < timeline->count)
            (*out)[timeline->lives[i].death] = (uint32_t)i + 1;
    return SNUG_OK;
}

// Bytes by which an entry changes what is reserved, modulo 2^64.
static uint64_t reserves(const snug_trace_entry *entry) {
    switch ((snug_trace_action)entry->action) {
    case SNUG_TRACE_SEGMENT_ALLOC:
    case SNUG_TRACE_SEGMENT_MAP:
        return entry->size;
    case SNUG_TRACE_SEGMENT_FREE:
    case SNUG_TRACE_SEGMENT_UNMAP:
        return -entry->size;
    default:
        return 0;
    }
}

static moment first_moment(const snug_timeline *timeline) {
    moment first = {.reserved = timeline->end_reserved};
    for (size_t i = 0; i < timeline->before_count; i++) {
        first.kinds[timeline->lives[i].kind] += timeline->lives[i].size;
        first.live += timeline->lives[i].size;
    }
    for (uint32_t p = 0; p < timeline->count; p++)
        first.reserved -= reserves(&timeline->entries[p]);
    return first;
}

static void change(moment *now, const snug_life *life, bool more) {
    uint64_t bytes = more ? life->size : -life->size;
    now->kinds[life->kind] += bytes;
    now->live += bytes;
}

static void note(stretch *all, uint32_t length, const moment *now) {
    stretch *here = &all[now->position / length];
    if (!here->used || now->live > here->most.live) here->most = *now;
    if (!here->used || now->live < here->least.live) here->least = *now;
    // A trace that contradicts the segments can come to less than nothing.
    if (now->reserved <= INT64_MAX && now->reserved > here->reserved)
        here->reserved = now->reserved;
    here->used = true;
}

static snug_status sample(const snug_timeline *timeline, stretch *all) {
    uint32_t length = stretch_length(timeline), *ends = NULL;
    moment now = first_moment(timeline);
    size_t next = timeline->before_count;
    SNUG_TRY(find_ends(timeline, &ends));
    note(all, length, &now);
    for (uint32_t p = 0; p < timeline->count; p++) {
        for (; next < timeline->life_count && timeline->lives[next].birth == p; next++)
            change(&now, &timeline->lives[next], true);
        if (ends[p] > 0) change(&now, &timeline->lives[ends[p] - 1], false);
        now.reserved += reserves(&timeline->entries[p]);
        now.position = p + 1;
        note(all, length, &now);
    }
    snug_memory_free(ends);
    return SNUG_OK;
}

// Both moments of each stretch, in their order, with the most that was reserved in it.
static size_t list_moments(const stretch *all, moment *out) {
    size_t count = 0;
    for (size_t i = 0; i < STRETCHES && all[i].used; i++) {
        const moment *least = &all[i].least, *most = &all[i].most;
        bool rises = least->position < most->position;
        out[count] = rises ? *least : *most;
        out[count++].reserved = all[i].reserved;
        if (least->position == most->position) continue;
        out[count] = rises ? *most : *least;
        out[count++].reserved = all[i].reserved;
    }
    return count;
}

// The last of them.
static void append_failures(const snug_timeline *timeline, snug_text *out) {
    size_t count = 0, seen = 0;
    for (uint32_t p = 0; p < timeline->count; p++)
        count += timeline->entries[p].action == SNUG_TRACE_OOM;
    size_t skipped = count > MOST_FAILURES ? count - MOST_FAILURES : 0;
    snug_text_append(out, ",\"failure_count\":%zu,\"failures\":[", count);
    for (uint32_t p = 0; p < timeline->count; p++) {
        const snug_trace_entry *entry = &timeline->entries[p];
        if (entry->action != SNUG_TRACE_OOM || seen++ < skipped) continue;
        snug_text_append(out, "%s[%" PRIu32 ",%" PRIu64 "]", seen > skipped + 1 ? "," : "", p,
                         entry->size);
    }
    snug_text_append(out, "]");
}

static void append_times(const snug_timeline *timeline, const moment *moments, size_t count,
                         snug_text *out) {
    if (!timeline->snapshot->has_times || timeline->count == 0) return;
    snug_text_append(out, ",\"microseconds\":[");
    for (size_t i = 0; i < count; i++) {
        uint32_t position = moments[i].position, last = timeline->count - 1;
        const snug_trace_entry *entry = &timeline->entries[position < last ? position : last];
        uint64_t passed = (uint64_t)entry->time - (uint64_t)timeline->entries[0].time;
        snug_text_append(out, "%s%" PRId64, i ? "," : "", (int64_t)passed);
    }
    snug_text_append(out, "]");
}

static void append_moments(const moment *moments, size_t count, snug_text *out) {
    snug_text_append(out, ",\"positions\":[");
    for (size_t i = 0; i < count; i++)
        snug_text_append(out, "%s%" PRIu32, i ? "," : "", moments[i].position);
    snug_text_append(out, "],\"reserved\":[");
    for (size_t i = 0; i < count; i++)
        snug_text_append(out, "%s%" PRIu64, i ? "," : "", moments[i].reserved);
    for (int kind = 0; kind < SNUG_KINDS; kind++) {
        snug_text_append(out, "],\"%s\":[", snug_kind_names[kind]);
        for (size_t i = 0; i < count; i++)
            snug_text_append(out, "%s%" PRIu64, i ? "," : "", moments[i].kinds[kind]);
    }
    snug_text_append(out, "]");
}

void snug_timeline_append_json(const snug_analysis *analysis, snug_text *out) {
    const snug_timeline *timeline = &analysis->timeline;
    stretch *all = NULL;
    moment *moments = NULL;
    snug_status status = SNUG_NEW(&all, STRETCHES);
    if (status == SNUG_OK) status = SNUG_NEW(&moments, 2 * STRETCHES);
    if (status == SNUG_OK) status = sample(timeline, all);
    if (status != SNUG_OK) {
        out->failed = 1;
    } else {
        size_t count = list_moments(all, moments);
        snug_text_append(out,
                         ",\"timeline\":{\"entries\":%" PRIu32 ",\"at\":%" PRIu32
                         ",\"live_bytes\":%" PRIu64 ",\"peak_bytes\":%" PRIu64
                         ",\"peak_at\":%" PRIu32 ",\"stretch\":%" PRIu32,
                         timeline->count, timeline->at, timeline->live, timeline->peak,
                         timeline->peak_at, stretch_length(timeline));
        append_failures(timeline, out);
        append_moments(moments, count, out);
        append_times(timeline, moments, count, out);
        snug_text_append(out, "}");
    }
    snug_memory_free(all);
    snug_memory_free(moments);
}
