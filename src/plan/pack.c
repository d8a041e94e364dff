// Greedy packing (after Pisarchyk and Lee, "Efficient memory management for deep neural net
// inference", 2020): buffers are placed one by one, each into the lowest gap among those that live
// with it. Several orders are tried; the smallest arena wins, and a packing that meets the lower
// bound ends the search.
#include "plan/pack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"

typedef struct item {
    const snug_buffer *buffer;
    size_t index;
    double key; // larger is placed earlier
} item;

typedef struct span {
    size_t begin, end;
} span;

static double key_size(const snug_buffer *buffer) {
    return (double)buffer->size;
}

static double key_area(const snug_buffer *buffer) {
    return (double)buffer->size * (double)(buffer->upper - buffer->lower);
}

static double key_length(const snug_buffer *buffer) {
    return (double)(buffer->upper - buffer->lower);
}

static double key_start(const snug_buffer *buffer) {
    return -(double)buffer->lower;
}

static double key_end(const snug_buffer *buffer) {
    return (double)buffer->upper;
}

static double (*const keys[])(const snug_buffer *) = {key_size, key_length, key_area, key_start,
                                                      key_end};
enum { ORDERS = sizeof keys / sizeof keys[0] };

static int compare_items(const void *a, const void *b) {
    const item *first = a, *second = b;
    if (first->key != second->key) return first->key < second->key ? 1 : -1;
    if (first->buffer->size != second->buffer->size)
        return first->buffer->size < second->buffer->size ? 1 : -1;
    return first->index < second->index ? -1 : 1;
}

static int compare_spans(const void *a, const void *b) {
    const span *first = a, *second = b;
    if (first->begin != second->begin) return first->begin < second->begin ? -1 : 1;
    return 0;
}

static bool together(const snug_buffer *a, const snug_buffer *b) {
    return a->lower < b->upper && b->lower < a->upper;
}

// The lowest place for |size| bytes among |count| sorted occupied spans.
static size_t lowest_gap(const span *spans, size_t count, size_t size, size_t alignment) {
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].begin >= place && spans[i].begin - place >= size) return place;
        size_t end = snug_size_align(spans[i].end, alignment);
        if (end > place) place = end;
    }
    return place;
}

// Places the items in their order; |offsets| is by buffer. Returns the arena's bytes.
static size_t place_all(const item *items, size_t count, size_t alignment, span *spans,
                        size_t *offsets) {
    size_t peak = 0;
    for (size_t i = 0; i < count; i++) {
        const snug_buffer *buffer = items[i].buffer;
        size_t used = 0;
        for (size_t j = 0; j < i; j++) {
            const snug_buffer *placed = items[j].buffer;
            if (placed->size == 0 || !together(buffer, placed)) continue;
            size_t begin = offsets[items[j].index];
            spans[used++] = (span){begin, begin + placed->size};
        }
        if (used) qsort(spans, used, sizeof *spans, compare_spans);
        size_t place = lowest_gap(spans, used, buffer->size, alignment);
        offsets[items[i].index] = place;
        if (place + buffer->size > peak) peak = place + buffer->size;
    }
    return peak;
}

enum { ALL_ORDERS = 7 }; // buffers: 5,040 orders

// The next order of |items| by index (Knuth's algorithm L); false after the last.
static bool next_order(item *items, size_t count) {
    size_t i = count - 1;
    while (i > 0 && items[i - 1].index >= items[i].index)
        i--;
    if (i == 0) return false;
    size_t j = count - 1;
    while (items[j].index <= items[i - 1].index)
        j--;
    item kept = items[i - 1];
    items[i - 1] = items[j];
    items[j] = kept;
    for (j = count - 1; i < j; i++, j--) {
        kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
    return true;
}

// Keeps the packing in |offsets| when it is the smallest so far.
static void keep_best(snug_buffer *buffers, size_t count, const size_t *offsets, size_t peak,
                      size_t *best) {
    if (peak >= *best) return;
    *best = peak;
    for (size_t i = 0; i < count; i++)
        buffers[i].offset = offsets[i];
}

snug_status snug_pack(snug_buffer *buffers, size_t count, const snug_pack_options *options,
                      size_t *out_peak) {
    *out_peak = 0;
    size_t alignment = options->alignment ? options->alignment : 1, bound;
    item *items = NULL;
    span *spans = NULL;
    size_t *offsets = NULL, best = SIZE_MAX;
    snug_status status;
    SNUG_TRY_GOTO(snug_pack_lower_bound(buffers, count, &bound), done);
    SNUG_TRY_GOTO(SNUG_NEW(&items, count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&spans, count), done);
    SNUG_TRY_GOTO(SNUG_NEW(&offsets, count), done);
    for (int order = 0; order < ORDERS && best > bound; order++) {
        for (size_t i = 0; i < count; i++)
            items[i] = (item){&buffers[i], i, keys[order](&buffers[i])};
        if (count) qsort(items, count, sizeof *items, compare_items);
        keep_best(buffers, count, offsets, place_all(items, count, alignment, spans, offsets),
                  &best);
    }
    if (best > bound && count > 0 && count <= ALL_ORDERS) {
        for (size_t i = 0; i < count; i++)
            items[i] = (item){&buffers[i], i, 0};
        do {
            keep_best(buffers, count, offsets, place_all(items, count, alignment, spans, offsets),
                      &best);
        } while (best > bound && next_order(items, count));
    }
    *out_peak = best;
done:
    snug_memory_free(items);
    snug_memory_free(spans);
    snug_memory_free(offsets);
    return status;
}

// A buffer's beginning or end.
typedef struct event {
    int64_t time;
    bool begins;
    size_t size;
} event;

// Ends come before beginnings of the same time: lifetimes are half-open.
static int compare_events(const void *a, const void *b) {
    const event *first = a, *second = b;
    if (first->time != second->time) return first->time < second->time ? -1 : 1;
    return (int)first->begins - (int)second->begins;
}

snug_status snug_pack_lower_bound(const snug_buffer *buffers, size_t count, size_t *out) {
    *out = 0;
    event *events = NULL;
    SNUG_TRY(SNUG_NEW(&events, 2 * count));
    for (size_t i = 0; i < count; i++) {
        events[2 * i] = (event){buffers[i].lower, true, buffers[i].size};
        events[2 * i + 1] = (event){buffers[i].upper, false, buffers[i].size};
    }
    if (count) qsort(events, 2 * count, sizeof *events, compare_events);
    size_t live = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        live = events[i].begins ? live + events[i].size : live - events[i].size;
        if (live > *out) *out = live;
    }
    snug_memory_free(events);
    return SNUG_OK;
}
