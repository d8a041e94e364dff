// What to try, and for how long: the greedy packings first, then the search for a better one.
// Parts of the time that no buffer connects are packed on their own.
#include "plan/pack.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "plan/pack_problem.h"

enum {
    SMALL = 10,               // buffers that are packed optimally
    GREEDY_WORK = 1000000,    // of all greedy orders together
    SEARCH_WORK = 2000000,    // unless the options say otherwise
    SEARCH_PAIRS = 1 << 24,   // larger parts are not searched: 128 MiB of overlaps
    SEARCH_MEMBERS = 1 << 25, // and 128 MiB of members
    PRECISION = 2000,         // a search for fewer bytes ends at a 2,000th
    HASTE = 4000,             // a quick packing this near to the bound is good enough
};

typedef struct part {
    snug_pack_problem problem;
    size_t *offsets; // by item
    size_t peak;
} part;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

bool snug_pack_limit_reached(const snug_pack_limit *limit) {
    return limit->work == 0 || (limit->deadline > 0 && now() > limit->deadline);
}

static snug_status split(const snug_pack_problem *problem, size_t *offsets, part **parts,
                         size_t *count) {
    size_t capacity = 0;
    for (size_t begin = 0; begin < problem->count; begin += (*parts)[*count - 1].problem.count) {
        SNUG_TRY(SNUG_GROW(parts, &capacity, *count + 1));
        part *next = &(*parts)[*count];
        next->offsets = offsets + begin;
        next->peak = SIZE_MAX;
        SNUG_TRY(snug_pack_problem_next_part(problem, begin, &next->problem));
        ++*count;
    }
    return SNUG_OK;
}

static snug_status pack_greedily(part *self, size_t goal, double deadline) {
    snug_pack_limit limit = {GREEDY_WORK, deadline};
    SNUG_TRY(snug_pack_first_fit(&self->problem, goal, &limit, self->offsets, &self->peak));
    if (self->peak <= goal) return SNUG_OK;
    limit.work = GREEDY_WORK;
    return snug_pack_skyline(&self->problem, goal, &limit, self->offsets, &self->peak);
}

// Searches for a packing of |target| bytes with a share of the limit: 1/|divisor|.
static snug_status attempt(part *self, size_t target, uint64_t divisor, snug_pack_limit *limit,
                           bool *found) {
    uint64_t work = (limit->work + divisor - 1) / divisor;
    snug_pack_limit share = {work, limit->deadline};
    bool restarts = self->problem.count > SMALL;
    snug_pack_answer answer;
    SNUG_TRY(snug_pack_search(&self->problem, target, restarts, &share, self->offsets, &answer));
    limit->work -= work - share.work;
    *found = answer == SNUG_PACK_FOUND;
    if (*found) self->peak = snug_pack_peak(&self->problem, self->offsets);
    return SNUG_OK;
}

static bool can_search(const part *self) {
    return self->problem.pairs <= SEARCH_PAIRS && self->problem.members <= SEARCH_MEMBERS;
}

// Brings the part's peak to |goal| bytes if it can.
static snug_status reach(part *self, size_t goal, snug_pack_limit *limit) {
    bool found;
    if (!can_search(self) || goal < self->problem.bound) return SNUG_OK;
    return attempt(self, goal, 1, limit, &found);
}

// Brings the part's peak as near to |goal| as the limit lets: first at once, since a tight packing
// prunes most, then by halving the distance.
static snug_status approach(part *self, size_t goal, snug_pack_limit *limit) {
    bool small = self->problem.count <= SMALL, found;
    if (!can_search(self)) return SNUG_OK;
    size_t low = goal;
    SNUG_TRY(attempt(self, low, small ? 1 : 2, limit, &found));
    if (!found) low++;
    size_t precision = small ? 0 : goal / PRECISION;
    while (self->peak > low && self->peak - low > precision && !snug_pack_limit_reached(limit)) {
        size_t target = low + (self->peak - low) / 2;
        SNUG_TRY(attempt(self, target, small ? 1 : 3, limit, &found));
        if (!found) low = target + 1;
    }
    return SNUG_OK;
}

static int compare_parts(const void *a, const void *b) {
    const part *first = a, *second = b;
    if (first->peak != second->peak) return first->peak < second->peak ? 1 : -1;
    return first->offsets < second->offsets ? -1 : 1;
}

// Searches where the greedy packing left more than |goal|. What the highest part needs, the others
// may take too.
static snug_status improve(part *parts, size_t count, size_t goal, const snug_pack_options *options,
                           double deadline) {
    uint64_t work = options->work ? options->work : SEARCH_WORK;
    if (deadline > 0 && !options->work) work = UINT64_MAX / 2;
    size_t high = 0;
    qsort(parts, count, sizeof *parts, compare_parts);
    while (high < count && parts[high].peak > goal)
        high++;
    for (size_t i = 0; i < high && parts[i].peak > goal; i++) {
        bool small = parts[i].problem.count <= SMALL;
        if (options->effort == SNUG_PACK_QUICK && !small) goal = parts[i].peak;
        snug_pack_limit limit = {small ? SEARCH_WORK : work / (high - i), deadline};
        uint64_t before = limit.work;
        if (parts[i].peak > goal)
            SNUG_TRY(options->capacity ? reach(&parts[i], goal, &limit)
                                       : approach(&parts[i], goal, &limit));
        if (!small) work -= before - limit.work;
        if (parts[i].peak > goal) goal = parts[i].peak;
    }
    return SNUG_OK;
}

static snug_status pack_parts(const snug_pack_problem *problem, const snug_pack_options *options,
                              size_t *offsets) {
    double deadline = options->seconds > 0 ? now() + options->seconds : 0;
    size_t count = 0, goal = options->capacity;
    part *parts = NULL;
    snug_status status;
    SNUG_TRY_GOTO(split(problem, offsets, &parts, &count), done);
    if (goal < problem->bound) goal = problem->bound;
    bool is_hasty = options->effort == SNUG_PACK_QUICK && !options->capacity;
    size_t near = is_hasty ? goal + goal / HASTE : goal;
    for (size_t i = 0; i < count; i++)
        SNUG_TRY_GOTO(
            pack_greedily(&parts[i], parts[i].problem.count <= SMALL ? goal : near, deadline),
            done);
    if (count) status = improve(parts, count, goal, options, deadline);
done:
    snug_memory_free(parts);
    return status;
}

snug_status snug_pack(snug_buffer *buffers, size_t count, const snug_pack_options *options,
                      size_t *out_peak) {
    *out_peak = 0;
    snug_pack_problem problem;
    size_t *offsets = NULL;
    snug_status status;
    SNUG_TRY_GOTO(snug_pack_problem_make(buffers, count, options->alignment, &problem), done);
    SNUG_TRY_GOTO(SNUG_NEW(&offsets, problem.count), done);
    SNUG_TRY_GOTO(pack_parts(&problem, options, offsets), done);
    for (size_t i = 0; i < count; i++)
        buffers[i].offset = 0;
    for (size_t i = 0; i < problem.count; i++)
        buffers[problem.items[i].index].offset = offsets[i];
    *out_peak = snug_pack_peak(&problem, offsets);
    if (options->capacity && *out_peak > options->capacity)
        status = snug_fail(SNUG_NO_FIT,
                           "packing: no placement within %zu bytes was found; the best needs %zu, "
                           "and at least %zu are alive at one time",
                           options->capacity, *out_peak, problem.bound);
done:
    snug_memory_free(offsets);
    snug_pack_problem_clear(&problem);
    return status;
}

snug_status snug_pack_lower_bound(const snug_buffer *buffers, size_t count, size_t *out) {
    *out = 0;
    snug_pack_problem problem;
    snug_status status = snug_pack_problem_make(buffers, count, 1, &problem);
    if (status == SNUG_OK) *out = problem.bound;
    snug_pack_problem_clear(&problem);
    return status;
}
