// Where there are no stacks, allocations fall into classes by their size. In a loop, most classes
// come once an iteration: as often as each other. The count that most classes share is the number
// of iterations; the class before whose allocations the least is live begins them. Layers of a
// network repeat as well, so this tells less than stacks do.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "explain/trace/iterations.h"

typedef struct size_class {
    uint32_t count;
    uint32_t first, last; // indices of lives
    uint64_t size;
    double live_before; // sum over its allocations of what was live
} size_class;

typedef struct class_list {
    size_class *items;
    size_t count, capacity;
    uint32_t *of;    // the class of each life
    uint32_t *slots; // hash: index + 1
    size_t slot_count;
} class_list;

static void clear_classes(class_list *list) {
    snug_memory_free(list->items);
    snug_memory_free(list->of);
    snug_memory_free(list->slots);
}

// The slot of the class of |size|.
static uint32_t *slot_of(const class_list *list, uint64_t size) {
    size_t at = (size_t)(size * 0x9E3779B97F4A7C15u >> 32) & (list->slot_count - 1);
    while (list->slots[at] != 0 && list->items[list->slots[at] - 1].size != size)
        at = (at + 1) & (list->slot_count - 1);
    return &list->slots[at];
}

#define NO_CLASS UINT32_MAX

static snug_status sort_into_classes(const snug_timeline *timeline, class_list *list) {
    size_t made = timeline->life_count - timeline->before_count;
    list->slot_count = 64;
    while (list->slot_count < made * 2)
        list->slot_count *= 2;
    SNUG_TRY(SNUG_NEW(&list->of, timeline->life_count));
    SNUG_TRY(SNUG_NEW(&list->slots, list->slot_count));
    for (size_t i = timeline->before_count; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        list->of[i] = NO_CLASS;
        if (life->birth > timeline->at) break;
        uint32_t *slot = slot_of(list, life->size);
        if (*slot == 0) {
            SNUG_TRY(SNUG_GROW(&list->items, &list->capacity, list->count + 1));
            list->items[list->count++] = (size_class){.first = (uint32_t)i, .size = life->size};
            *slot = (uint32_t)list->count;
        }
        size_class *item = &list->items[*slot - 1];
        list->of[i] = *slot - 1;
        item->count++;
        item->last = (uint32_t)i;
        item->live_before += (double)timeline->live_before[life->birth];
    }
    return SNUG_OK;
}

static bool belongs(const size_class *item, uint32_t count) {
    return item->count == count || item->count == count + 1;
}

// Whether it still comes at the end: the last time is not longer ago than two and a half of its
// rounds.
static bool runs_at_end(const size_class *item, size_t lives) {
    double length = (double)(item->last - item->first) / (item->count - 1);
    return length > 0 && (double)(lives - item->last) <= 2.5 * length;
}

// The class that begins iterations, NULL where nothing repeats.
static const size_class *find_anchor(const class_list *list, uint32_t count, size_t lives) {
    const size_class *best = NULL;
    uint32_t longest = 0;
    for (size_t i = 0; i < list->count; i++) {
        const size_class *item = &list->items[i];
        if (belongs(item, count) && item->last - item->first > longest)
            longest = item->last - item->first;
    }
    for (size_t i = 0; i < list->count; i++) {
        const size_class *item = &list->items[i];
        // A short loop that runs once may happen to have as many rounds.
        if (!belongs(item, count) || item->last - item->first < longest / 2) continue;
        if (!runs_at_end(item, lives)) continue;
        double live = item->live_before / item->count;
        if (!best || live < best->live_before / best->count) best = item;
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

// Counts that classes share, the one that explains most classes first.
static snug_status count_shares(const class_list *list, count_share **out, size_t *count) {
    SNUG_TRY(SNUG_NEW(out, list->count));
    *count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].count >= 2)
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

static snug_status choose_anchor(const snug_timeline *timeline, const class_list *list,
                                 const size_class **out) {
    count_share *shares = NULL;
    size_t count = 0, made = 0;
    *out = NULL;
    snug_status status = count_shares(list, &shares, &count);
    for (size_t i = timeline->before_count; i < timeline->life_count; i++)
        if (timeline->lives[i].birth <= timeline->at) made = i + 1;
    for (size_t i = 0; status == SNUG_OK && i < count && i < MOST_TRIED && !*out; i++) {
        // Two classes that happen to come as often are no loop, unless they are all there is.
        if (shares[i].score < 2 && list->count > 4) continue;
        *out = find_anchor(list, shares[i].count, made);
    }
    snug_memory_free(shares);
    return status;
}

// Of starts right behind each other, as one line makes that runs several times, the first counts.
static size_t join_bursts(uint32_t *starts, size_t count) {
    if (count < 2) return count;
    uint32_t gap = (starts[count - 1] - starts[0]) / (uint32_t)(count - 1);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++)
        if (starts[i] - starts[kept - 1] >= gap / 4) starts[kept++] = starts[i];
    return kept;
}

static snug_status list_starts(const snug_timeline *timeline, const class_list *list,
                               const size_class *anchor, uint32_t **starts, size_t *count) {
    uint32_t class = (uint32_t)(anchor - list->items);
    SNUG_TRY(SNUG_NEW(starts, (size_t)anchor->count));
    for (size_t i = anchor->first; i <= anchor->last; i++)
        if (list->of[i] == class && *count < anchor->count)
            (*starts)[(*count)++] = timeline->lives[i].birth;
    *count = join_bursts(*starts, *count);
    return SNUG_OK;
}

snug_status snug_size_rounds_find(const snug_timeline *timeline, uint32_t **starts, size_t *count) {
    class_list classes = {0};
    const size_class *anchor = NULL;
    *starts = NULL;
    *count = 0;
    snug_status status = sort_into_classes(timeline, &classes);
    if (status == SNUG_OK) status = choose_anchor(timeline, &classes, &anchor);
    if (status == SNUG_OK && anchor)
        status = list_starts(timeline, &classes, anchor, starts, count);
    clear_classes(&classes);
    return status;
}
