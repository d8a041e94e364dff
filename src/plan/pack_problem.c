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
        if (!snug_size_add(sum, buffer->size, &sum) || !snug_size_add(sum, alignment - 1, &sum) ||
            sum > SIZE_MAX / 4)
            return snug_fail(SNUG_INVALID,
                             "packing: the sizes of the first %zu buffers add up to more than %zu "
                             "bytes, the most there can be",
                             i + 1, SIZE_MAX / 4);
    }
    return SNUG_OK;
}

// Walks through the events in time and gives each item its sections.
static void find_sections(snug_pack_problem *problem, const event *events) {
    uint32_t section = 0;
    bool after_beginning = false;
    for (size_t i = 0; i < 2 * problem->count; i++) {
        snug_pack_item *item = &problem->items[events[i].item];
        if (events[i].begins) {
            item->first = section;
        } else {
            section += after_beginning;
            item->end = section;
        }
        after_beginning = events[i].begins;
    }
    problem->sections = section;
}

// What begins less what ends at a section.
typedef struct tally {
    size_t bytes, size, begun, ended;
} tally;

// Counts what the problem's sections hold. Of the items of one section, all but the topmost take
// their rounded sizes.
static snug_status measure(snug_pack_problem *problem) {
    tally *tallies = NULL, now = {0};
    SNUG_TRY(SNUG_NEW(&tallies, problem->sections + 1));
    for (size_t i = 0; i < problem->count; i++) {
        const snug_pack_item *item = &problem->items[i];
        tally *first = &tallies[item->first], *end = &tallies[item->end];
        first->bytes += item->bytes;
        first->size += item->size;
        first->begun++;
        end->bytes -= item->bytes;
        end->size -= item->size;
        end->ended++;
        problem->members += item->end - item->first;
    }
    size_t live = 0, pad = problem->alignment - 1;
    for (uint32_t s = 0; s < problem->sections; s++) {
        now.bytes += tallies[s].bytes;
        now.size += tallies[s].size;
        live -= tallies[s].ended;
        for (size_t i = 0; i < tallies[s].begun; i++)
            problem->pairs += live++;
        if (now.bytes > problem->bound) problem->bound = now.bytes;
        if (now.size > problem->bound + pad) problem->bound = now.size - pad;
    }
    snug_memory_free(tallies);
    return SNUG_OK;
}

static int compare_items(const void *a, const void *b) {
    const snug_pack_item *first = a, *second = b;
    if (first->first != second->first) return first->first < second->first ? -1 : 1;
    return first->index < second->index ? -1 : 1;
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
        out->items[item] =
            (snug_pack_item){.size = snug_size_align(buffers[i].size, out->alignment),
                             .bytes = buffers[i].size,
                             .index = i};
        events[2 * item] = (event){buffers[i].lower, true, item};
        events[2 * item + 1] = (event){buffers[i].upper, false, item};
    }
    if (out->count) {
        qsort(events, 2 * out->count, sizeof *events, compare_events);
        find_sections(out, events);
        qsort(out->items, out->count, sizeof *out->items, compare_items);
    }
    snug_memory_free(events);
    return measure(out);
}

snug_status snug_pack_problem_next_part(const snug_pack_problem *problem, size_t begin,
                                        snug_pack_problem *out) {
    *out = (snug_pack_problem){.items = problem->items + begin, .alignment = problem->alignment};
    uint32_t start = out->items[0].first, end = out->items[0].end;
    for (; begin + out->count < problem->count; out->count++) {
        snug_pack_item *item = &out->items[out->count];
        if (item->first >= end) break;
        if (item->end > end) end = item->end;
        item->first -= start;
        item->end -= start;
    }
    out->sections = end - start;
    return measure(out);
}

void snug_pack_problem_clear(snug_pack_problem *problem) {
    snug_memory_free(problem->items);
    *problem = (snug_pack_problem){0};
}

size_t snug_pack_peak(const snug_pack_problem *problem, const size_t *offsets) {
    size_t peak = 0;
    for (size_t i = 0; i < problem->count; i++) {
        size_t end = offsets[i] + problem->items[i].bytes;
        if (end > peak) peak = end;
    }
    return peak;
}
