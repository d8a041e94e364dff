// Greedy packing from the bottom up (after Burke, Kendall and Whitwell's best fit for strip
// packing, 2004): the section with the lowest floor gets the first item in an order that fits
// between the higher floors beside it; where none does, its floor rises to theirs. Of sections with
// equal floors, the one with the most bytes still to be placed is served first, since it decides
// the peak.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "plan/pack_problem.h"

enum {
    MEMBERS = 1 << 25, // larger problems are left to first fit: 128 MiB of members
    ORDERS = 24,
    STEPS = 500, // per unit of the limit's work
};

// The lists of a section's items, and a tournament of the sections for the one to be served next.
typedef struct skyline {
    const snug_pack_problem *problem;
    size_t *floor;  // by section; SIZE_MAX: nothing more to be placed
    size_t *demand; // bytes still to be placed
    uint32_t *failures;
    uint32_t *members, *member_begin, *member_end;
    uint32_t *winners; // node n's children are 2n and 2n + 1; leaves begin at |leaves|
    uint32_t leaves;
    bool *placed; // by item
    size_t *offsets;
    uint64_t steps;
} skyline;

typedef struct ranked {
    double key; // larger is tried earlier
    uint32_t item;
} ranked;

static int compare_ranked(const void *a, const void *b) {
    const ranked *first = a, *second = b;
    if (first->key != second->key) return first->key < second->key ? 1 : -1;
    return first->item < second->item ? -1 : 1;
}

static bool serves_before(const skyline *self, uint32_t a, uint32_t b) {
    if (b >= self->problem->sections) return true;
    if (a >= self->problem->sections) return false;
    if (self->floor[a] != self->floor[b]) return self->floor[a] < self->floor[b];
    if (self->failures[a] != self->failures[b]) return self->failures[a] > self->failures[b];
    if (self->demand[a] != self->demand[b]) return self->demand[a] > self->demand[b];
    return a < b;
}

// Plays the matches of sections |first| up to |end| again.
static void replay(skyline *self, uint32_t first, uint32_t end) {
    uint32_t low = self->leaves + first, high = self->leaves + end - 1;
    while (low > 1) {
        low /= 2;
        high /= 2;
        for (uint32_t n = low; n <= high; n++) {
            uint32_t a = self->winners[2 * n], b = self->winners[2 * n + 1];
            self->winners[n] = serves_before(self, a, b) ? a : b;
        }
        self->steps += high - low + 1;
    }
}

static void list_members(skyline *self, const ranked *ranks) {
    const snug_pack_problem *problem = self->problem;
    uint32_t next = 0;
    memset(self->member_end, 0, problem->sections * sizeof *self->member_end);
    memset(self->demand, 0, problem->sections * sizeof *self->demand);
    for (size_t i = 0; i < problem->count; i++)
        for (uint32_t s = problem->items[i].first; s < problem->items[i].end; s++) {
            self->member_end[s]++;
            self->demand[s] += problem->items[i].size;
        }
    for (uint32_t s = 0; s < problem->sections; s++) {
        self->member_begin[s] = next;
        next += self->member_end[s];
        self->member_end[s] = self->member_begin[s];
    }
    for (size_t i = 0; i < problem->count; i++) {
        const snug_pack_item *item = &problem->items[ranks[i].item];
        for (uint32_t s = item->first; s < item->end; s++)
            self->members[self->member_end[s]++] = ranks[i].item;
    }
    self->steps += 4 * problem->members;
}

// The first item of the section's list that lives within sections |first| to |end|; UINT32_MAX:
// none. The list loses the placed items that were passed: the others move up to its end.
static uint32_t find_item(skyline *self, uint32_t section, uint32_t first, uint32_t end) {
    uint32_t *begin = &self->member_begin[section], *items = self->members;
    uint32_t last = self->member_end[section];
    uint32_t at = *begin, found = UINT32_MAX;
    for (; at < last; at++) {
        if (self->placed[items[at]]) continue;
        const snug_pack_item *item = &self->problem->items[items[at]];
        if (item->first < first || item->end > end) continue;
        found = items[at];
        break;
    }
    self->steps += 2 * (at - *begin);
    uint32_t kept = at;
    for (uint32_t i = at; i > *begin; i--)
        if (!self->placed[items[i - 1]]) items[--kept] = items[i - 1];
    *begin = kept;
    return found;
}

static size_t place(skyline *self, uint32_t index, size_t level) {
    const snug_pack_item *item = &self->problem->items[index];
    self->placed[index] = true;
    self->offsets[index] = level;
    for (uint32_t s = item->first; s < item->end; s++) {
        self->demand[s] -= item->size;
        self->floor[s] = self->demand[s] ? level + item->size : SIZE_MAX;
    }
    replay(self, item->first, item->end);
    return level + item->bytes;
}

// Places all items in the order of |ranks|; stops where the peak would be no lower than |best|.
static size_t pack_in_order(skyline *self, const ranked *ranks, size_t goal, size_t best) {
    uint32_t sections = self->problem->sections;
    size_t peak = 0, pad = self->problem->alignment - 1;
    list_members(self, ranks);
    memset(self->floor, 0, sections * sizeof *self->floor);
    memset(self->placed, 0, self->problem->count * sizeof *self->placed);
    for (uint32_t s = 0; s < self->leaves; s++)
        self->winners[self->leaves + s] = s;
    replay(self, 0, self->leaves);
    for (size_t left = self->problem->count; left > 0;) {
        uint32_t section = self->winners[1], first = section, end = section + 1;
        size_t level = self->floor[section], wall = SIZE_MAX;
        while (first > 0 && self->floor[first - 1] <= level)
            first--;
        while (end < sections && self->floor[end] <= level)
            end++;
        self->steps += end - first;
        uint32_t item = find_item(self, section, first, end);
        if (item != UINT32_MAX) {
            size_t top = place(self, item, level);
            if (top > peak) peak = top;
            left--;
            continue;
        }
        if (first > 0) wall = self->floor[first - 1];
        if (end < sections && self->floor[end] < wall) wall = self->floor[end];
        self->floor[section] = wall;
        if (wall + self->demand[section] > goal) self->failures[section]++;
        if (wall + self->demand[section] - pad >= best) return SIZE_MAX;
        replay(self, section, section + 1);
    }
    return peak;
}

// Each order weighs lifetime against size differently; later ones add noise.
static void draw_ranks(const snug_pack_problem *problem, int order, ranked *ranks) {
    static const double weights[] = {1, 0.75, 0.5, 0.25};
    enum { WEIGHTS = sizeof weights / sizeof *weights };
    double weight = weights[order % WEIGHTS];
    for (uint32_t i = 0; i < problem->count; i++) {
        const snug_pack_item *item = &problem->items[i];
        double noise = snug_random_uniform(snug_random_at((uint64_t)order, i, 0).words[0]);
        ranks[i].key = weight * log(item->end - item->first) +
                       (1 - weight) * log((double)item->size) + (order < WEIGHTS ? 0 : noise);
        ranks[i].item = i;
    }
    qsort(ranks, problem->count, sizeof *ranks, compare_ranked);
}

static snug_status allocate(skyline *self) {
    uint32_t sections = self->problem->sections;
    for (self->leaves = 1; self->leaves < sections;)
        self->leaves *= 2;
    SNUG_TRY(SNUG_NEW(&self->floor, sections));
    SNUG_TRY(SNUG_NEW(&self->demand, sections));
    SNUG_TRY(SNUG_NEW(&self->failures, sections));
    SNUG_TRY(SNUG_NEW(&self->members, self->problem->members));
    SNUG_TRY(SNUG_NEW(&self->member_begin, sections));
    SNUG_TRY(SNUG_NEW(&self->member_end, sections));
    SNUG_TRY(SNUG_NEW(&self->winners, 2 * (size_t)self->leaves));
    SNUG_TRY(SNUG_NEW(&self->placed, self->problem->count));
    return SNUG_NEW(&self->offsets, self->problem->count);
}

static void release(skyline *self) {
    void *const memory[] = {self->floor,        self->demand,     self->failures,
                            self->members,      self->member_end, self->winners,
                            self->member_begin, self->placed,     self->offsets};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        snug_memory_free(memory[i]);
}

snug_status snug_pack_skyline(const snug_pack_problem *problem, size_t goal, snug_pack_limit *limit,
                              size_t *offsets, size_t *peak) {
    if (problem->members > MEMBERS) return SNUG_OK;
    skyline self = {.problem = problem};
    ranked *ranks = NULL;
    snug_status status;
    SNUG_TRY_GOTO(allocate(&self), done);
    SNUG_TRY_GOTO(SNUG_NEW(&ranks, problem->count), done);
    for (int order = 0; order < ORDERS; order++) {
        if (*peak <= goal) break;
        if (order > 0 && snug_pack_limit_reached(limit)) break;
        self.steps = problem->count;
        draw_ranks(problem, order, ranks);
        size_t reached = pack_in_order(&self, ranks, goal, *peak);
        uint64_t work = self.steps / STEPS + 1;
        limit->work -= limit->work < work ? limit->work : work;
        if (reached >= *peak) continue;
        *peak = reached;
        memcpy(offsets, self.offsets, problem->count * sizeof *offsets);
    }
done:
    release(&self);
    snug_memory_free(ranks);
    return status;
}
