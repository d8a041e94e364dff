// The largest segments with what is in them. What would be too narrow to see is drawn together with
// its neighbours.
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/page.h"
#include "explain/report/drawing.h"

enum { MOST_SEGMENTS = 1000, MOST_BLOCKS = 12000, PENDING = SNUG_KINDS };

// Blocks that are drawn as one.
typedef struct block_run {
    uint64_t start, end;            // addresses
    uint64_t kinds[SNUG_KINDS + 1]; // bytes used
    uint64_t used, tensors, most;   // |most|: the largest's bytes
    snug_frame_id frame;            // and its place
} block_run;

typedef struct layout_drawing {
    const snug_analysis *analysis;
    snug_text *out;
    uint64_t narrow;  // bytes below which blocks are drawn together
    uint32_t *places; // by frame, its index among those told plus one; 0: not told yet
    snug_frame_id *told;
    size_t told_count, told_capacity;
} layout_drawing;

static int by_size(const void *left, const void *right) {
    const snug_range *a = left, *b = right;
    if (a->size != b->size) return a->size < b->size ? 1 : -1;
    return (a->address > b->address) - (a->address < b->address);
}

static int by_address(const void *left, const void *right) {
    const snug_range *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

// Appends the index of |frame| in "places", or null for what no line of the user's made.
static snug_status append_place(layout_drawing *drawing, snug_frame_id frame) {
    if (frame == 0) {
        snug_text_append(drawing->out, "null");
        return SNUG_OK;
    }
    if (drawing->places[frame] == 0) {
        SNUG_TRY(SNUG_GROW(&drawing->told, &drawing->told_capacity, drawing->told_count + 1));
        drawing->told[drawing->told_count++] = frame;
        drawing->places[frame] = (uint32_t)drawing->told_count;
    }
    snug_text_append(drawing->out, "%" PRIu32, drawing->places[frame] - 1);
    return SNUG_OK;
}

static snug_status append_run(layout_drawing *drawing, const snug_range *segment, block_run *run,
                              const char **comma) {
    int kind = 0;
    if (run->tensors == 0) return SNUG_OK;
    for (int i = 1; i <= SNUG_KINDS; i++)
        if (run->kinds[i] > run->kinds[kind]) kind = i;
    snug_text_append(drawing->out, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d,", *comma,
                     run->start - segment->address, run->end - run->start, run->used, kind);
    SNUG_TRY(append_place(drawing, run->frame));
    snug_text_append(drawing->out, ",%" PRIu64 "]", run->tensors);
    *comma = ",";
    *run = (block_run){0};
    return SNUG_OK;
}

static void add_piece(const layout_drawing *drawing, const snug_piece *piece, uint64_t end,
                      block_run *run) {
    if (run->tensors == 0) run->start = piece->address;
    if (end > run->end) run->end = end;
    uint64_t bytes = end - piece->address;
    run->kinds[piece->pending ? PENDING : piece->kind] += bytes;
    run->used += bytes;
    run->tensors++;
    if (bytes <= run->most) return;
    run->most = bytes;
    run->frame = drawing->analysis->stacks[piece->stack].user;
}

// Index of the first piece at |address| or above.
static size_t find_piece(const snug_memory_layout *layout, uint64_t address) {
    size_t low = 0, high = layout->piece_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (layout->pieces[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static snug_status append_blocks(layout_drawing *drawing, const snug_range *segment) {
    const snug_memory_layout *layout = &drawing->analysis->layout;
    uint64_t segment_end = segment->address + segment->size;
    block_run run = {0};
    const char *comma = "";
    for (size_t i = find_piece(layout, segment->address);
         i < layout->piece_count && layout->pieces[i].address < segment_end; i++) {
        const snug_piece *piece = &layout->pieces[i];
        uint64_t room = segment_end - piece->address;
        uint64_t end = piece->address + (piece->size < room ? piece->size : room);
        if (run.tensors > 0 && end - run.start > drawing->narrow)
            SNUG_TRY(append_run(drawing, segment, &run, &comma));
        add_piece(drawing, piece, end, &run);
    }
    return append_run(drawing, segment, &run, &comma);
}

static snug_status append_segment(layout_drawing *drawing, const snug_range *segment) {
    const snug_snapshot *snapshot = drawing->analysis->snapshot;
    const snug_pool_id *pool = &snapshot->pools[segment->pool];
    snug_text_append(drawing->out,
                     "{\"address\":\"0x%" PRIx64 "\",\"bytes\":%" PRIu64
                     ",\"large\":%s,\"stream\":%" PRId64 ",\"pool\":",
                     segment->address, segment->size, segment->large ? "true" : "false",
                     snapshot->streams[segment->stream]);
    if (segment->pool == 0)
        snug_text_append(drawing->out, "null");
    else
        snug_text_append(drawing->out, "[%" PRId64 ",%" PRId64 "]", pool->first, pool->second);
    snug_text_append(drawing->out, ",\"blocks\":[");
    SNUG_TRY(append_blocks(drawing, segment));
    snug_text_append(drawing->out, "]}");
    return SNUG_OK;
}

static void append_places(const layout_drawing *drawing) {
    const snug_snapshot *snapshot = drawing->analysis->snapshot;
    snug_text_append(drawing->out, "],\"places\":[");
    for (size_t i = 0; i < drawing->told_count; i++) {
        const snug_frame *frame = &snapshot->frames[drawing->told[i]];
        snug_text_append(drawing->out, "%s[", i ? "," : "");
        snug_page_append_string(drawing->out, snug_snapshot_text(snapshot, frame->file));
        snug_text_append(drawing->out, ",%d,", frame->line);
        snug_page_append_string(drawing->out, snug_snapshot_text(snapshot, frame->function));
        snug_text_append(drawing->out, "]");
    }
    snug_text_append(drawing->out, "]");
}

// |segments| is in no order yet.
static snug_status append_layout(layout_drawing *drawing, snug_range *segments) {
    const snug_memory_layout *layout = &drawing->analysis->layout;
    size_t count = layout->segment_count < MOST_SEGMENTS ? layout->segment_count : MOST_SEGMENTS;
    uint64_t drawn = 0, left_out = 0;
    if (layout->segment_count > 0)
        qsort(segments, layout->segment_count, sizeof *segments, by_size);
    for (size_t i = 0; i < layout->segment_count; i++)
        *(i < count ? &drawn : &left_out) += segments[i].size;
    if (count > 0) qsort(segments, count, sizeof *segments, by_address);
    bool all = layout->piece_count <= MOST_BLOCKS;
    drawing->narrow = all ? 0 : drawn / MOST_BLOCKS;
    snug_text_append(drawing->out,
                     ",\"layout\":{\"segment_count\":%zu,\"tensors\":%zu,\"free_pieces\":%zu"
                     ",\"largest_free_bytes\":%" PRIu64 ",\"pending_bytes\":%" PRIu64
                     ",\"segments_left_out\":%zu,\"bytes_left_out\":%" PRIu64
                     ",\"together_below_bytes\":%" PRIu64 ",\"segments\":[",
                     layout->segment_count, layout->life_count, layout->free_pieces,
                     layout->largest_free, layout->pending, layout->segment_count - count, left_out,
                     drawing->narrow);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) snug_text_append(drawing->out, ",");
        SNUG_TRY(append_segment(drawing, &segments[i]));
    }
    append_places(drawing);
    snug_text_append(drawing->out, "}");
    return SNUG_OK;
}

void snug_memory_layout_append_json(const snug_analysis *analysis, snug_text *out) {
    layout_drawing drawing = {.analysis = analysis, .out = out};
    const snug_memory_layout *layout = &analysis->layout;
    snug_range *segments = NULL;
    snug_status status = SNUG_NEW(&segments, layout->segment_count);
    if (status == SNUG_OK) status = SNUG_NEW(&drawing.places, analysis->snapshot->frame_count);
    for (size_t i = 0; i < layout->segment_count && status == SNUG_OK; i++)
        segments[i] = layout->segments[i];
    if (status == SNUG_OK) status = append_layout(&drawing, segments);
    if (status != SNUG_OK) out->failed = 1;
    snug_memory_free(segments);
    snug_memory_free(drawing.places);
    snug_memory_free(drawing.told);
}
