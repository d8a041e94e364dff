// What each allocation holds, as far as its stack, its size and its life tell.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/trace/timeline.h"

// Sizes, sorted: a gradient has the size of its weight.
typedef struct size_list {
    uint64_t *sizes;
    size_t count, capacity;
} size_list;

typedef struct kind_judge {
    const snug_timeline *timeline;
    const snug_stack_about *stacks;
    size_list weights, activations; // activations: of forward passes
    uint32_t setup_end;             // where the first forward pass begins, as far as stacks tell
    snug_text_id trainer;           // the user's function that calls it
    uint32_t *run_ends;             // by position: where the run of backward allocations ends
    // The backward pass runs on a thread of its own, without Python's stack. Where forward passes
    // have stacks, allocations without one are its.
    bool backward_is_empty;
    bool old_have_stacks; // what is older than the trace has stacks all the same
} kind_judge;

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static bool has_size(const size_list *list, uint64_t size) {
    return list->count > 0 &&
           bsearch(&size, list->sizes, list->count, sizeof size, compare) != NULL;
}

static snug_status add_size(size_list *list, uint64_t size) {
    if (list->count > 0 && list->sizes[list->count - 1] == size) return SNUG_OK;
    SNUG_TRY(SNUG_GROW(&list->sizes, &list->capacity, list->count + 1));
    list->sizes[list->count++] = size;
    return SNUG_OK;
}

static void sort_sizes(size_list *list) {
    if (list->count > 0) qsort(list->sizes, list->count, sizeof *list->sizes, compare);
}

static const snug_stack_about *about_of(const kind_judge *self, const snug_life *life) {
    return &self->stacks[life->stack];
}

static bool is_pass(const snug_stack_about *about) {
    return about->place == SNUG_PLACE_FORWARD || about->place == SNUG_PLACE_EVALUATE;
}

// Where the run of backward allocations that holds each position ends: a gradient outlives it.
static snug_status find_run_ends(kind_judge *self) {
    const snug_timeline *timeline = self->timeline;
    SNUG_TRY(SNUG_NEW(&self->run_ends, (size_t)timeline->count + 1));
    uint32_t end = timeline->count;
    for (uint32_t p = timeline->count; p-- > 0;) {
        const snug_trace_entry *entry = &timeline->entries[p];
        snug_place place = (snug_place)self->stacks[entry->stack].place;
        bool other = place != SNUG_PLACE_BACKWARD && place != SNUG_PLACE_WORKSPACE &&
                     !(place == SNUG_PLACE_NONE && self->backward_is_empty);
        if (entry->action == SNUG_TRACE_ALLOC && other) end = p;
        self->run_ends[p] = end;
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

static bool is_lasting(const snug_timeline *timeline, const snug_life *life) {
    return life->death == UINT32_MAX || life->death > timeline->at;
}

// What outlives its backward pass is a gradient. In a pass that is not over, what has the size of a
// weight is one, unless forward passes make that size as well and it is given back.
static snug_kind kind_of_backward(const kind_judge *self, const snug_life *life) {
    bool sized = self->weights.count == 0 || has_size(&self->weights, life->size);
    if (life->before)
        return is_lasting(self->timeline, life) && sized ? SNUG_KIND_GRADIENTS
                                                         : SNUG_KIND_ACTIVATIONS;
    uint32_t end = self->run_ends[life->birth];
    if (end < self->timeline->at && life->death > end) return SNUG_KIND_GRADIENTS;
    bool stays = life->death == UINT32_MAX || !has_size(&self->activations, life->size);
    return sized && stays && is_lasting(self->timeline, life) ? SNUG_KIND_GRADIENTS
                                                              : SNUG_KIND_ACTIVATIONS;
}

static snug_text_id caller_of(const kind_judge *self, const snug_stack_about *about) {
    return self->timeline->snapshot->frames[about->caller].function;
}

// Made before anything was trained, to stay: by a constructor, or by a line of the user's that is
// not where batches are made.
static bool is_setup(const kind_judge *self, const snug_life *life, const snug_stack_about *about) {
    if (life->death != UINT32_MAX || (!life->before && life->birth >= self->setup_end))
        return false;
    if (about->builds) return true;
    return self->trainer != 0 && caller_of(self, about) != self->trainer;
}

// Below this, sizes agree by chance.
enum { SMALLEST_WEIGHT = 4096 };

// Optimizer state that lines of the user's make comes in series; a batch comes alone, and may have
// a weight's size by chance. Two lines may take turns.
static bool is_own_state(const kind_judge *self, const snug_life *life) {
    const snug_life *first = self->timeline->lives, *end = first + self->timeline->life_count;
    uint32_t python = about_of(self, life)->python;
    if (life->death != UINT32_MAX || life->size <= SMALLEST_WEIGHT ||
        !has_size(&self->weights, life->size))
        return false;
    for (int near = -2; near <= 2; near++) {
        const snug_life *other = life + near;
        if (near == 0 || other < first || other >= end || other->size <= SMALLEST_WEIGHT) continue;
        if (about_of(self, other)->python == python && python != 0 &&
            has_size(&self->weights, other->size))
            return true;
    }
    return false;
}

static snug_kind kind_without_stack(const kind_judge *self, const snug_life *life) {
    // Sizes tell nothing for sure where no allocation has a stack.
    if (!self->timeline->snapshot->has_stacks) return SNUG_KIND_UNCLASSIFIED;
    if (life->before && self->old_have_stacks) return kind_of_backward(self, life);
    // What is older than the trace and stays is the model's, most likely.
    if (life->before) return life->death == UINT32_MAX ? SNUG_KIND_WEIGHTS : SNUG_KIND_ACTIVATIONS;
    if (is_momentary(self->timeline, life)) return SNUG_KIND_WORKSPACE;
    return life->death == UINT32_MAX ? SNUG_KIND_UNCLASSIFIED : SNUG_KIND_ACTIVATIONS;
}

static snug_kind kind_of_user(const kind_judge *self, const snug_life *life,
                              const snug_stack_about *about) {
    if (is_setup(self, life, about)) return SNUG_KIND_WEIGHTS;
    if (is_own_state(self, life)) return SNUG_KIND_OPTIMIZER;
    return life->before && life->death == UINT32_MAX ? SNUG_KIND_UNCLASSIFIED
                                                     : SNUG_KIND_ACTIVATIONS;
}

// What PyTorch gives cuBLAS for each handle and stream, and keeps (4096:2:16:8, in KiB and
// numbers). Where C++ frames were not recorded, its size tells it.
static bool is_cublas_workspace(const snug_life *life) {
    enum { BYTES = (4096 * 2 + 16 * 8) * 1024 };
    return life->size == BYTES && life->death == UINT32_MAX && !life->before;
}

static snug_kind kind_of(const kind_judge *self, const snug_life *life) {
    const snug_stack_about *about = about_of(self, life);
    snug_place place = (snug_place)about->place;
    if (about->shard == SNUG_SHARD_WEIGHTS) return SNUG_KIND_WEIGHTS;
    if (about->shard == SNUG_SHARD_GRADIENTS) return SNUG_KIND_GRADIENTS;
    if (place == SNUG_PLACE_NONE && self->backward_is_empty && !life->before)
        place = SNUG_PLACE_BACKWARD;
    switch (place) {
    case SNUG_PLACE_LOAD:
        return SNUG_KIND_WEIGHTS;
    case SNUG_PLACE_BUCKETS:
        return SNUG_KIND_GRADIENTS;
    case SNUG_PLACE_OPTIMIZER_STATE:
        return SNUG_KIND_OPTIMIZER;
    case SNUG_PLACE_OPTIMIZER:
        return life->death == UINT32_MAX ? SNUG_KIND_OPTIMIZER : SNUG_KIND_WORKSPACE;
    case SNUG_PLACE_WORKSPACE:
        return SNUG_KIND_WORKSPACE;
    case SNUG_PLACE_BACKWARD:
        return kind_of_backward(self, life);
    case SNUG_PLACE_FORWARD:
    case SNUG_PLACE_EVALUATE:
        return is_momentary(self->timeline, life) || is_cublas_workspace(life)
                   ? SNUG_KIND_WORKSPACE
                   : SNUG_KIND_ACTIVATIONS;
    case SNUG_PLACE_USER:
        return kind_of_user(self, life, about);
    case SNUG_PLACE_NONE:
        break;
    }
    return kind_without_stack(self, life);
}

static snug_status collect_sizes(kind_judge *self) {
    const snug_timeline *timeline = self->timeline;
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        const snug_stack_about *about = about_of(self, life);
        snug_place place = (snug_place)about->place;
        bool old = place == SNUG_PLACE_NONE && life->before && life->death == UINT32_MAX &&
                   !self->old_have_stacks;
        bool setup = place == SNUG_PLACE_USER && is_setup(self, life, about);
        if (place == SNUG_PLACE_LOAD || old || setup || about->shard == SNUG_SHARD_WEIGHTS)
            SNUG_TRY(add_size(&self->weights, life->size));
        else if (is_pass(about))
            SNUG_TRY(add_size(&self->activations, life->size));
    }
    sort_sizes(&self->weights);
    sort_sizes(&self->activations);
    return SNUG_OK;
}

// The first forward pass, and the user's function that trains: told from what is older than the
// trace where the trace holds no forward pass.
static void find_first_pass(kind_judge *self) {
    const snug_timeline *timeline = self->timeline;
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_stack_about *about = about_of(self, &timeline->lives[i]);
        if (!is_pass(about)) continue;
        self->backward_is_empty = true;
        self->setup_end = timeline->lives[i].birth;
        self->trainer = caller_of(self, about);
        return;
    }
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_stack_about *about = about_of(self, &timeline->lives[i]);
        if (about->place != SNUG_PLACE_FORWARD && about->place != SNUG_PLACE_BACKWARD) continue;
        self->trainer = caller_of(self, about);
        return;
    }
}

snug_status snug_timeline_judge(snug_timeline *timeline, const snug_stacks *stacks) {
    kind_judge self = {.timeline = timeline, .stacks = stacks->about};
    for (size_t i = 0; i < timeline->before_count; i++)
        self.old_have_stacks |= stacks->about[timeline->lives[i].stack].python != 0;
    find_first_pass(&self);
    snug_status status = collect_sizes(&self);
    if (status == SNUG_OK) status = find_run_ends(&self);
    for (size_t i = 0; status == SNUG_OK && i < timeline->life_count; i++)
        timeline->lives[i].kind = (uint8_t)kind_of(&self, &timeline->lives[i]);
    if (status == SNUG_OK && !self.old_have_stacks)
        status = snug_old_state_split(timeline, stacks->about, self.run_ends);
    snug_memory_free(self.weights.sizes);
    snug_memory_free(self.activations.sizes);
    snug_memory_free(self.run_ends);
    return status;
}
