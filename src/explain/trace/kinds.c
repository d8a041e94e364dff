// What each allocation holds, as far as its stack, its size and its life tell.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/trace/timeline.h"

// Sizes of the weights, sorted: a gradient has the size of its weight.
typedef struct size_list {
    uint64_t *sizes;
    size_t count, capacity;
    uint32_t setup_end;   // where the first forward pass begins, as far as stacks tell
    snug_text_id trainer; // the user's function that calls it
} size_list;

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static bool has_size(const size_list *list, uint64_t size) {
    return list->count > 0 &&
           bsearch(&size, list->sizes, list->count, sizeof size, compare) != NULL;
}

// Where the run of backward allocations that holds each position ends: a gradient outlives it.
static snug_status find_run_ends(const snug_timeline *timeline, const snug_stack_about *stacks,
                                 bool backward_is_empty, uint32_t **out) {
    SNUG_TRY(SNUG_NEW(out, (size_t)timeline->count + 1));
    uint32_t end = timeline->count;
    for (uint32_t p = timeline->count; p-- > 0;) {
        const snug_trace_entry *entry = &timeline->entries[p];
        snug_place place = (snug_place)stacks[entry->stack].place;
        bool other = place != SNUG_PLACE_BACKWARD && place != SNUG_PLACE_WORKSPACE &&
                     !(place == SNUG_PLACE_NONE && backward_is_empty);
        if (entry->action == SNUG_TRACE_ALLOC && other) end = p;
        (*out)[p] = end;
    }
    return SNUG_OK;
}

// The next thing that happened was its own release: nothing was made with it that stayed.
static bool is_momentary(const snug_timeline *timeline, const snug_life *life) {
    if (life->before || life->death == UINT32_MAX || life->death - life->birth > 3) return false;
    for (uint32_t p = life->birth + 1; p < life->death; p++)
        if (timeline->entries[p].action == SNUG_TRACE_ALLOC) return false;
    return true;
}

// Live to the end, and made before anything else of training.
static bool is_lasting(const snug_timeline *timeline, const snug_life *life) {
    return life->death == UINT32_MAX || life->death > timeline->at;
}

static snug_kind kind_of_backward(const snug_timeline *timeline, const snug_life *life,
                                  const size_list *weights, const uint32_t *run_ends) {
    bool stays =
        life->death == UINT32_MAX || (!life->before && life->death > run_ends[life->birth]);
    bool sized = weights->count == 0 || has_size(weights, life->size);
    if (life->before) stays = is_lasting(timeline, life);
    return stays && sized ? SNUG_KIND_GRADIENTS : SNUG_KIND_ACTIVATIONS;
}

static snug_text_id caller_of(const snug_timeline *timeline, const snug_stack_about *about) {
    return timeline->snapshot->frames[about->caller].function;
}

// Made by the user's own line before anything was trained, to stay, and not where batches are made.
static bool is_setup(const snug_timeline *timeline, const snug_life *life,
                     const snug_stack_about *about, const size_list *weights) {
    return life->death == UINT32_MAX && (life->before || life->birth < weights->setup_end) &&
           weights->trainer != 0 && caller_of(timeline, about) != weights->trainer;
}

// Optimizer state comes in series, from one line; a batch comes alone, and may have a weight's size
// by chance.
static bool is_in_series(const snug_timeline *timeline, const snug_life *life) {
    const snug_life *first = timeline->lives, *end = first + timeline->life_count;
    return (life > first && life[-1].stack == life->stack) ||
           (life + 1 < end && life[1].stack == life->stack);
}

// Below this, sizes agree by chance.
enum { SMALLEST_WEIGHT = 4096 };

static snug_kind kind_of(const snug_timeline *timeline, const snug_life *life,
                         const snug_stack_about *about, const size_list *weights,
                         const uint32_t *run_ends, bool backward_is_empty) {
    snug_place place = (snug_place)about->place;
    if (place == SNUG_PLACE_NONE && backward_is_empty && !life->before) place = SNUG_PLACE_BACKWARD;
    switch (place) {
    case SNUG_PLACE_LOAD:
        return SNUG_KIND_WEIGHTS;
    case SNUG_PLACE_OPTIMIZER_STATE:
        return SNUG_KIND_OPTIMIZER;
    case SNUG_PLACE_OPTIMIZER:
        return is_lasting(timeline, life) && !is_momentary(timeline, life) &&
                       has_size(weights, life->size) && life->death == UINT32_MAX
                   ? SNUG_KIND_OPTIMIZER
                   : SNUG_KIND_WORKSPACE;
    case SNUG_PLACE_WORKSPACE:
        return SNUG_KIND_WORKSPACE;
    case SNUG_PLACE_BACKWARD:
        return kind_of_backward(timeline, life, weights, run_ends);
    case SNUG_PLACE_FORWARD:
    case SNUG_PLACE_EVALUATE:
        return is_momentary(timeline, life) ? SNUG_KIND_WORKSPACE : SNUG_KIND_ACTIVATIONS;
    case SNUG_PLACE_USER:
        if (is_setup(timeline, life, about, weights)) return SNUG_KIND_WEIGHTS;
        if (life->death == UINT32_MAX && life->size > SMALLEST_WEIGHT &&
            has_size(weights, life->size) && is_in_series(timeline, life))
            return SNUG_KIND_OPTIMIZER;
        return life->before && life->death == UINT32_MAX ? SNUG_KIND_UNCLASSIFIED
                                                         : SNUG_KIND_ACTIVATIONS;
    case SNUG_PLACE_NONE:
        break;
    }
    // No stack. What is older than the trace and stays is the model's, most likely.
    if (life->before) return life->death == UINT32_MAX ? SNUG_KIND_WEIGHTS : SNUG_KIND_ACTIVATIONS;
    if (is_momentary(timeline, life)) return SNUG_KIND_WORKSPACE;
    return life->death == UINT32_MAX ? SNUG_KIND_UNCLASSIFIED : SNUG_KIND_ACTIVATIONS;
}

static snug_status collect_weights(const snug_timeline *timeline, const snug_stack_about *stacks,
                                   size_list *out) {
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        snug_place place = (snug_place)stacks[life->stack].place;
        bool old = place == SNUG_PLACE_NONE && life->before && life->death == UINT32_MAX;
        bool setup =
            place == SNUG_PLACE_USER && is_setup(timeline, life, &stacks[life->stack], out);
        if (place != SNUG_PLACE_LOAD && !old && !setup) continue;
        if (out->count > 0 && out->sizes[out->count - 1] == life->size) continue;
        SNUG_TRY(SNUG_GROW(&out->sizes, &out->capacity, out->count + 1));
        out->sizes[out->count++] = life->size;
    }
    if (out->count > 0) qsort(out->sizes, out->count, sizeof *out->sizes, compare);
    return SNUG_OK;
}

// The user's function that trains, told from what is older than the trace where the trace holds no
// forward pass.
static snug_text_id find_trainer(const snug_timeline *timeline, const snug_stack_about *stacks) {
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_stack_about *about = &stacks[timeline->lives[i].stack];
        if (about->place == SNUG_PLACE_FORWARD || about->place == SNUG_PLACE_BACKWARD)
            return caller_of(timeline, about);
    }
    return 0;
}

snug_status snug_timeline_judge(snug_timeline *timeline, const snug_stack_about *stacks) {
    size_list weights = {0};
    uint32_t *run_ends = NULL;
    bool forward = false;
    // The backward pass runs on a thread of its own, without Python's stack. Where forward passes
    // have stacks, allocations without one are its.
    for (size_t i = timeline->before_count; i < timeline->life_count && !forward; i++) {
        snug_place place = (snug_place)stacks[timeline->lives[i].stack].place;
        forward = place == SNUG_PLACE_FORWARD || place == SNUG_PLACE_EVALUATE;
        // Its input comes onto the device just before.
        if (!forward) continue;
        weights.setup_end = timeline->lives[i].birth;
        weights.trainer = caller_of(timeline, &stacks[timeline->lives[i].stack]);
    }
    if (!forward) weights.trainer = find_trainer(timeline, stacks);
    snug_status status = collect_weights(timeline, stacks, &weights);
    if (status == SNUG_OK) status = find_run_ends(timeline, stacks, forward, &run_ends);
    for (size_t i = 0; status == SNUG_OK && i < timeline->life_count; i++) {
        snug_life *life = &timeline->lives[i];
        life->kind =
            (uint8_t)kind_of(timeline, life, &stacks[life->stack], &weights, run_ends, forward);
    }
    snug_memory_free(weights.sizes);
    snug_memory_free(run_ends);
    return status;
}
