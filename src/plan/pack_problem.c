#include "plan/pack_problem.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/size.h"

// A buffer's beginning or end.
typedef struct event {
    int64_t time;
    bool begins;
    size_t item;
} event;

// Ends come before beginnings of the same time: lifetimes are half-open.
static int compare_events(const void *a, const void *b) {
    const event *first = a, *second = b;
    if (first->time != second->time) return first->time < second->time ? -1 : 1;
    if (first->begins != second->begins) return first->begins ? 1 : -1;
    return first->item < second->item ? -1 : 1;
}

static snug_status check(const snug_buffer *buffers, size_t count, size_t alignment) {
    size_t sum = 0;
    if (alignment & (alignment - 1))
        return snug_fail(SNUG_INVALID, "packing: the alignment is %zu; it must be a power of two",
                         alignment);
    for (size_t i = 0; i < count; i++) {
        const snug_buffer *buffer = &buffers[i];
        if (buffer->lower >= buffer->upper)
            return snug_fail(SNUG_INVALID,
                             "packing: buffer %zu lives from %" PRId64 " to %" PRId64
                             "; its end must be after its beginning",
                             i, buffer->lower, buffer->upper);
        if (!snug_size_add(sum, buffer->size, &sum) || !snug_size_add(sum, alignment - 1, &sum))
            return snug_fail(SNUG_INVALID,
                             "packing: the sizes of the first %zu buffers add up to more than a "
                             "%zu-bit machine can address",
                             i + 1, 8 * sizeof(size_t));
    }
    return SNUG_OK;
}

// Walks through the events in time, gives each item its sections and the problem its bound.
static void find_sections(snug_pack_problem *problem, const event *events) {
    uint32_t section = 0;
    size_t load = 0;
    bool after_beginning = false;
    for (size_t i = 0; i < 2 * problem->count; i++) {
        snug_pack_item *item = &problem->items[events[i].item];
        if (events[i].begins) {
            item->first = section;
            load += item->bytes;
        } else {
            section += after_beginning;
            item->end = section;
            load -= item->bytes;
        }
        after_beginning = events[i].begins;
        if (load > problem->bound) problem->bound = load;
    }
    problem->sections = section;
}

snug_status snug_pack_problem_make(const snug_buffer *buffers, size_t count, size_t alignment,
                                   snug_pack_problem *out) {
    *out = (snug_pack_problem){.alignment = alignment ? alignment : 1};
    SNUG_TRY(check(buffers, count, out->alignment));
    SNUG_TRY(SNUG_NEW(&out->items, count));
    event *events = NULL;
    SNUG_TRY(SNUG_NEW(&events, 2 * count));
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].size == 0) continue;
        size_t item = out->count++;
        out->items[item] = (snug_pack_item){.size = snug_size_align(buffers[i].size, out->alignment),
                                            .bytes = buffers[i].size,
                                            .index = i};
        events[2 * item] = (event){buffers[i].lower, true, item};
        events[2 * item + 1] = (event){buffers[i].upper, false, item};
    }
    if (out->count) qsort(events, 2 * out->count, sizeof *events, compare_events);
    find_sections(out, events);
    snug_memory_free(events);
    return SNUG_OK;
}

void snug_pack_problem_clear(snug_pack_problem *problem) {
    snug_memory_free(problem->items);
    *problem = (snug_pack_problem){0};
}

size_t snug_pack_peak(const snug_pack_problem *problem, const size_t *offsets) {
    size_t peak = 0;
    for (size_t i = 0; i < problem->count; i++)
        if (offsets[i] + problem->items[i].bytes > peak) peak = offsets[i] + problem->items[i].bytes;
    return peak;
}
