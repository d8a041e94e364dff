// From an analysis to the facts that causes judge.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
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
    if (analysis->layout.private_free > 0)
        facts->private_free = snug_amount_of(analysis->layout.private_free);
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
    if (timeline->count == 0) return false;
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->death < timeline->at || !is_untold(analysis, life->stack)) return false;
        since_tiny = life->size <= TINY ? 0 : since_tiny + life->size;
    }
    if (since_tiny >= timeline->live / 2) return false;
    return analysis->oom ? is_untold(analysis, analysis->oom->stack) : timeline->life_count > 0;
}

// What was there before the iteration that is explained began.
static snug_amount lasting_bytes(const snug_analysis *analysis) {
    const snug_iterations *iterations = &analysis->iterations;
    const snug_timeline *timeline = &analysis->timeline;
    uint64_t bytes = 0;
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        bool old = life->before || life->birth < iterations->starts[iterations->count - 1];
        if (old && snug_life_is_live(life, timeline->at)) bytes += life->size;
    }
    return snug_amount_of(bytes);
}

static void tell_kinds(const snug_analysis *analysis, snug_facts *facts) {
    snug_amount *const amounts[SNUG_KINDS] = {&facts->weights,   &facts->gradients,
                                              &facts->optimizer, &facts->activations,
                                              &facts->workspace, &facts->unclassified};
    for (int kind = 0; kind < SNUG_KINDS; kind++)
        *amounts[kind] = snug_amount_of(analysis->kinds[kind]);
    facts->peak = snug_amount_of(analysis->timeline.live);
    if (!analysis->snapshot->has_stacks && analysis->iterations.known)
        facts->lasting = lasting_bytes(analysis);
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

// Whether what stays of iterations is the graphs of their forward passes. A cache keeps one result
// of a pass; a graph keeps what many of its layers saved.
static bool is_history(const snug_analysis *analysis) {
    const snug_iterations *iterations = &analysis->iterations;
    enum { MANY_TENSORS = 6 };
    if (!analysis->snapshot->has_stacks) return analysis->kept_tensors >= MANY_TENSORS;
    bool large = analysis->growth_forward >= 0.2 * iterations->forward_bytes;
    bool many = analysis->growing_stacks >= 4 || analysis->kept_tensors >= MANY_TENSORS ||
                (analysis->growing_stacks >= 2 && large);
    return analysis->growth_forward >= 0.5 * iterations->growth && (many || analysis->growing_loss);
}

static void tell_growth(const snug_analysis *analysis, snug_facts *facts) {
    const snug_iterations *iterations = &analysis->iterations;
    uint64_t live = 0;
    if (facts->only_made) return;
    facts->growth_per_period = iterations->growth;
    facts->growing_periods = iterations->growing;
    facts->periods = iterations->periods;
    if (iterations->growth <= 0 && iterations->swelling >= analysis->timeline.live / 4) {
        facts->growth_per_period = iterations->swelling_growth;
        facts->growing_live = snug_amount_of(iterations->swelling);
        facts->periods = facts->growing_periods = iterations->count - 1;
        return;
    }
    if (iterations->growth <= 0) return;
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
    facts->growing_live = snug_amount_of(live);
    facts->growth_has_history = is_history(analysis);
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

// What is live of attempts before the one that fails, and of this one.
typedef struct step_bytes {
    uint64_t stale, saved;
    size_t saved_count, stale_count;
    uint64_t stale_passes; // of |stale|, made by forward passes
    size_t stale_layers;   // stacks of forward passes that stale tensors were made with
    size_t rounds;         // iterations that left a good part of it
} step_bytes;

// How many iterations before the last left a tenth or more of what all of them left.
static size_t count_rounds(const snug_iterations *iterations) {
    uint64_t all = 0;
    size_t rounds = 0;
    for (size_t i = 0; i + 1 < iterations->count; i++)
        all += iterations->kept[i];
    for (size_t i = 0; i + 1 < iterations->count; i++)
        rounds += all > 0 && iterations->kept[i] >= all / 10;
    return rounds;
}

// Whether |life| is of an attempt before the one that begins at |start|. What is older than the
// trace, or than the first iteration that it shows, is of none; and what one iteration long ago
// left is there to stay.
static bool is_stale(const snug_analysis *analysis, const snug_life *life, uint32_t start,
                     size_t rounds) {
    const snug_iterations *iterations = &analysis->iterations;
    uint32_t failure = analysis->timeline.previous_oom;
    if (!life->before && life->birth >= start) return false;
    if (failure > 0 && failure == start) {
        size_t failed = snug_iterations_at(iterations, failure);
        if (failed == iterations->count) return true;
        return !life->before && life->birth >= iterations->starts[failed];
    }
    if (life->before || !iterations->known) return false;
    size_t round = snug_iterations_at(iterations, life->birth);
    return round < iterations->count && (rounds >= 2 || round + 2 >= iterations->count);
}

// What a Python stack made: at most in one iteration, and what is live of it from earlier ones and
// from before the trace.
typedef struct stack_tally {
    size_t round;
    uint32_t rounds, in_round, most, old;
    uint64_t old_bytes;
} stack_tally;

static void tally_lives(const snug_analysis *analysis, stack_tally *tallies) {
    const snug_timeline *timeline = &analysis->timeline;
    const snug_iterations *iterations = &analysis->iterations;
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        const snug_stack_about *about = &analysis->stacks[life->stack];
        stack_tally *tally = &tallies[about->python];
        if (!snug_life_is_of_step(life) || life->birth > timeline->at) continue;
        size_t round =
            life->before ? iterations->count : snug_iterations_at(iterations, life->birth);
        if (round < iterations->count) {
            bool again = tally->rounds > 0 && tally->round == round;
            tally->in_round = again ? tally->in_round + 1 : 1;
            tally->rounds += !again;
            tally->round = round;
            if (tally->in_round > tally->most) tally->most = tally->in_round;
        }
        if (round + 1 == iterations->count || !snug_life_is_live(life, timeline->at)) continue;
        tally->old++;
        tally->old_bytes += life->size;
    }
}

// Where the trace's end alone is there, with too few iterations to tell growth, the blocks that are
// older still have their stacks: what lines made that come once an iteration, and is live many
// times over, was kept by many iterations.
static snug_status add_older(const snug_analysis *analysis, step_bytes *out) {
    stack_tally *tallies = NULL;
    enum { MANY_ROUNDS = 3 };
    uint64_t kept = 0, passes = 0;
    size_t layers = 0, tensors = 0; // tensors: of one iteration
    if (!analysis->iterations.known || analysis->iterations.periods > 0) return SNUG_OK;
    SNUG_TRY(SNUG_NEW(&tallies, analysis->frames.python_count));
    tally_lives(analysis, tallies);
    for (size_t i = 0; i < analysis->snapshot->stack_count; i++) {
        const snug_stack_about *about = &analysis->stacks[i];
        stack_tally *tally = &tallies[about->python];
        bool pass = about->place == SNUG_PLACE_FORWARD || about->place == SNUG_PLACE_EVALUATE;
        if (about->python == 0 || (!pass && about->place != SNUG_PLACE_USER)) continue;
        bool regular = tally->rounds > 0 && tally->rounds + 1 >= analysis->iterations.count;
        if (!regular || tally->old < MANY_ROUNDS * tally->most) continue;
        kept += tally->old_bytes;
        passes += pass ? tally->old_bytes : 0;
        layers += pass;
        tensors += pass ? tally->most : 0;
        *tally = (stack_tally){0}; // other stacks of the same Python frames
    }
    snug_memory_free(tallies);
    if (kept <= out->stale || kept < analysis->timeline.live / 4) return SNUG_OK;
    out->stale = kept;
    out->stale_passes = passes;
    out->stale_layers = layers;
    out->rounds = MANY_ROUNDS;
    out->stale_count = MANY_ROUNDS * tensors;
    return SNUG_OK;
}

static snug_status add_step_bytes(const snug_analysis *analysis, uint32_t start, step_bytes *out) {
    const snug_timeline *timeline = &analysis->timeline;
    bool *seen = NULL;
    SNUG_TRY(SNUG_NEW(&seen, analysis->frames.python_count));
    out->rounds = count_rounds(&analysis->iterations);
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        const snug_stack_about *about = &analysis->stacks[life->stack];
        if (!is_step(life, analysis->stacks) || !snug_life_is_live(life, timeline->at)) continue;
        if (!life->before && life->birth >= start && !about->no_grad) {
            out->saved += life->size;
            out->saved_count++;
        }
        if (!is_stale(analysis, life, start, out->rounds)) continue;
        bool pass = about->place != SNUG_PLACE_USER;
        out->stale += life->size;
        out->stale_count++;
        out->stale_passes += pass ? life->size : 0;
        out->stale_layers += pass && !seen[about->python];
        seen[about->python] = true;
    }
    snug_memory_free(seen);
    return timeline->previous_oom > 0 ? SNUG_OK : add_older(analysis, out);
}

// Activations of the attempts before the one that fails. Many layers' are a graph that is kept.
static snug_status tell_stale(const snug_analysis *analysis, snug_facts *facts) {
    uint32_t start = attempt_start(analysis);
    step_bytes bytes = {0};
    if (!analysis->snapshot->has_stacks) return SNUG_OK;
    SNUG_TRY(add_step_bytes(analysis, start, &bytes));
    if (facts->phase == SNUG_PHASE_EVALUATE && bytes.saved_count >= 4)
        facts->saved = snug_amount_of(bytes.saved);
    if (start == 0 || bytes.stale == 0 || snug_timeline_goes_on(&analysis->timeline))
        return SNUG_OK;
    enum { MANY_LAYERS = 4, MANY_TENSORS = 6 };
    size_t rounds = bytes.rounds > 0 ? bytes.rounds : 1;
    facts->stale = snug_amount_of(bytes.stale);
    facts->stale_rounds = bytes.rounds;
    facts->stale_graph =
        bytes.stale_passes >= bytes.stale / 2 &&
        (bytes.stale_layers >= MANY_LAYERS || bytes.stale_count / rounds >= MANY_TENSORS);
    return SNUG_OK;
}

snug_status snug_analysis_tell(const snug_analysis *analysis, snug_facts *facts) {
    const snug_snapshot *snapshot = analysis->snapshot;
    const snug_iterations *iterations = &analysis->iterations;
    facts->is_snapshot = true;
    facts->gpu = analysis->timeline.device;
    facts->has_trace = analysis->timeline.count > 0;
    facts->has_stacks = snapshot->has_stacks;
    facts->certainty = !facts->has_trace ? 0.4 : !facts->has_stacks ? 0.53 : 0;
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
    if (!facts->only_made) SNUG_TRY(tell_stale(analysis, facts));
    snug_amount free = facts->figures.free;
    if (free.known) facts->usable = snug_amount_of(facts->figures.reserved.bytes + free.bytes);
    return SNUG_OK;
}
