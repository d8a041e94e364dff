// First fit (after Pisarchyk and Lee, "Efficient memory management for deep neural net inference",
// 2020): items are placed one by one, each into the lowest gap among those that live with it.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "plan/pack_problem.h"

typedef struct ranked {
    double key; // larger is placed earlier
    uint32_t item;
} ranked;

static int compare_ranked(const void *a, const void *b) {
    const ranked *first = a, *second = b;
    if (first->key != second->key) return first->key < second->key ? 1 : -1;
    return first->item < second->item ? -1 : 1;
}

static double key_size(const snug_pack_item *item) {
    return (double)item->size;
}

static double key_area(const snug_pack_item *item) {
    return (double)item->size * (double)(item->end - item->first);
}

static double key_length(const snug_pack_item *item) {
    return (double)(item->end - item->first);
}

static double key_start(const snug_pack_item *item) {
    return -(double)item->first;
}

static double key_end(const snug_pack_item *item) {
    return (double)item->end;
}

static double (*const keys[])(const snug_pack_item *) = {key_size, key_area, key_length, key_start,
                                                         key_end};
enum { ORDERS = sizeof keys / sizeof keys[0] };

// The placed items by their offsets, a column a property: the scan below is most of the time.
typedef struct shelf {
    size_t count;
    uint32_t *first, *end;
    size_t *bottom, *top;
} shelf;

// The lowest place for |item|.
static size_t lowest_gap(const shelf *self, const snug_pack_item *item) {
    size_t place = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->first[i] >= item->end || self->end[i] <= item->first) continue;
        if (self->bottom[i] >= place + item->size) break;
        if (self->top[i] > place) place = self->top[i];
    }
    return place;
}

static void insert(shelf *self, const snug_pack_item *item, size_t place) {
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->bottom[middle] < place)
            low = middle + 1;
        else
            high = middle;
    }
    size_t rest = self->count++ - low;
    memmove(self->first + low + 1, self->first + low, rest * sizeof *self->first);
    memmove(self->end + low + 1, self->end + low, rest * sizeof *self->end);
    memmove(self->bottom + low + 1, self->bottom + low, rest * sizeof *self->bottom);
    memmove(self->top + low + 1, self->top + low, rest * sizeof *self->top);
    self->first[low] = item->first;
    self->end[low] = item->end;
    self->bottom[low] = place;
    self->top[low] = place + item->size;
}

// Places the items in their order; stops where the peak would be no better than |best|.
static size_t place_all(const snug_pack_problem *problem, const ranked *ranks, size_t best,
                        shelf *self, size_t *offsets) {
    size_t peak = 0;
    self->count = 0;
    for (size_t i = 0; i < problem->count && peak < best; i++) {
        const snug_pack_item *item = &problem->items[ranks[i].item];
        size_t place = lowest_gap(self, item);
        insert(self, item, place);
        offsets[ranks[i].item] = place;
        if (place + item->bytes > peak) peak = place + item->bytes;
    }
    return peak;
}

snug_status snug_pack_first_fit(const snug_pack_problem *problem, size_t goal,
                                snug_pack_limit *limit, size_t *offsets, size_t *peak) {
    size_t count = problem->count, *tried = NULL;
    uint64_t cost = 1 + count * count / 2000;
    ranked *ranks = NULL;
    shelf placed = {0};
    snug_status status;
    SNUG_TRY_GOTO(SNUG_NEW(&ranks, count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&tried, count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&placed.first, count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&placed.end, count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&placed.bottom, count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&placed.top, count), done);
    for (int order = 0; order < ORDERS; order++) {
        if (*peak <= goal) break;
        if (order > 0 && snug_pack_limit_reached(limit)) break;
        for (size_t i = 0; i < count; i++)
            ranks[i] = (ranked){keys[order](&problem->items[i]), (uint32_t)i};
        qsort(ranks, count, sizeof *ranks, compare_ranked);
        size_t reached = place_all(problem, ranks, *peak, &placed, tried);
        limit->work -= limit->work < cost ? limit->work : cost;
        if (reached >= *peak) continue;
        *peak = reached;
        memcpy(offsets, tried, count * sizeof *offsets);
    }
done:
    snug_memory_free(ranks);
    snug_memory_free(tried);
    snug_memory_free(placed.first);
    snug_memory_free(placed.end);
    snug_memory_free(placed.bottom);
    snug_memory_free(placed.top);
    return status;
}
