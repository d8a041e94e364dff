// What only snapshots tell, in lines of at most 80 columns.
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "explain/trace/analysis.h"

enum { MOST_SITES = 8 };

static void append_kinds(const snug_analysis *analysis, snug_text *out) {
    char size[SNUG_SIZE_TEXT];
    uint64_t live = analysis->timeline.live;
    const char *when = analysis->oom                  ? "Live when it failed"
                       : analysis->timeline.count > 0 ? "Live at the peak"
                                                      : "Live when the snapshot was written";
    snug_text_append(out, "%s, by kind\n", when);
    for (int kind = 0; kind < SNUG_KINDS; kind++) {
        if (analysis->kinds[kind] == 0) continue;
        snug_text_append(out, "  %-16s%14s  %3.0f %%\n", snug_kind_names[kind],
                         snug_size_print(analysis->kinds[kind], size),
                         live ? 100.0 * (double)analysis->kinds[kind] / (double)live : 0);
    }
}

// The end of a path, so that a line stays within 80 columns.
static void append_place(const snug_analysis *analysis, const snug_site_bytes *site, int room,
                         snug_text *out) {
    char place[512];
    const snug_frame *frame = &analysis->snapshot->frames[site->frame];
    if (site->frame == 0) {
        snug_text_append(out, "%s\n",
                         analysis->snapshot->has_stacks ? "(no line of yours)"
                                                        : "(no stacks recorded)");
        return;
    }
    snprintf(place, sizeof place, "%s:%d %s", snug_snapshot_text(analysis->snapshot, frame->file),
             frame->line, snug_snapshot_text(analysis->snapshot, frame->function));
    size_t length = strlen(place);
    const char *start = place;
    if (length > (size_t)room) {
        start = place + length - ((size_t)room - 3);
        while (((unsigned char)*start & 0xC0) == 0x80) // within a character
            start++;
    }
    snug_text_append(out, "%s%s\n", start == place ? "" : "...", start);
}

static void append_sites(const snug_analysis *analysis, snug_text *out) {
    char size[SNUG_SIZE_TEXT];
    if (analysis->site_count == 0) return;
    snug_text_append(out, "\nWho made it\n");
    for (size_t i = 0; i < analysis->site_count && i < MOST_SITES; i++) {
        const snug_site_bytes *site = &analysis->sites[i];
        snug_text_append(out, "  %12s  %-12s  ", snug_size_print(site->bytes, size),
                         snug_kind_names[site->kind]);
        append_place(analysis, site, 50, out);
    }
}

static void append_growth(const snug_analysis *analysis, snug_text *out) {
    char size[SNUG_SIZE_TEXT];
    const snug_iterations *iterations = &analysis->iterations;
    if (!iterations->known) return;
    snug_text_append(out, "\nIterations\n  %zu begin%s in the trace", iterations->count,
                     iterations->count == 1 ? "s" : "");
    if (iterations->growth > 0)
        snug_text_append(out, "; live bytes grow by %s each (%zu of %zu)\n",
                         snug_size_print((uint64_t)iterations->growth, size), iterations->growing,
                         iterations->periods);
    else
        snug_text_append(out, "; %s\n",
                         iterations->periods > 0 ? "nothing more stays live from one to the next"
                                                 : "too few to tell growth");
    for (size_t i = 0; i < analysis->growing_count && i < MOST_SITES; i++) {
        const snug_site_bytes *site = &analysis->growing[i];
        snug_text_append(out, "  +%11s each  %-12s  ",
                         snug_size_print((uint64_t)site->growth, size),
                         snug_kind_names[site->kind]);
        append_place(analysis, site, 44, out);
    }
}

static void append_count(size_t count, const char *noun, snug_text *out) {
    snug_text_append(out, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

static void append_layout(const snug_analysis *analysis, snug_text *out) {
    char size[SNUG_SIZE_TEXT];
    const snug_memory_layout *layout = &analysis->layout;
    snug_text_append(out, "\nInside the allocator\n  ");
    append_count(layout->segment_count, "segment", out);
    snug_text_append(out, ", ");
    append_count(layout->life_count, "tensor", out);
    snug_text_append(out, ", ");
    append_count(layout->free_pieces, "free piece", out);
    snug_text_append(out, "; largest free %s\n", snug_size_print(layout->largest_free, size));
}

// What is missing, and what that means for the causes.
static void append_certainty(const snug_analysis *analysis, snug_text *out) {
    if (analysis->timeline.count == 0)
        snug_text_append(out, "How sure this is\n  The snapshot has no trace: it shows what was "
                              "live when it was written,\n  not how that came to be. No cause is "
                              "more than a guess. Call\n  "
                              "torch.cuda.memory._record_memory_history() before training.\n\n");
    else if (!analysis->snapshot->has_stacks)
        snug_text_append(out, "How sure this is\n  No stacks were recorded: sizes and times alone "
                              "tell what repeats and what\n  stays, not what it is. Call "
                              "torch.cuda.memory._record_memory_history()\n  without context=None "
                              "for the lines of your program.\n\n");
}

void snug_analysis_append_text(const snug_analysis *analysis, snug_text *out) {
    append_certainty(analysis, out);
    append_kinds(analysis, out);
    append_sites(analysis, out);
    append_growth(analysis, out);
    append_layout(analysis, out);
}
