// The same for programs and for the page: kinds, sites, iterations, the timeline, the layout.
#include <inttypes.h>

#include "base/page.h"
#include "explain/report/drawing.h"
#include "explain/trace/analysis.h"

enum { MOST_ITERATIONS = 500, MOST_SITES = 40 };

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
                     "\"compared\":%zu,\"count\":%zu,\"starts\":[",
                     iterations->known ? "true" : "false", iterations->growth, iterations->growing,
                     iterations->periods, iterations->count);
    size_t step = iterations->count / MOST_ITERATIONS + 1;
    for (size_t i = 0; i < iterations->count; i += step)
        snug_text_append(out, "%s%" PRIu32, i ? "," : "", iterations->starts[i]);
    snug_text_append(out, "],\"live_bytes\":[");
    for (size_t i = 0; i < iterations->count; i += step)
        snug_text_append(out, "%s%" PRIu64, i ? "," : "", iterations->live[i]);
    snug_text_append(out, "]}");
}

void snug_analysis_append_json(const snug_analysis *analysis, snug_text *out) {
    snug_text_append(out, "\"snapshot\":{\"has_oom\":%s,", analysis->oom ? "true" : "false");
    append_kinds(analysis, out);
    append_sites(analysis, "sites", analysis->sites, analysis->site_count, out);
    append_sites(analysis, "growing", analysis->growing, analysis->growing_count, out);
    append_iterations(&analysis->iterations, out);
    snug_timeline_append_json(analysis, out);
    snug_memory_layout_append_json(analysis, out);
    snug_text_append(out, "}");
}
