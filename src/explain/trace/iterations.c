// Allocations fall into classes: those of one stack, or of one size where there is no stack. In a
// loop, most classes come once an iteration: as often as each other. The count that most classes
// share is the number of iterations; the class before whose allocations the least is live begins
// them. A loop inside a network's forward() repeats as well (layers), and is told by its stacks:
// all that it makes lies under that forward().
#include "explain/trace/iterations.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct life_class {
    uint32_t count;
    uint32_t first, last; // indices of lives
    snug_stack_id stack;
    uint64_t size;                   // where there is no stack
    uint64_t most_before, most_last; // largest size before the last iteration, and in it
    double live_before;              // sum over its allocations of what was live
} life_class;

typedef struct class_list {
    life_class *items;
    size_t count, capacity;
    uint32_t *of;    // the class of each life
    uint32_t *slots; // hash of classes without stacks: index + 1
    size_t slot_count;
    uint32_t *of_stack; // index + 1 of the class of each stack
} class_list;

static void clear_classes(class_list *list) {
    snug_memory_free(list->items);
    snug_memory_free(list->of);
    snug_memory_free(list->slots);
    snug_memory_free(list->of_stack);
}

// The slot of the class of |size| without a stack.
static uint32_t *slot_of(const class_list *list, uint64_t size) {
    size_t at = (size_t)(size * 0x9E3779B97F4A7C15u >> 32) & (list->slot_count - 1);
    while (list->slots[at] != 0 && list->items[list->slots[at] - 1].size != size)
        at = (at + 1) & (list->slot_count - 1);
    return &list->slots[at];
}

// What loads a model or makes an optimizer's state repeats, layer by layer, and is no iteration.
#define NO_CLASS UINT32_MAX

static snug_status sort_into_classes(const snug_timeline *timeline, const snug_stack_about *stacks,
                                     uint32_t begin, class_list *list) {
    size_t made = timeline->life_count - timeline->before_count;
    list->slot_count = 64;
    while (list->slot_count < made * 2)
        list->slot_count *= 2;
    SNUG_TRY(SNUG_NEW(&list->of, timeline->life_count));
    SNUG_TRY(SNUG_NEW(&list->slots, list->slot_count));
    SNUG_TRY(SNUG_NEW(&list->of_stack, timeline->snapshot->stack_count));
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        list->of[i] = NO_CLASS;
        if (life->birth > timeline->at) break;
        if (life->birth < begin) continue;
        snug_place place = (snug_place)stacks[life->stack].place;
        if (place == SNUG_PLACE_LOAD || place == SNUG_PLACE_OPTIMIZER_STATE) continue;
        if (life->kind == SNUG_KIND_WEIGHTS || life->kind == SNUG_KIND_OPTIMIZER) continue;
        uint32_t *slot = life->stack ? &list->of_stack[life->stack] : slot_of(list, life->size);
        if (*slot == 0) {
            SNUG_TRY(SNUG_GROW(&list->items, &list->capacity, list->count + 1));
            list->items[list->count++] = (life_class){
                .first = (uint32_t)i, .stack = life->stack, .size = life->stack ? 0 : life->size};
            *slot = (uint32_t)list->count;
        }
        list->of[i] = *slot - 1;
        list->items[*slot - 1].count++;
        list->items[*slot - 1].last = (uint32_t)i;
    }
    return SNUG_OK;
}

// Live bytes before each allocation of a class, added up.
static void add_live(const snug_timeline *timeline, class_list *list) {
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        if (life->birth > timeline->at) break;
        if (list->of[i] != NO_CLASS)
            list->items[list->of[i]].live_before += (double)timeline->live_before[life->birth];
    }
}

// How many frames, from the outermost in, stacks |a| and |b| share beyond |most|.
static size_t shared_frames(const snug_snapshot *snapshot, snug_stack_id a, snug_stack_id b,
                            size_t most) {
    size_t a_count, b_count, shared = 0;
    const snug_frame_id *a_frames = snug_snapshot_stack(snapshot, a, &a_count);
    const snug_frame_id *b_frames = snug_snapshot_stack(snapshot, b, &b_count);
    while (shared < most && shared < a_count && shared < b_count &&
           a_frames[a_count - 1 - shared] == b_frames[b_count - 1 - shared])
        shared++;
    return shared;
}

// Whether what all classes with |count| allocations have in common lies inside a module's call, or
// all are the backward pass's.
static bool is_inside_pass(const snug_snapshot *snapshot, const snug_stack_about *stacks,
                           const class_list *list, uint32_t count) {
    bool only_backward = true;
    snug_stack_id one = 0;
    size_t shared = 0, length = 0;
    for (size_t i = 0; i < list->count; i++) {
        const life_class *item = &list->items[i];
        if (item->stack == 0 || item->count < count || item->count > count + 1) continue;
        only_backward &= stacks[item->stack].place == SNUG_PLACE_BACKWARD;
        if (one == 0) {
            one = item->stack;
            snug_snapshot_stack(snapshot, one, &shared);
        }
        shared = shared_frames(snapshot, one, item->stack, shared);
    }
    if (one != 0 && only_backward) return true;
    if (one == 0 || shared == 0) return false;
    const snug_frame_id *frames = snug_snapshot_stack(snapshot, one, &length);
    size_t inner = length - shared;
    while (inner < length && snug_frame_is_call(snapshot, frames[inner]))
        inner++;
    for (size_t i = inner; i < length; i++)
        if (snug_frame_is_call(snapshot, frames[i])) return true;
    return false;
}

static bool belongs(const life_class *item, uint32_t count) {
    return item->count == count || item->count == count + 1;
}

// Whether it still comes at the end: the last time is not longer ago than two and a half of its
// rounds.
static bool runs_at_end(const life_class *item, size_t lives) {
    double length = (double)(item->last - item->first) / (item->count - 1);
    return length > 0 && (double)(lives - item->last) <= 2.5 * length;
}

// The class that begins iterations, NULL where nothing repeats.
static const life_class *find_anchor(const snug_timeline *timeline, const class_list *list,
                                     uint32_t count, size_t lives) {
    const life_class *best = NULL;
    uint32_t longest = 0;
    for (size_t i = 0; i < list->count; i++) {
        const life_class *item = &list->items[i];
        if (belongs(item, count) && item->last - item->first > longest)
            longest = item->last - item->first;
    }
    for (size_t i = 0; i < list->count; i++) {
        const life_class *item = &list->items[i];
        // A short loop that runs once may happen to have as many rounds.
        if (!belongs(item, count) || item->last - item->first < longest / 2) continue;
        if (!runs_at_end(item, lives)) continue;
        bool stack = !timeline->snapshot->has_stacks || item->stack != 0;
        bool best_stack = best && (!timeline->snapshot->has_stacks || best->stack != 0);
        double live = item->live_before / item->count;
        if (!best || (stack && !best_stack) ||
            (stack == best_stack && live < best->live_before / best->count))
            best = item;
    }
    return best;
}

typedef struct count_share {
    uint32_t count;
    size_t classes;
    size_t score; // classes that come so often, or a whole multiple of it
} count_share;

static int by_score(const void *left, const void *right) {
    const count_share *a = left, *b = right;
    if (a->score != b->score) return a->score < b->score ? 1 : -1;
    return (a->count < b->count) - (a->count > b->count);
}

static int by_count(const void *left, const void *right) {
    const count_share *a = left, *b = right;
    return (a->count > b->count) - (a->count < b->count);
}

// Whether what came |many| times came equally often in each of |count| iterations, the last of
// which may not be over.
static bool fits_count(uint32_t many, uint32_t count) {
    uint32_t each = (uint32_t)(((uint64_t)many + count / 2) / count);
    uint32_t off = many > each * count ? many - each * count : each * count - many;
    return each > 0 && off <= (each < count / 4 ? each : count / 4);
}

// Counts that classes share, the one that explains most classes first. Where some have stacks,
// sizes tell little: they change with the batch, and tensors of one size have nothing else in
// common.
static snug_status count_shares(const class_list *list, count_share **out, size_t *count) {
    size_t stacks = 0;
    for (size_t i = 0; i < list->count; i++)
        stacks += list->items[i].count >= 2 && list->items[i].stack != 0;
    SNUG_TRY(SNUG_NEW(out, list->count));
    *count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].count >= 2 && (stacks < 3 || list->items[i].stack != 0))
            (*out)[(*count)++] = (count_share){.count = list->items[i].count, .classes = 1};
    if (*count == 0) return SNUG_OK;
    qsort(*out, *count, sizeof **out, by_count);
    size_t kept = 0;
    for (size_t i = 1; i < *count; i++) {
        if ((*out)[i].count == (*out)[kept].count)
            (*out)[kept].classes++;
        else
            (*out)[++kept] = (*out)[i];
    }
    *count = kept + 1;
    for (size_t i = 0; i < *count; i++)
        for (size_t j = 0; j < *count; j++)
            if (fits_count((*out)[j].count, (*out)[i].count)) (*out)[i].score += (*out)[j].classes;
    qsort(*out, *count, sizeof **out, by_score);
    return SNUG_OK;
}

enum { MOST_TRIED = 16 };

static snug_status choose_anchor(const snug_timeline *timeline, const snug_stack_about *stacks,
                                 const class_list *list, const life_class **out) {
    count_share *shares = NULL;
    size_t count = 0, made = 0;
    *out = NULL;
    snug_status status = count_shares(list, &shares, &count);
    for (size_t i = timeline->before_count; i < timeline->life_count; i++)
        if (timeline->lives[i].birth <= timeline->at) made = i + 1;
    for (size_t i = 0; status == SNUG_OK && i < count && i < MOST_TRIED && !*out; i++) {
        if (is_inside_pass(timeline->snapshot, stacks, list, shares[i].count)) continue;
        // Two classes that happen to come as often are no loop, unless they are all there is.
        if (shares[i].score < 2 && list->count > 4) continue;
        *out = find_anchor(timeline, list, shares[i].count, made);
    }
    snug_memory_free(shares);
    return status;
}

// Of starts right behind each other, as one line makes that runs several times, the first counts.
static void join_bursts(snug_iterations *out) {
    if (out->count < 2) return;
    uint32_t gap = (out->starts[out->count - 1] - out->starts[0]) / (uint32_t)(out->count - 1);
    size_t kept = 1;
    for (size_t i = 1; i < out->count; i++)
        if (out->starts[i] - out->starts[kept - 1] >= gap / 4) out->starts[kept++] = out->starts[i];
    out->count = kept;
}

static snug_status fill_starts(const snug_timeline *timeline, const class_list *list,
                               const life_class *anchor, snug_iterations *out) {
    uint32_t class = (uint32_t)(anchor - list->items);
    SNUG_TRY(SNUG_NEW(&out->starts, (size_t)anchor->count));
    SNUG_TRY(SNUG_NEW(&out->live, (size_t)anchor->count));
    SNUG_TRY(SNUG_NEW(&out->rests, (size_t)anchor->count));
    SNUG_TRY(SNUG_NEW(&out->peaks, (size_t)anchor->count));
    for (size_t i = anchor->first; i <= anchor->last; i++)
        if (list->of[i] == class && out->count < anchor->count)
            out->starts[out->count++] = timeline->lives[i].birth;
    join_bursts(out);
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
            out->rests[current] = p;
        }
        if (current == out->count) continue;
        if (live[p] < out->live[current]) {
            out->live[current] = live[p];
            out->rests[current] = p;
        }
        if (p < timeline->at && live[p + 1] > out->peaks[current])
            out->peaks[current] = live[p + 1];
    }
}

static int compare_numbers(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

enum { MOST_POINTS = 100 };

// Theil and Sen's slope: the median over all pairs, which single iterations do not disturb.
static double median_slope(const uint64_t *values, size_t first, size_t count) {
    double slopes[MOST_POINTS * (MOST_POINTS - 1) / 2 + MOST_POINTS];
    size_t points = count - first, step = (points + MOST_POINTS - 1) / MOST_POINTS, found = 0;
    if (points < 2) return 0;
    for (size_t i = first; i < count; i += step)
        for (size_t j = i + step; j < count; j += step)
            slopes[found++] = ((double)values[j] - (double)values[i]) / (double)(j - i);
    qsort(slopes, found, sizeof *slopes, compare_numbers);
    return found ? slopes[found / 2] : 0;
}

// The first iterations make gradients and optimizer state, which is no growth; nor is what an
// attempt leaves that failed.
static void find_growth(const snug_timeline *timeline, snug_iterations *out) {
    size_t end = out->count; // the last one has not come to its rest
    if (end > 0) end--;
    while (end > 0 && out->starts[end - 1] > timeline->first_oom)
        end--;
    out->settled = end >= 5 ? 2 : end >= 4 ? 1 : 0;
    if (end < out->settled + 3) {
        out->settled = out->count;
        return;
    }
    out->periods = end - out->settled - 1;
    size_t falling = 0;
    double slope = median_slope(out->live, out->settled, end), least = slope / 16;
    for (size_t i = out->settled; i + 1 < end; i++) {
        double change = (double)out->live[i + 1] - (double)out->live[i];
        out->growing += change > least;
        falling += change < -least;
    }
    double gained = (double)out->live[end - 1] - (double)out->live[out->settled];
    if (slope >= 256 && gained > 0 && out->growing >= 2 * falling) out->growth = slope;
}

static void compare_last(const snug_timeline *timeline, const snug_stack_about *stacks,
                         class_list *list, snug_iterations *out) {
    double before = 0, last = 0, forward = 0;
    if (out->count < 3) return;
    uint32_t first = out->starts[out->count > 3 ? 1 : 0], end = out->starts[out->count - 1];
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        snug_place place = (snug_place)stacks[life->stack].place;
        bool forwards = place == SNUG_PLACE_FORWARD || place == SNUG_PLACE_EVALUATE;
        if (life->birth > timeline->at || life->birth < first || list->of[i] == NO_CLASS) continue;
        life_class *item = &list->items[list->of[i]];
        if (life->birth >= end) {
            if (life->size > item->most_last) item->most_last = life->size;
            continue;
        }
        if (life->size > item->most_before) item->most_before = life->size;
        if (forwards && life->kind == SNUG_KIND_ACTIVATIONS) forward += (double)life->size;
    }
    for (size_t i = 0; i < list->count; i++) {
        const life_class *item = &list->items[i];
        snug_place place = (snug_place)stacks[item->stack].place;
        bool counts =
            place == SNUG_PLACE_FORWARD || place == SNUG_PLACE_EVALUATE || place == SNUG_PLACE_USER;
        if (!counts || item->most_before == 0 || item->most_last == 0) continue;
        before += (double)item->most_before;
        last += (double)item->most_last;
    }
    size_t whole = out->count - (out->count > 3 ? 2 : 1);
    out->forward_bytes = forward / (double)whole;
    if (before > 0) out->scale = last / before;
}

// Iterations among what is made from position |begin| on.
static snug_status find_from(const snug_timeline *timeline, const snug_stack_about *stacks,
                             uint32_t begin, snug_iterations *out) {
    class_list classes = {0};
    const life_class *anchor = NULL;
    *out = (snug_iterations){0};
    snug_status status = sort_into_classes(timeline, stacks, begin, &classes);
    if (status == SNUG_OK) {
        add_live(timeline, &classes);
        status = choose_anchor(timeline, stacks, &classes, &anchor);
    }
    if (status == SNUG_OK && anchor) status = fill_starts(timeline, &classes, anchor, out);
    if (status == SNUG_OK && anchor) {
        fill_live(timeline, out);
        find_growth(timeline, out);
        compare_last(timeline, stacks, &classes, out);
    }
    clear_classes(&classes);
    return status;
}

// Whether |tail|, found in the last of |iterations|, is a loop of its own that filled memory there.
static bool is_other_loop(const snug_timeline *timeline, const snug_iterations *iterations,
                          const snug_iterations *tail) {
    if (!tail->known || tail->count < 3 || tail->growth <= 0) return false;
    uint64_t begin = iterations->live[iterations->count - 1];
    double risen = (double)timeline->live - (double)begin;
    return tail->growth * (double)tail->count >= 0.5 * risen;
}

snug_status snug_iterations_find(const snug_timeline *timeline, const snug_stack_about *stacks,
                                 snug_iterations *out) {
    SNUG_TRY(find_from(timeline, stacks, 0, out));
    // Training may have ended, and an evaluation or the like have begun: its rounds lie in what
    // looks like a last iteration. Without stacks, the layers of a network look like rounds, too.
    if (!out->known || out->growth > 0 || !timeline->snapshot->has_stacks) return SNUG_OK;
    snug_iterations tail;
    snug_status status = find_from(timeline, stacks, out->starts[out->count - 1], &tail);
    if (status == SNUG_OK && is_other_loop(timeline, out, &tail)) {
        snug_iterations_clear(out);
        *out = tail;
        return SNUG_OK;
    }
    snug_iterations_clear(&tail);
    return status;
}

void snug_iterations_clear(snug_iterations *iterations) {
    snug_memory_free(iterations->starts);
    snug_memory_free(iterations->live);
    snug_memory_free(iterations->rests);
    snug_memory_free(iterations->peaks);
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
