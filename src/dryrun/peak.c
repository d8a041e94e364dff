// Where a place peaks: the step and phase by the marks, the line by the recording's stacks.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dryrun/recording.h"

// Marks, each at the position of the first allocation that came after it.
typedef struct marked_trace {
    const snug_dry_process *process;
    const snug_analysis *analysis;
    uint32_t *positions; // of the marks
    uint32_t *starts;    // of the iterations; the last is the trace's end
    size_t iterations;
    uint64_t before; // allocations that the trace has lost
} marked_trace;

// A mark may tell the program's line behind what it marks.
static bool is_mark(const snug_dry_mark *mark, const char *what) {
    size_t length = strlen(what);
    return strncmp(mark->what, what, length) == 0 &&
           (mark->what[length] == '\0' || mark->what[length] == ' ');
}

static const char *line_of(const snug_dry_mark *mark) {
    const char *space = strchr(mark->what, ' ');
    space = space ? strchr(space + 1, ' ') : NULL;
    return space ? space + 1 : NULL;
}

static uint64_t count_allocations(const snug_timeline *timeline) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < timeline->count; i++)
        count += timeline->entries[i].action == SNUG_TRACE_ALLOC;
    return count;
}

static void place_marks(marked_trace *self, size_t device) {
    const snug_timeline *timeline = &self->analysis->timeline;
    const snug_dry_process *process = self->process;
    uint64_t served = self->before;
    size_t mark = 0;
    for (uint32_t i = 0; i < timeline->count; i++) {
        if (timeline->entries[i].action != SNUG_TRACE_ALLOC) continue;
        for (; mark < process->mark_count; mark++) {
            const snug_dry_mark *at = &process->marks[mark];
            if (device < at->devices && at->allocations[device] > served) break;
            self->positions[mark] = i;
        }
        served++;
    }
    for (; mark < process->mark_count; mark++)
        self->positions[mark] = timeline->count;
}

// An iteration ends with the last optimizer's step in it: it is over where the first optimizer is
// about to step again, back to the last step that ended.
static void find_iterations(marked_trace *self) {
    const snug_dry_process *process = self->process;
    uint32_t end = 0;
    bool began = false, ended = false;
    self->starts[0] = 0;
    for (size_t i = 0; i < process->mark_count; i++) {
        const snug_dry_mark *mark = &process->marks[i];
        if (is_mark(mark, "step begin")) {
            if (began && ended) self->starts[++self->iterations] = end;
            began = true;
        }
        if (is_mark(mark, "step end") || is_mark(mark, "substep end")) {
            end = self->positions[i];
            ended = began;
        }
    }
    if (began && ended) self->starts[++self->iterations] = end;
}

static snug_status mark_trace(const snug_dry_process *process, size_t device,
                              const snug_analysis *analysis, marked_trace *out) {
    *out = (marked_trace){.process = process, .analysis = analysis};
    uint64_t kept = count_allocations(&analysis->timeline);
    uint64_t recorded = device < process->recorded_count ? process->recorded[device] : 0;
    out->before = recorded > kept ? recorded - kept : 0;
    SNUG_TRY(SNUG_NEW(&out->positions, process->mark_count));
    SNUG_TRY(SNUG_NEW(&out->starts, process->mark_count + 2));
    place_marks(out, device);
    find_iterations(out);
    return SNUG_OK;
}

static void clear_trace(marked_trace *self) {
    snug_memory_free(self->positions);
    snug_memory_free(self->starts);
}

static int64_t step_at(const marked_trace *self, uint32_t position) {
    for (size_t i = 0; i < self->iterations; i++)
        if (position >= self->starts[i] && position < self->starts[i + 1]) return (int64_t)i + 1;
    return self->iterations > 0 ? (int64_t)self->iterations : 0;
}

// A network set to evaluate is one that is trained no more, where a backward pass follows before
// it is set back: then it was no evaluation.
static bool is_evaluation(const snug_dry_process *process, size_t begin) {
    for (size_t i = begin + 1; i < process->mark_count; i++) {
        const snug_dry_mark *mark = &process->marks[i];
        if (is_mark(mark, "evaluation end")) return true;
        if (is_mark(mark, "backward begin") || is_mark(mark, "step begin")) return false;
    }
    return begin > 0;
}

static const char *phase_by_stack(const marked_trace *self, uint32_t position) {
    const snug_trace_entry *entry = &self->analysis->timeline.entries[position];
    switch ((snug_place)self->analysis->stacks[entry->stack].place) {
    case SNUG_PLACE_LOAD:
        return "loading";
    case SNUG_PLACE_EVALUATE:
        return "evaluation";
    case SNUG_PLACE_BACKWARD:
        return "backward";
    case SNUG_PLACE_OPTIMIZER:
    case SNUG_PLACE_OPTIMIZER_STATE:
        return "optimizer step";
    default:
        return "forward";
    }
}

// The phase of the allocation at |position|.
static const char *phase_at(const marked_trace *self, uint32_t position) {
    const snug_dry_process *process = self->process;
    int backward = 0, step = 0;
    bool evaluation = false;
    for (size_t i = 0; i < process->mark_count && self->positions[i] <= position; i++) {
        const snug_dry_mark *mark = &process->marks[i];
        backward += is_mark(mark, "backward begin") - is_mark(mark, "backward end");
        step += is_mark(mark, "step begin") - is_mark(mark, "step end");
        step += is_mark(mark, "substep begin") - is_mark(mark, "substep end");
        if (is_mark(mark, "evaluation begin")) evaluation = is_evaluation(process, i);
        if (is_mark(mark, "evaluation end")) evaluation = false;
    }
    if (step > 0) return "optimizer step";
    if (backward > 0) return "backward";
    return evaluation ? "evaluation" : phase_by_stack(self, position);
}

static void find_step_peaks(const marked_trace *self, snug_dry_peak *out) {
    const snug_timeline *timeline = &self->analysis->timeline;
    uint64_t reserved = 0;
    out->steps = (int64_t)self->iterations;
    for (uint32_t i = 0; i < timeline->count && self->iterations > 0; i++) {
        const snug_trace_entry *entry = &timeline->entries[i];
        bool takes =
            entry->action == SNUG_TRACE_SEGMENT_ALLOC || entry->action == SNUG_TRACE_SEGMENT_MAP;
        bool gives =
            entry->action == SNUG_TRACE_SEGMENT_FREE || entry->action == SNUG_TRACE_SEGMENT_UNMAP;
        reserved += takes ? entry->size : 0;
        reserved -= gives && entry->size <= reserved ? entry->size : 0;
        if (i >= self->starts[self->iterations]) break;
        bool first = i < self->starts[1];
        uint64_t *live = first ? &out->first_step : &out->later_steps;
        uint64_t *held = first ? &out->first_reserved : &out->later_reserved;
        if (timeline->live_before[i + 1] > *live) *live = timeline->live_before[i + 1];
        if (reserved > *held) *held = reserved;
    }
    if (self->before > 0) out->first_step = out->first_reserved = 0; // not in the trace any more
}

static void take_frame(const snug_snapshot *snapshot, snug_frame_id id, const char **file,
                       const char **function, int *line) {
    if (id == 0) return;
    const snug_frame *frame = &snapshot->frames[id];
    *file = snug_snapshot_text(snapshot, frame->file);
    *function = snug_snapshot_text(snapshot, frame->function);
    *line = frame->line;
}

static void take_lines(const snug_analysis *analysis, snug_dry_peak *out) {
    memcpy(out->kinds, analysis->kinds, sizeof out->kinds);
    for (size_t i = 0; i < analysis->site_count && i < SNUG_DRY_LINES; i++) {
        const snug_site_bytes *site = &analysis->sites[i];
        snug_dry_line *line = &out->lines[out->line_count++];
        *line = (snug_dry_line){.kind = snug_kind_names[site->kind], .bytes = site->bytes};
        take_frame(analysis->snapshot, site->frame, &line->file, &line->function, &line->line);
    }
}

// The allocation that made the peak: the last before |position|.
static uint32_t maker_of(const snug_timeline *timeline, uint32_t position) {
    while (position > 0 && timeline->entries[position - 1].action != SNUG_TRACE_ALLOC)
        position--;
    return position > 0 ? position - 1 : 0;
}

// A backward pass makes tensors in a thread of its own, without a stack: their line is that of the
// pass, as its mark has it.
static void take_marked_line(const marked_trace *self, uint32_t position, snug_dry_peak *out) {
    const snug_dry_process *process = self->process;
    const char *line = NULL;
    for (size_t i = 0; i < process->mark_count && self->positions[i] <= position; i++)
        if (line_of(&process->marks[i])) line = line_of(&process->marks[i]);
    const char *colon = line ? strrchr(line, ':') : NULL;
    if (!colon || (size_t)(colon - line) >= sizeof out->marked_file) return;
    memcpy(out->marked_file, line, (size_t)(colon - line));
    out->marked_file[colon - line] = '\0';
    out->line = (int)strtol(colon + 1, NULL, 10);
}

static void find_place(const marked_trace *self, snug_dry_peak *out) {
    const snug_analysis *analysis = self->analysis;
    const snug_timeline *timeline = &analysis->timeline;
    if (timeline->count == 0) return;
    uint32_t maker = maker_of(timeline, timeline->at);
    out->known = true;
    out->allocated = timeline->live;
    out->step = step_at(self, maker);
    out->phase = phase_at(self, maker);
    take_frame(analysis->snapshot, analysis->stacks[timeline->entries[maker].stack].user,
               &out->file, &out->function, &out->line);
    if (!out->file && strcmp(out->phase, "forward") != 0) take_marked_line(self, maker, out);
}

// The recording without its failures: what is explained is then the peak.
static void leave_failures_aside(const snug_snapshot *snapshot) {
    for (size_t i = 0; i < snapshot->entry_count; i++)
        if (snapshot->entries[i].action == SNUG_TRACE_OOM)
            snapshot->entries[i].action = SNUG_TRACE_OTHER;
}

snug_status snug_dry_peak_find(const snug_dry_recording *recording, const snug_dry_place *place,
                               snug_dry_peak *out) {
    snug_analysis analysis;
    marked_trace trace = {0};
    *out = (snug_dry_peak){0};
    leave_failures_aside(recording->snapshot);
    snug_status status = snug_analysis_make(recording->snapshot, recording->device, &analysis);
    if (status == SNUG_OK)
        status = mark_trace(place->process, (size_t)place->device, &analysis, &trace);
    if (status == SNUG_OK) {
        find_place(&trace, out);
        find_step_peaks(&trace, out);
        take_lines(&analysis, out);
    }
    clear_trace(&trace);
    snug_analysis_clear(&analysis);
    return status;
}

snug_status snug_dry_drawing_append(const snug_dry_recording *recording, snug_text *out) {
    snug_analysis analysis;
    snug_status status = snug_analysis_make(recording->snapshot, recording->device, &analysis);
    if (status == SNUG_OK) {
        snug_analysis_append_json(&analysis, out);
        status = snug_text_status(out);
    }
    snug_analysis_clear(&analysis);
    return status;
}
