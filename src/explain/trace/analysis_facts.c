// From an analysis to the facts that causes judge.
#include <stdlib.h>
#include <string.h>

#include "explain/trace/analysis.h"

static snug_site site_of(const snug_snapshot *snapshot, snug_frame_id id) {
    const snug_frame *frame = &snapshot->frames[id];
    const char *function = snug_snapshot_text(snapshot, frame->function);
    if (id == 0) return (snug_site){0};
    return (snug_site){.file = snug_snapshot_text(snapshot, frame->file),
                       .line = frame->line,
                       .function = *function ? function : NULL};
}

static snug_run_phase phase_of(snug_place place) {
    switch (place) {
    case SNUG_PLACE_LOAD:
        return SNUG_PHASE_LOAD;
    case SNUG_PLACE_FORWARD:
        return SNUG_PHASE_FORWARD;
    case SNUG_PLACE_EVALUATE:
        return SNUG_PHASE_EVALUATE;
    case SNUG_PLACE_BACKWARD:
        return SNUG_PHASE_BACKWARD;
    case SNUG_PLACE_OPTIMIZER:
    case SNUG_PLACE_OPTIMIZER_STATE:
        return SNUG_PHASE_OPTIMIZER;
    default:
        return SNUG_PHASE_UNKNOWN;
    }
}

// Whether the failing request follows forward passes without a stack of its own: the backward pass.
static bool is_backward(const snug_analysis *analysis) {
    const snug_timeline *timeline = &analysis->timeline;
    if (!analysis->oom || analysis->stacks[analysis->oom->stack].place != SNUG_PLACE_NONE)
        return false;
    for (size_t i = 0; i < timeline->life_count; i++) {
        snug_place place = (snug_place)analysis->stacks[timeline->lives[i].stack].place;
        if (!timeline->lives[i].before && place == SNUG_PLACE_FORWARD) return true;
    }
    return false;
}

static size_t last_life(const snug_timeline *timeline) {
    size_t low = timeline->before_count, high = timeline->life_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (timeline->lives[middle].birth < timeline->at)
            low = middle + 1;
        else
            high = middle;
    }
    return low; // one behind it
}

// A library's own request: its name is on the stack, or it is a convolution's second one, larger
// than its result, which is there already.
static bool is_workspace(const snug_analysis *analysis) {
    const snug_timeline *timeline = &analysis->timeline;
    if (!analysis->oom) return false;
    const snug_stack_about *about = &analysis->stacks[analysis->oom->stack];
    if (about->place == SNUG_PLACE_WORKSPACE) return true;
    size_t end = last_life(timeline);
    if (!about->convolution || end == timeline->before_count) return false;
    const snug_life *before = &timeline->lives[end - 1];
    return before->stack == analysis->oom->stack && before->death > timeline->at &&
           analysis->oom->size > before->size + before->size / 2;
}

// Whether the line that failed is the user's own and makes optimizer state: tensors like the
// weights, beside gradients that another line made.
static bool makes_state(const snug_analysis *analysis) {
    const snug_timeline *timeline = &analysis->timeline;
    snug_stack_id stack = analysis->oom->stack;
    if (analysis->stacks[stack].place != SNUG_PLACE_USER) return false;
    bool own = false, others = false;
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (!snug_life_is_live(life, timeline->at)) continue;
        own |= life->stack == stack && life->kind == SNUG_KIND_OPTIMIZER;
        others |= life->stack != stack &&
                  (life->kind == SNUG_KIND_OPTIMIZER || life->kind == SNUG_KIND_GRADIENTS);
    }
    return own && others;
}

// Whether a trace without a failure ends at its peak while optimizer state is made: the entry of
// the failure is missing, as in files that were cut or filtered.
static bool ends_in_state(const snug_analysis *analysis) {
    const snug_timeline *timeline = &analysis->timeline;
    if (timeline->life_count == timeline->before_count) return false;
    const snug_life *last = &timeline->lives[timeline->life_count - 1];
    return analysis->stacks[last->stack].place == SNUG_PLACE_OPTIMIZER_STATE &&
           last->death == UINT32_MAX && timeline->live == timeline->peak &&
           snug_life_is_live(last, timeline->at);
}

static void tell_request(const snug_analysis *analysis, snug_facts *facts) {
    const snug_timeline *timeline = &analysis->timeline;
    snug_figures *figures = &facts->figures;
    const snug_trace_entry *oom = analysis->oom;
    figures->allocated = snug_amount_of(timeline->live);
    figures->reserved = snug_amount_of(timeline->reserved);
    if (timeline->reserved < timeline->live) figures->reserved.bytes = timeline->live;
    if (analysis->layout.private_pools > 0)
        figures->private_pools = snug_amount_of(analysis->layout.private_pools);
    figures->largest_free = snug_amount_of(analysis->layout.largest_free);
    facts->most_reserved = snug_amount_of(timeline->most_reserved);
    if (!oom) {
        if (ends_in_state(analysis)) {
            facts->phase = SNUG_PHASE_OPTIMIZER;
            facts->iterations = 0;
        }
        return;
    }
    figures->requested = snug_amount_of(oom->size);
    if (oom->address != UINT64_MAX) figures->free = snug_amount_of(oom->address);
    facts->phase = phase_of((snug_place)analysis->stacks[oom->stack].place);
    if (is_backward(analysis)) facts->phase = SNUG_PHASE_BACKWARD;
    if (timeline->oom_count > 0) facts->errors_before = timeline->oom_count - 1;
    const snug_stack_about *about = &analysis->stacks[oom->stack];
    facts->user = site_of(analysis->snapshot, about->user);
    facts->loop = site_of(analysis->snapshot, about->caller);
    facts->no_grad = about->no_grad;
    facts->attention = about->attention;
    facts->convolution = about->convolution;
    facts->workspace_request = is_workspace(analysis);
    if (about->place == SNUG_PLACE_OPTIMIZER_STATE || makes_state(analysis)) {
        facts->phase = SNUG_PHASE_OPTIMIZER;
        facts->iterations = 0;
    }
}

// Whether nothing on the stack is training's.
static bool is_untold(const snug_analysis *analysis, snug_stack_id stack) {
    snug_place place = (snug_place)analysis->stacks[stack].place;
    return place == SNUG_PLACE_NONE || place == SNUG_PLACE_USER;
}

// Whether all that was made still is there, no stack says that it was trained with, and biases or
// the like came all along: a model on its way to the device looks like that, and no step does.
static bool is_only_made(const snug_analysis *analysis) {
    const snug_timeline *timeline = &analysis->timeline;
    enum { TINY = 64 << 10 };
    uint64_t since_tiny = 0;
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->death < timeline->at || !is_untold(analysis, life->stack)) return false;
        since_tiny = life->size <= TINY ? 0 : since_tiny + life->size;
    }
    if (since_tiny >= timeline->live / 2) return false;
    return analysis->oom ? is_untold(analysis, analysis->oom->stack) : timeline->life_count > 0;
}

static void tell_kinds(const snug_analysis *analysis, snug_facts *facts) {
    snug_amount *const amounts[SNUG_KINDS] = {&facts->weights,   &facts->gradients,
                                              &facts->optimizer, &facts->activations,
                                              &facts->workspace, &facts->unclassified};
    for (int kind = 0; kind < SNUG_KINDS; kind++)
        *amounts[kind] = snug_amount_of(analysis->kinds[kind]);
    facts->peak = snug_amount_of(analysis->timeline.live);
    facts->only_made = is_only_made(analysis);
    if (facts->only_made) {
        facts->weights = facts->peak;
        facts->activations = facts->unclassified = snug_amount_of(0);
    }
    for (size_t i = 0; i < analysis->site_count && facts->largest_count < SNUG_MAX_SITES; i++) {
        snug_site site = site_of(analysis->snapshot, analysis->sites[i].frame);
        site.bytes = snug_amount_of(analysis->sites[i].bytes);
        facts->largest[facts->largest_count++] = site;
    }
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

// Peaks of the iterations that ended, the first aside.
static void tell_peaks(const snug_iterations *iterations, snug_facts *facts) {
    enum { MOST = 1000 };
    uint64_t peaks[MOST];
    size_t count = 0;
    for (size_t i = iterations->count > 3 ? 1 : 0; i + 1 < iterations->count && count < MOST; i++)
        peaks[count++] = iterations->peaks[i];
    if (count == 0) return;
    qsort(peaks, count, sizeof *peaks, compare);
    facts->usual_peak = snug_amount_of(peaks[count / 2]);
    facts->largest_iteration = snug_amount_of(peaks[count - 1]);
    facts->between = snug_amount_of(iterations->live[iterations->count - 1]);
}

static void tell_growth(const snug_analysis *analysis, snug_facts *facts) {
    const snug_iterations *iterations = &analysis->iterations;
    uint64_t live = 0;
    if (facts->only_made) return;
    facts->growth_per_period = iterations->growth;
    facts->growing_periods = iterations->growing;
    facts->periods = iterations->periods;
    for (size_t i = 0; i < analysis->growing_count; i++) {
        const snug_site_bytes *item = &analysis->growing[i];
        // Without a line, sites are all that has none.
        double most = iterations->growth * (double)iterations->count;
        live += item->frame == 0 && most < (double)item->bytes ? (uint64_t)most : item->bytes;
        if (i >= SNUG_MAX_SITES) continue;
        snug_site site = site_of(analysis->snapshot, item->frame);
        site.bytes = snug_amount_of(item->bytes);
        site.bytes_per_period = item->growth;
        facts->growing[facts->growing_count++] = site;
    }
    if (iterations->growth <= 0) return;
    facts->growing_live = snug_amount_of(live);
    // What grew for a while and was given back before the failure is not what filled the device.
    double gained = 0.7 * iterations->growth * (double)iterations->periods;
    double begin = (double)iterations->live[iterations->settled];
    if ((double)live < gained || (double)analysis->timeline.live < begin + gained) {
        facts->growth_per_period = 0;
        facts->growing_live = (snug_amount){0};
        facts->growing_count = 0;
        return;
    }
    enum { MANY_TENSORS = 6 };
    // A cache keeps one result of a forward pass; a graph keeps what many of its layers saved.
    bool many = analysis->growing_stacks >= 2 &&
                analysis->growth_forward >= 0.2 * iterations->forward_bytes;
    facts->growth_has_history = analysis->snapshot->has_stacks
                                    ? analysis->growth_forward >= 0.5 * iterations->growth &&
                                          (many || analysis->growing_loss)
                                    : analysis->kept_tensors >= MANY_TENSORS;
}

static bool is_step(const snug_life *life, const snug_stack_about *stacks) {
    snug_place place = (snug_place)stacks[life->stack].place;
    return life->kind == SNUG_KIND_ACTIVATIONS &&
           (place == SNUG_PLACE_FORWARD || place == SNUG_PLACE_EVALUATE ||
            place == SNUG_PLACE_USER);
}

// Where the attempt that fails began: behind the failure before, or at the last start of an
// iteration where another iteration lies between the two.
static uint32_t attempt_start(const snug_analysis *analysis) {
    const snug_iterations *iterations = &analysis->iterations;
    uint32_t failure = analysis->timeline.previous_oom;
    size_t count = iterations->known ? iterations->count : 0;
    if (count == 0) return failure;
    if (failure > 0 && (count < 2 || iterations->starts[count - 2] <= failure)) return failure;
    return iterations->starts[count - 1];
}

// Activations of the attempts before the one that fails. An attempt after a caught error counts as
// one only when it begins anew: with the stack that the one before began with, or began its forward
// pass with.
static void tell_stale(const snug_analysis *analysis, snug_facts *facts) {
    const snug_timeline *timeline = &analysis->timeline;
    const snug_iterations *iterations = &analysis->iterations;
    uint32_t start = attempt_start(analysis);
    uint64_t stale = 0, saved = 0;
    size_t saved_count = 0, other_layers = 0;
    snug_stack_id first = 0, forward = 0;
    bool anew = false;
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (!is_step(life, analysis->stacks) || !snug_life_is_live(life, timeline->at)) continue;
        // What is older than the trace is of no iteration that it shows, where it shows one begin.
        if (life->before ? iterations->known && start > 0 : life->birth < start) {
            stale += life->size;
            if (first == 0) first = life->stack;
            other_layers += life->stack != first;
            bool passes = analysis->stacks[life->stack].place == SNUG_PLACE_FORWARD;
            if (forward == 0 && passes && timeline->oom_count > 1) forward = life->stack;
        } else if (!life->before && life->birth >= start) {
            anew |= life->stack != 0 && (life->stack == first || life->stack == forward);
            saved += life->size;
            saved_count++;
        }
    }
    // The first request of the new attempt may be the one that fails.
    if (analysis->oom && analysis->oom->stack != 0)
        anew |= analysis->oom->stack == first || analysis->oom->stack == forward;
    if (stale > 0 && anew) facts->stale = snug_amount_of(stale);
    if (stale > 0 && anew && iterations->forward_bytes > 0 && other_layers >= 4)
        facts->stale_passes = (double)stale / iterations->forward_bytes;
    if (facts->phase == SNUG_PHASE_EVALUATE && saved_count >= 4)
        facts->saved = snug_amount_of(saved);
}

void snug_analysis_tell(const snug_analysis *analysis, snug_facts *facts) {
    const snug_snapshot *snapshot = analysis->snapshot;
    const snug_iterations *iterations = &analysis->iterations;
    facts->is_snapshot = true;
    facts->gpu = analysis->timeline.device;
    facts->has_trace = analysis->timeline.count > 0;
    facts->has_stacks = snapshot->has_stacks;
    facts->device = "CUDA";
    facts->settings = snug_snapshot_text(snapshot, snapshot->settings.text);
    if (!*facts->settings) facts->settings = NULL;
    if (!facts->settings && snapshot->settings.expandable_segments)
        facts->settings = "expandable_segments:True";
    tell_kinds(analysis, facts);
    facts->period_known = iterations->known && !facts->only_made;
    tell_growth(analysis, facts);
    tell_peaks(iterations, facts);
    facts->last_scale = iterations->scale;
    if (iterations->known) facts->iterations = (int64_t)iterations->count - 1;
    tell_request(analysis, facts);
    if (!facts->only_made) tell_stale(analysis, facts);
    snug_amount free = facts->figures.free;
    if (free.known) facts->usable = snug_amount_of(facts->figures.reserved.bytes + free.bytes);
}
