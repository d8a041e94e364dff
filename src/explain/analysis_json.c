// The same for programs and for the page: kinds, sites, iterations, the timeline, the layout.
#include <inttypes.h>

#include "base/memory.h"
#include "base/page.h"
#include "explain/analysis.h"

enum { POINTS = 480, MOST_SITES = 40, MOST_SEGMENTS = 256, MOST_BLOCKS = 6000 };

static void append_kinds(const snug_analysis *analysis, snug_text *out) {
    snug_text_append(out, "\"kinds\":{");
    for (int kind = 0; kind < SNUG_KINDS; kind++)
        snug_text_append(out, "%s\"%s\":%" PRIu64, kind ? "," : "", snug_kind_names[kind],
                         analysis->kinds[kind]);
    snug_text_append(out, "}");
}

static void append_place(const snug_snapshot *snapshot, snug_frame_id id, snug_text *out) {
    const snug_frame *frame = &snapshot->frames[id];
    if (id == 0) {
        snug_text_append(out, "\"file\":null,\"line\":null,\"function\":null");
        return;
    }
    snug_text_append(out, "\"file\":");
    snug_page_append_string(out, snug_snapshot_text(snapshot, frame->file));
    snug_text_append(out, ",\"line\":%d,\"function\":", frame->line);
    snug_page_append_string(out, snug_snapshot_text(snapshot, frame->function));
}

static void append_sites(const snug_analysis *analysis, const char *key,
                         const snug_site_bytes *sites, size_t count, snug_text *out) {
    snug_text_append(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count && i < MOST_SITES; i++) {
        snug_text_append(out, "%s{", i ? "," : "");
        append_place(analysis->snapshot, sites[i].frame, out);
        snug_text_append(out,
                         ",\"kind\":\"%s\",\"bytes\":%" PRIu64 ",\"tensors\":%" PRIu64
                         ",\"bytes_per_iteration\":%.0f}",
                         snug_kind_names[sites[i].kind], sites[i].bytes, sites[i].count,
                         sites[i].growth);
    }
    snug_text_append(out, "]");
}

static void append_iterations(const snug_iterations *iterations, snug_text *out) {
    snug_text_append(out,
                     ",\"iterations\":{\"known\":%s,\"growth_bytes\":%.0f,\"growing\":%zu,"
                     "\"compared\":%zu,\"starts\":[",
                     iterations->known ? "true" : "false", iterations->growth, iterations->growing,
                     iterations->periods);
    size_t step = iterations->count / POINTS + 1;
    for (size_t i = 0; i < iterations->count; i += step)
        snug_text_append(out, "%s%" PRIu32, i ? "," : "", iterations->starts[i]);
    snug_text_append(out, "],\"live_bytes\":[");
    for (size_t i = 0; i < iterations->count; i += step)
        snug_text_append(out, "%s%" PRIu64, i ? "," : "", iterations->live[i]);
    snug_text_append(out, "]}");
}

typedef struct timeline_point {
    uint64_t kinds[SNUG_KINDS], total;
    uint32_t position;
} timeline_point;

// The moment of the most live bytes of each stretch of the trace.
static snug_status sample(const snug_timeline *timeline, timeline_point *points, size_t *count) {
    int64_t *changes = NULL;
    timeline_point now = {0};
    uint32_t stretch = timeline->count / POINTS + 1;
    *count = 0;
    SNUG_TRY(SNUG_NEW(&changes, ((size_t)timeline->count + 1) * 2));
    // Of an entry at most one life begins and one ends; the kind is beside the bytes.
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->before) {
            now.kinds[life->kind] += life->size;
            now.total += life->size;
        } else {
            changes[2 * (size_t)life->birth] = (int64_t)life->size;
            changes[2 * (size_t)life->birth + 1] = life->kind;
        }
    }
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->death >= timeline->count) continue;
        if (changes[2 * (size_t)life->death] > 0) continue; // an alloc over a lost free
        changes[2 * (size_t)life->death] = -(int64_t)life->size;
        changes[2 * (size_t)life->death + 1] = life->kind;
    }
    points[0] = now;
    for (uint32_t p = 0; p < timeline->count; p++) {
        int64_t change = changes[2 * (size_t)p];
        size_t kind = (size_t)changes[2 * (size_t)p + 1];
        now.kinds[kind] += (uint64_t)change;
        now.total += (uint64_t)change;
        now.position = p + 1;
        size_t index = p / stretch;
        if (index >= *count) {
            *count = index + 1;
            points[index] = now;
        } else if (now.total > points[index].total) {
            points[index] = now;
        }
    }
    snug_memory_free(changes);
    return SNUG_OK;
}

static void append_timeline(const snug_analysis *analysis, snug_text *out) {
    const snug_timeline *timeline = &analysis->timeline;
    timeline_point points[POINTS + 1] = {0};
    size_t count = 0;
    if (sample(timeline, points, &count) != SNUG_OK) {
        out->failed = 1;
        return;
    }
    if (count == 0) count = 1;
    snug_text_append(out,
                     ",\"timeline\":{\"entries\":%" PRIu32 ",\"at\":%" PRIu32
                     ",\"peak_bytes\":%" PRIu64 ",\"peak_at\":%" PRIu32 ",\"positions\":[",
                     timeline->count, timeline->at, timeline->peak, timeline->peak_at);
    for (size_t i = 0; i < count; i++)
        snug_text_append(out, "%s%" PRIu32, i ? "," : "", points[i].position);
    snug_text_append(out, "]");
    for (int kind = 0; kind < SNUG_KINDS; kind++) {
        snug_text_append(out, ",\"%s\":[", snug_kind_names[kind]);
        for (size_t i = 0; i < count; i++)
            snug_text_append(out, "%s%" PRIu64, i ? "," : "", points[i].kinds[kind]);
        snug_text_append(out, "]");
    }
    snug_text_append(out, "}");
}

// Segments, and of each its tensors as [offset, bytes, kind, line's place in sites' order].
static void append_layout(const snug_analysis *analysis, snug_text *out) {
    const snug_layout *layout = &analysis->layout;
    const snug_timeline *timeline = &analysis->timeline;
    size_t life = 0, blocks = 0;
    snug_text_append(out,
                     ",\"layout\":{\"segment_count\":%zu,\"tensors\":%zu,\"free_pieces\":%zu,"
                     "\"largest_free_bytes\":%" PRIu64 ",\"segments\":[",
                     layout->segment_count, layout->life_count, layout->free_pieces,
                     layout->largest_free);
    for (size_t i = 0; i < layout->segment_count && i < MOST_SEGMENTS && blocks < MOST_BLOCKS;
         i++) {
        const snug_range *segment = &layout->segments[i];
        uint64_t end = segment->address + segment->size;
        snug_text_append(
            out,
            "%s{\"address\":\"0x%" PRIx64 "\",\"bytes\":%" PRIu64 ",\"large\":%s,\"tensors\":[",
            i ? "," : "", segment->address, segment->size, segment->large ? "true" : "false");
        const char *comma = "";
        for (; life < layout->life_count && blocks < MOST_BLOCKS; life++) {
            const snug_life *here = &timeline->lives[layout->lives[life]];
            if (here->address >= end) break;
            if (here->address < segment->address) continue;
            const snug_frame *frame =
                &analysis->snapshot->frames[analysis->stacks[here->stack].user];
            snug_text_append(out, "%s[%" PRIu64 ",%" PRIu64 ",%d,%d,", comma,
                             here->address - segment->address, here->size, here->kind, frame->line);
            snug_page_append_string(out, snug_snapshot_text(analysis->snapshot, frame->file));
            snug_text_append(out, "]");
            comma = ",";
            blocks++;
        }
        snug_text_append(out, "]}");
    }
    snug_text_append(out, "]}");
}

void snug_analysis_append_json(const snug_analysis *analysis, snug_text *out) {
    snug_text_append(out, "\"snapshot\":{\"has_oom\":%s,", analysis->oom ? "true" : "false");
    append_kinds(analysis, out);
    append_sites(analysis, "sites", analysis->sites, analysis->site_count, out);
    append_sites(analysis, "growing", analysis->growing, analysis->growing_count, out);
    append_iterations(&analysis->iterations, out);
    append_timeline(analysis, out);
    append_layout(analysis, out);
    snug_text_append(out, "}");
}
