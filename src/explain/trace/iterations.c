// Where iterations begin, loops.c tells from stacks, else size_rounds.c from sizes. What an
// iteration leaves behind is what it made for its step and what is live at the end: where most
// iterations leave about as much, memory grows.
#include "explain/trace/iterations.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/trace/loops.h"

bool snug_life_is_of_step(const snug_life *life) {
    return life->kind == SNUG_KIND_ACTIVATIONS || life->kind == SNUG_KIND_UNCLASSIFIED ||
           life->kind == SNUG_KIND_WORKSPACE;
}

static bool is_pass(snug_place place) {
    return place == SNUG_PLACE_FORWARD || place == SNUG_PLACE_EVALUATE;
}

// A place in a network, by whichever line of the program it was called, and how often the forward
// passes of iterations came to it.
typedef struct network_place {
    uint64_t hash; // of the Python frames from the outermost module's call inward
    snug_stack_id stack;
    uint32_t before, last; // in the last iteration but one, and in the last
    uint32_t first;        // the index of its first life in the last
} network_place;

static int by_hash(const void *left, const void *right) {
    uint64_t a = ((const network_place *)left)->hash, b = ((const network_place *)right)->hash;
    return (a > b) - (a < b);
}

static uint64_t hash_inside(const snug_stacks *stacks, snug_stack_id stack) {
    uint64_t hash = 0;
    for (size_t i = stacks->python_starts[stack]; i < stacks->python_starts[stack + 1]; i++)
        if (hash != 0 || stacks->roles[stacks->python_frames[i]] == SNUG_FRAME_CLOSED)
            hash = (hash ^ (stacks->python_frames[i] + 1)) * 0x9E3779B97F4A7C15u;
    return hash;
}

// Places of the network, and in |place_of| the index of each Python stack's.
static snug_status list_places(const snug_stacks *stacks, network_place **places,
                               uint32_t **place_of) {
    size_t count = stacks->python_count, kept = 0;
    SNUG_TRY(SNUG_NEW(places, count));
    SNUG_TRY(SNUG_NEW(place_of, count));
    for (snug_stack_id i = 0; i < count; i++)
        (*places)[i] = (network_place){.hash = hash_inside(stacks, i), .stack = i};
    qsort(*places, count, sizeof **places, by_hash);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && (*places)[i].hash != (*places)[kept].hash) (*places)[++kept] = (*places)[i];
        (*place_of)[(*places)[i].stack] = (uint32_t)kept;
    }
    return SNUG_OK;
}

// Counts visits of the last two iterations; with |starts|, lists those of the place |which| in the
// last one.
static void visit(const snug_timeline *timeline, const snug_stacks *stacks,
                  const snug_iterations *iterations, const uint32_t *place_of,
                  network_place *places, uint32_t which, uint32_t *starts) {
    size_t last = iterations->count - 1, made = 0;
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        const snug_stack_about *about = &stacks->about[life->stack];
        if (life->birth > timeline->at || life->birth < iterations->starts[last - 1]) continue;
        if (!is_pass((snug_place)about->place)) continue;
        network_place *place = &places[place_of[about->python]];
        bool late = life->birth >= iterations->starts[last];
        if (starts) {
            if (late && place == &places[which]) starts[made++] = life->birth;
            continue;
        }
        if (late && place->last++ == 0) place->first = (uint32_t)i;
        place->before += !late;
    }
}

// A last iteration that comes to each place of the network several times, where the one before came
// once, holds a loop of its own on one line: an evaluation behind training, most often.
static snug_status find_inner(const snug_timeline *timeline, const snug_stacks *stacks,
                              snug_iterations *out) {
    network_place *places = NULL;
    uint32_t *place_of = NULL, *starts = NULL, best = UINT32_MAX;
    enum { LEAST = 3 };
    snug_status status = list_places(stacks, &places, &place_of);
    if (status == SNUG_OK) visit(timeline, stacks, out, place_of, places, 0, NULL);
    for (uint32_t i = 0; status == SNUG_OK && i < stacks->python_count; i++)
        if (places[i].before == 1 && places[i].last >= LEAST &&
            (best == UINT32_MAX || places[i].first < places[best].first))
            best = i;
    if (status == SNUG_OK && best != UINT32_MAX)
        status = SNUG_NEW(&starts, (size_t)places[best].last);
    if (starts) {
        visit(timeline, stacks, out, place_of, places, best, starts);
        snug_memory_free(out->starts);
        out->starts = starts;
        out->count = places[best].last;
    }
    snug_memory_free(places);
    snug_memory_free(place_of);
    return status;
}

static snug_status find_starts(const snug_timeline *timeline, const snug_stacks *stacks,
                               snug_iterations *out) {
    if (timeline->snapshot->has_stacks)
        SNUG_TRY(snug_loops_find(timeline, stacks, &out->starts, &out->count));
    else
        SNUG_TRY(snug_size_rounds_find(timeline, &out->starts, &out->count));
    if (out->count >= 3 && timeline->snapshot->has_stacks)
        SNUG_TRY(find_inner(timeline, stacks, out));
    SNUG_TRY(SNUG_NEW(&out->live, out->count));
    SNUG_TRY(SNUG_NEW(&out->peaks, out->count));
    SNUG_TRY(SNUG_NEW(&out->kept, out->count));
    out->known = out->count >= 2;
    return SNUG_OK;
}

// The least and the most live bytes of each iteration.
static void fill_live(const snug_timeline *timeline, snug_iterations *out) {
    const uint64_t *live = timeline->live_before;
    size_t current = out->count;
    for (uint32_t p = 0; p < timeline->count && p <= timeline->at; p++) {
        size_t following = current == out->count ? 0 : current + 1;
        if (following < out->count && out->starts[following] == p) {
            current = following;
            out->live[current] = out->peaks[current] = live[p];
        }
        if (current == out->count) continue;
        if (live[p] < out->live[current]) out->live[current] = live[p];
        if (p < timeline->at && live[p + 1] > out->peaks[current])
            out->peaks[current] = live[p + 1];
    }
}

static int by_size(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

// The first iterations make what stays for good, the last but one what the last is about to take
// the place of (its loss, its outputs), and the last is not over; nor are those compared that came
// after a failure.
static snug_status find_growth(const snug_timeline *timeline, snug_iterations *out) {
    uint64_t *sorted = NULL;
    size_t end = out->count > 2 ? out->count - 2 : 0;
    while (end > 0 && out->starts[end - 1] > timeline->first_oom)
        end--;
    out->settled = end >= 6 ? 2 : 1;
    if (end < out->settled + 3) {
        out->settled = out->count;
        return SNUG_OK;
    }
    out->periods = end - out->settled;
    SNUG_TRY(SNUG_NEW(&sorted, out->periods));
    memcpy(sorted, out->kept + out->settled, out->periods * sizeof *sorted);
    qsort(sorted, out->periods, sizeof *sorted, by_size);
    uint64_t median = sorted[out->periods / 2];
    snug_memory_free(sorted);
    for (size_t i = out->settled; i < end; i++)
        out->growing += out->kept[i] > median / 4;
    enum { LEAST = 1024 }; // a few numbers are nobody's trouble
    // A buffer that fills and then stays as it is grows no more.
    if (snug_timeline_goes_on(timeline)) median = 0;
    if (median >= LEAST && out->growing * 10 >= out->periods * 7) out->growth = (double)median;
    if (out->growth <= 0) out->growing = 0;
    return SNUG_OK;
}

// By Python stack: the largest size before the last iteration, and in it.
typedef struct stack_sizes {
    uint64_t before, last;
} stack_sizes;

static void add_sizes(const snug_timeline *timeline, const snug_stacks *stacks,
                      const snug_iterations *iterations, stack_sizes *sizes, double *forward) {
    size_t last = iterations->count - 1, skipped = iterations->count > 3 ? 1 : 0;
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        const snug_stack_about *about = &stacks->about[life->stack];
        snug_place place = (snug_place)about->place;
        size_t round = snug_iterations_at(iterations, life->birth);
        if (life->birth > timeline->at || round == iterations->count || round < skipped ||
            life->kind != SNUG_KIND_ACTIVATIONS)
            continue;
        if (is_pass(place)) forward[round] += (double)life->size;
        if (!is_pass(place) && place != SNUG_PLACE_USER) continue;
        uint64_t *most = round == last ? &sizes[about->python].last : &sizes[about->python].before;
        if (life->size > *most) *most = life->size;
    }
}

static void compare_last(const stack_sizes *sizes, size_t stack_count, const double *forward,
                         snug_iterations *out) {
    double before = 0, last = 0, most = 0;
    size_t end = out->count - 1, skipped = out->count > 3 ? 1 : 0;
    for (size_t i = 0; i < stack_count; i++) {
        if (sizes[i].before == 0 || sizes[i].last == 0) continue;
        before += (double)sizes[i].before;
        last += (double)sizes[i].last;
    }
    for (size_t i = skipped; i < end; i++) {
        out->forward_bytes += forward[i] / (double)(end - skipped);
        if (forward[i] > most) most = forward[i];
    }
    if (before > 0) out->scale = last / before;
    // More tensors of the same sizes: a longer sequence in steps.
    if (most > 0 && forward[end] / most > out->scale) out->scale = forward[end] / most;
}

static snug_status find_scale(const snug_timeline *timeline, const snug_stacks *stacks,
                              snug_iterations *out) {
    stack_sizes *sizes = NULL;
    double *forward = NULL;
    snug_status status = SNUG_NEW(&sizes, stacks->python_count);
    if (status == SNUG_OK) status = SNUG_NEW(&forward, out->count);
    if (status == SNUG_OK) {
        add_sizes(timeline, stacks, out, sizes, forward);
        compare_last(sizes, stacks->python_count, forward, out);
        if (out->count < 3) out->scale = 0;
    }
    snug_memory_free(sizes);
    snug_memory_free(forward);
    return status;
}

static void add_kept(const snug_timeline *timeline, snug_iterations *out) {
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (!snug_life_is_live(life, timeline->at) || !snug_life_is_of_step(life)) continue;
        size_t round = snug_iterations_at(out, life->birth);
        if (round < out->count) out->kept[round] += life->size;
    }
}

snug_status snug_iterations_find(const snug_timeline *timeline, const snug_stacks *stacks,
                                 snug_iterations *out) {
    *out = (snug_iterations){0};
    SNUG_TRY(find_starts(timeline, stacks, out));
    if (!out->known) {
        out->count = 0;
        return SNUG_OK;
    }
    fill_live(timeline, out);
    add_kept(timeline, out);
    SNUG_TRY(find_growth(timeline, out));
    SNUG_TRY(snug_swelling_find(timeline, stacks, out));
    return find_scale(timeline, stacks, out);
}

void snug_iterations_clear(snug_iterations *iterations) {
    snug_memory_free(iterations->starts);
    snug_memory_free(iterations->live);
    snug_memory_free(iterations->peaks);
    snug_memory_free(iterations->kept);
    *iterations = (snug_iterations){0};
}

size_t snug_iterations_at(const snug_iterations *iterations, uint32_t position) {
    size_t low = 0, high = iterations->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (iterations->starts[middle] <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : iterations->count;
}
