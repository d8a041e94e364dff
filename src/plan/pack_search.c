// Search for a packing within a capacity: depth first, from the bottom up, with inference by
// section (ideas of Moffitt, "MiniMalloc: a lightweight memory allocator for hardware-accelerated
// machine learning", ASPLOS 2023).
//
// Each section has a floor: what is still to be placed there lies above it. A node takes a section
// with the lowest floor and tries each item that can stand on it; or none, and the floor rises. It
// is enough to look at packings in which no item can be moved to a lower place; there each item
// stands at zero or on another, and what it stands on is placed before it. A branch is left when
// a section's floor and the sizes still to be placed there exceed the capacity.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "plan/pack_problem.h"

enum {
    STEPS = 1000,      // per unit of the limit's work
    CLOCK_NODES = 256, // between two looks at the clock
    RUN_NODES = 300,   // of the first run
    RUN_GROWTH = 30,   // nodes by which each run is longer than the one before
};

typedef struct change {
    size_t *where, before;
} change;

typedef struct search {
    const snug_pack_problem *problem;
    size_t capacity;
    snug_pack_limit *limit;
    uint64_t nodes;   // left before the next restart
    uint64_t steps;   // left of the limit's work
    unsigned ticking; // nodes since the clock was read
    // By section.
    size_t *floor;  // nothing more is placed below
    size_t *demand; // bytes still to be placed
    uint32_t *members, *member_begin;
    uint32_t *failures; // found there since the search began
    // By item.
    size_t *lowest; // no place below is possible
    size_t *base;   // highest end of the placed items that live with it
    size_t *placed; // 0 or 1
    size_t *offset;
    uint32_t *overlaps, *overlap_begin;
    uint32_t *twin; // an item alike that must be placed before; itself: none
    size_t left;    // items to place
    // What to undo.
    change *trail;
    size_t trail_count, trail_capacity;
    bool no_memory;
    // Sections whose floor may have to rise.
    uint32_t *dirty;
    bool *is_dirty;
    size_t dirty_count;
} search;

static void set(search *self, size_t *where, size_t value) {
    if (self->trail_count == self->trail_capacity &&
        SNUG_GROW(&self->trail, &self->trail_capacity, self->trail_count + 1) != SNUG_OK) {
        self->no_memory = true;
        return;
    }
    self->trail[self->trail_count++] = (change){where, *where};
    *where = value;
}

static void undo(search *self, size_t mark) {
    while (self->trail_count > mark) {
        change *last = &self->trail[--self->trail_count];
        *last->where = last->before;
    }
}

static void spend(search *self, uint64_t steps) {
    self->steps -= self->steps < steps ? self->steps : steps;
}

static void touch(search *self, uint32_t item) {
    for (uint32_t s = self->problem->items[item].first; s < self->problem->items[item].end; s++) {
        if (self->is_dirty[s]) continue;
        self->is_dirty[s] = true;
        self->dirty[self->dirty_count++] = s;
    }
}

// The item lies no lower than |place|; false when it then ends above the capacity.
static bool raise_item(search *self, uint32_t item, size_t place) {
    if (place <= self->lowest[item]) return true;
    if (place > self->capacity || self->problem->items[item].bytes > self->capacity - place)
        return false;
    set(self, &self->lowest[item], place);
    touch(self, item);
    return true;
}

// Whether the section has room for what is to be placed there. The topmost item takes no more than
// its own bytes, so the sum may go beyond the capacity by less than the alignment.
static bool fits(search *self, uint32_t section) {
    if (self->demand[section] == 0) return true;
    size_t capacity = self->capacity + self->problem->alignment - 1;
    if (self->floor[section] + self->demand[section] <= capacity) return true;
    self->failures[section]++;
    return false;
}

// Raises the floors of the dirty sections to the lowest place of an item there.
static bool settle(search *self) {
    bool good = true;
    while (self->dirty_count > 0) {
        uint32_t s = self->dirty[--self->dirty_count];
        self->is_dirty[s] = false;
        if (!good || self->demand[s] == 0) continue;
        size_t lowest = SIZE_MAX;
        for (uint32_t m = self->member_begin[s]; m < self->member_begin[s + 1]; m++) {
            uint32_t item = self->members[m];
            if (!self->placed[item] && self->lowest[item] < lowest) lowest = self->lowest[item];
        }
        spend(self, self->member_begin[s + 1] - self->member_begin[s]);
        if (lowest > self->floor[s]) set(self, &self->floor[s], lowest);
        good = fits(self, s);
    }
    return good;
}

static bool place(search *self, uint32_t item) {
    const snug_pack_item *it = &self->problem->items[item];
    size_t end = self->lowest[item] + it->size;
    set(self, &self->placed[item], 1);
    self->offset[item] = self->lowest[item];
    bool good = true;
    touch(self, item);
    for (uint32_t s = it->first; s < it->end; s++) {
        set(self, &self->demand[s], self->demand[s] - it->size);
        set(self, &self->floor[s], end);
        if (!fits(self, s)) good = false;
    }
    for (uint32_t o = self->overlap_begin[item]; o < self->overlap_begin[item + 1] && good; o++) {
        uint32_t other = self->overlaps[o];
        if (self->placed[other]) continue;
        if (end > self->base[other]) set(self, &self->base[other], end);
        good = raise_item(self, other, end);
    }
    spend(self, self->overlap_begin[item + 1] - self->overlap_begin[item]);
    return settle(self) && good;
}

// The lowest end that an item still to be placed can have and |item| stand on.
static size_t next_support(const search *self, uint32_t item) {
    size_t next = SIZE_MAX;
    for (uint32_t o = self->overlap_begin[item]; o < self->overlap_begin[item + 1]; o++) {
        uint32_t other = self->overlaps[o];
        if (self->placed[other]) continue;
        size_t end = self->lowest[other] + self->problem->items[other].size;
        if (end < next) next = end;
    }
    return next;
}

// No item stands on the section's floor.
static bool raise_floor(search *self, uint32_t section) {
    size_t level = self->floor[section];
    bool good = true;
    for (uint32_t m = self->member_begin[section]; m < self->member_begin[section + 1] && good;
         m++) {
        uint32_t item = self->members[m];
        if (self->placed[item] || self->lowest[item] > level) continue;
        good = raise_item(self, item, next_support(self, item));
    }
    return settle(self) && good;
}

// The section with the lowest floor; of several, where most branches failed, and then the one with
// the least room to spare.
static uint32_t choose_section(const search *self) {
    uint32_t chosen = 0, failures = 0;
    size_t floor = SIZE_MAX, demand = 0;
    for (uint32_t s = 0; s < self->problem->sections; s++) {
        if (self->demand[s] == 0 || self->floor[s] > floor) continue;
        if (self->floor[s] == floor &&
            (self->failures[s] < failures ||
             (self->failures[s] == failures && self->demand[s] <= demand)))
            continue;
        chosen = s;
        floor = self->floor[s];
        failures = self->failures[s];
        demand = self->demand[s];
    }
    return chosen;
}

// Whether an item would fit below everything still to be placed: it should have been put there.
static bool leaves_hole(const search *self, size_t level) {
    for (size_t i = 0; i < self->problem->count; i++)
        if (!self->placed[i] && self->base[i] + self->problem->items[i].size <= level) return true;
    return false;
}

static bool must_stop(search *self) {
    if (self->no_memory || self->nodes == 0 || self->steps == 0) return true;
    self->nodes--;
    spend(self, self->problem->sections + self->problem->count);
    if (++self->ticking < CLOCK_NODES) return false;
    self->ticking = 0;
    snug_pack_limit clock = {1, self->limit->deadline};
    if (snug_pack_limit_reached(&clock)) self->steps = 0;
    return self->steps == 0;
}

static snug_pack_answer descend(search *self) {
    if (self->left == 0) return SNUG_PACK_FOUND;
    if (must_stop(self)) return SNUG_PACK_UNKNOWN;
    uint32_t section = choose_section(self);
    size_t level = self->floor[section], mark = self->trail_count;
    if (leaves_hole(self, level)) return SNUG_PACK_IMPOSSIBLE;
    for (uint32_t m = self->member_begin[section]; m < self->member_begin[section + 1]; m++) {
        uint32_t item = self->members[m];
        if (self->placed[item] || self->lowest[item] != level || self->base[item] != level)
            continue;
        if (self->twin[item] != item && !self->placed[self->twin[item]]) continue;
        self->left--;
        snug_pack_answer answer = place(self, item) ? descend(self) : SNUG_PACK_IMPOSSIBLE;
        if (answer != SNUG_PACK_IMPOSSIBLE) return answer;
        self->left++;
        undo(self, mark);
    }
    snug_pack_answer answer = raise_floor(self, section) ? descend(self) : SNUG_PACK_IMPOSSIBLE;
    if (answer == SNUG_PACK_IMPOSSIBLE) undo(self, mark);
    return answer;
}

// The items are by their first section, so those that begin while one lives follow it at once.
static snug_status list_overlaps(search *self) {
    const snug_pack_problem *problem = self->problem;
    const snug_pack_item *items = problem->items;
    uint32_t *begin;
    SNUG_TRY(SNUG_NEW(&self->overlaps, 2 * problem->pairs));
    SNUG_TRY(SNUG_NEW(&self->overlap_begin, problem->count + 2));
    begin = self->overlap_begin + 1; // moves to the ends while the list is filled
    for (size_t i = 0; i < problem->count; i++)
        for (size_t j = i + 1; j < problem->count && items[j].first < items[i].end; j++) {
            begin[i + 1]++;
            begin[j + 1]++;
        }
    for (size_t i = 0; i < problem->count; i++)
        begin[i + 1] += begin[i];
    for (size_t i = 0; i < problem->count; i++)
        for (size_t j = i + 1; j < problem->count && items[j].first < items[i].end; j++) {
            self->overlaps[begin[i]++] = (uint32_t)j;
            self->overlaps[begin[j]++] = (uint32_t)i;
        }
    return SNUG_OK;
}

static snug_status allocate(search *self) {
    size_t items = self->problem->count, sections = self->problem->sections;
    SNUG_TRY(SNUG_NEW(&self->floor, sections));
    SNUG_TRY(SNUG_NEW(&self->demand, sections));
    SNUG_TRY(SNUG_NEW(&self->members, self->problem->members));
    SNUG_TRY(SNUG_NEW(&self->member_begin, sections + 2));
    SNUG_TRY(SNUG_NEW(&self->failures, sections));
    SNUG_TRY(SNUG_NEW(&self->lowest, items));
    SNUG_TRY(SNUG_NEW(&self->base, items));
    SNUG_TRY(SNUG_NEW(&self->placed, items));
    SNUG_TRY(SNUG_NEW(&self->offset, items));
    SNUG_TRY(SNUG_NEW(&self->twin, items));
    SNUG_TRY(SNUG_NEW(&self->dirty, sections));
    SNUG_TRY(SNUG_NEW(&self->is_dirty, sections));
    return list_overlaps(self);
}

static void release(search *self) {
    void *const memory[] = {self->floor,  self->demand,   self->members,       self->member_begin,
                            self->lowest, self->base,     self->placed,        self->offset,
                            self->twin,   self->overlaps, self->overlap_begin, self->failures,
                            self->trail,  self->dirty,    self->is_dirty};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        snug_memory_free(memory[i]);
}

typedef struct ranked {
    double key; // larger is tried earlier
    uint32_t item;
} ranked;

static int compare_ranked(const void *a, const void *b) {
    const ranked *first = a, *second = b;
    if (first->key != second->key) return first->key < second->key ? 1 : -1;
    return first->item < second->item ? -1 : 1;
}

// Lists the items of each section in the order of |ranks|.
static void fill_members(search *self, const ranked *ranks) {
    const snug_pack_problem *problem = self->problem;
    uint32_t *begin = self->member_begin + 1; // moves to the ends while the list is filled
    memset(self->member_begin, 0, (problem->sections + 2) * sizeof *begin);
    for (size_t i = 0; i < problem->count; i++)
        for (uint32_t s = problem->items[i].first; s < problem->items[i].end; s++)
            begin[s + 1]++;
    for (uint32_t s = 0; s < problem->sections; s++)
        begin[s + 1] += begin[s];
    for (size_t i = 0; i < problem->count; i++) {
        const snug_pack_item *item = &problem->items[ranks[i].item];
        for (uint32_t s = item->first; s < item->end; s++)
            self->members[begin[s]++] = ranks[i].item;
    }
}

static bool alike(const snug_pack_item *a, const snug_pack_item *b) {
    return a->first == b->first && a->end == b->end && a->bytes == b->bytes;
}

// Of items alike, each waits for the one before it in the section's list.
static void find_twins(search *self) {
    for (uint32_t i = 0; i < self->problem->count; i++) {
        const snug_pack_item *item = &self->problem->items[i];
        self->twin[i] = i;
        for (uint32_t m = self->member_begin[item->first]; self->members[m] != i; m++)
            if (alike(item, &self->problem->items[self->members[m]]))
                self->twin[i] = self->members[m];
    }
}

// Each attempt weighs lifetime against size anew, with some noise.
static void draw_ranks(const search *self, uint64_t attempt, ranked *ranks) {
    uint32_t word = snug_random_at(attempt, self->problem->count, 0).words[0];
    double weight = attempt == 0 ? 0.5 : snug_random_uniform(word);
    for (uint32_t i = 0; i < self->problem->count; i++) {
        const snug_pack_item *item = &self->problem->items[i];
        double noise = snug_random_uniform(snug_random_at(attempt, i, 0).words[1]);
        ranks[i].key = weight * log(item->end - item->first) +
                       (1 - weight) * log((double)item->size) + (attempt == 0 ? 0 : noise);
        ranks[i].item = i;
    }
    qsort(ranks, self->problem->count, sizeof *ranks, compare_ranked);
}

static snug_status begin(search *self, uint64_t attempt) {
    const snug_pack_problem *problem = self->problem;
    ranked *ranks = NULL;
    SNUG_TRY(SNUG_NEW(&ranks, problem->count));
    draw_ranks(self, attempt, ranks);
    fill_members(self, ranks);
    find_twins(self);
    snug_memory_free(ranks);
    self->left = problem->count;
    memset(self->floor, 0, problem->sections * sizeof *self->floor);
    memset(self->demand, 0, problem->sections * sizeof *self->demand);
    memset(self->lowest, 0, problem->count * sizeof *self->lowest);
    memset(self->base, 0, problem->count * sizeof *self->base);
    memset(self->placed, 0, problem->count * sizeof *self->placed);
    for (size_t i = 0; i < problem->count; i++)
        for (uint32_t s = problem->items[i].first; s < problem->items[i].end; s++)
            self->demand[s] += problem->items[i].size;
    spend(self, 4 * problem->members);
    return SNUG_OK;
}

// Runs of growing length: most packings are found soon or never.
static uint64_t run_nodes(const search *self, uint64_t attempt, bool restarts) {
    if (!restarts) return UINT64_MAX;
    return RUN_NODES + 2 * self->problem->count + attempt * RUN_GROWTH;
}

snug_status snug_pack_search(const snug_pack_problem *problem, size_t capacity, bool restarts,
                             snug_pack_limit *limit, size_t *offsets, snug_pack_answer *out) {
    *out = SNUG_PACK_UNKNOWN;
    uint64_t work = limit->work < UINT64_MAX / STEPS ? limit->work : UINT64_MAX / STEPS;
    search self = {.problem = problem, .capacity = capacity, .limit = limit, .steps = work * STEPS};
    snug_status status;
    SNUG_TRY_GOTO(allocate(&self), done);
    for (uint64_t attempt = 0; *out == SNUG_PACK_UNKNOWN && self.steps > 0; attempt++) {
        SNUG_TRY_GOTO(begin(&self, attempt), done);
        self.nodes = run_nodes(&self, attempt, restarts);
        *out = descend(&self);
        undo(&self, 0);
        if (self.no_memory) {
            status = snug_fail(SNUG_NOMEM, "packing: no memory for the search");
            goto done;
        }
    }
    limit->work -= work - self.steps / STEPS;
    if (*out == SNUG_PACK_FOUND) memcpy(offsets, self.offset, problem->count * sizeof *offsets);
done:
    release(&self);
    return status;
}
