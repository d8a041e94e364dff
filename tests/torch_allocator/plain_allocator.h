// A second model of PyTorch's caching allocator, written for being plain: one array of cells in the
// order of their addresses, every search a look at all of them. None of src/torch_allocator is in
// it.
#ifndef TESTS_TORCH_ALLOCATOR_PLAIN_ALLOCATOR_H
#define TESTS_TORCH_ALLOCATOR_PLAIN_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { PLAIN_CELLS = 8192 };
#define PLAIN_MIB ((uint64_t)1 << 20)
#define PLAIN_NONE UINT64_MAX

typedef enum plain_state { PLAIN_FREE, PLAIN_USED, PLAIN_WAITING, PLAIN_HOLE } plain_state;

typedef struct plain_cell {
    uint64_t at, size;
    int segment;
    unsigned stream, pool;
    bool small, growing;
    plain_state state;
    long since; // searches of its pool when it became free
} plain_cell;

// What it asked of the device and what it completed by itself, for those who record a trace.
typedef enum plain_action {
    PLAIN_ALLOC,
    PLAIN_DROP,
    PLAIN_MAP,
    PLAIN_UNMAP,
    PLAIN_COMPLETE
} plain_action;
typedef struct plain_note {
    plain_action action;
    uint64_t at, size;
    unsigned stream, pool;
} plain_note;

typedef struct plain {
    uint64_t max_split, capacity, limit, granule_start;
    double threshold;
    bool growing, oldest_first; // |oldest_first|: of equal cells that of the older segment
    unsigned divisions;         // one for all sizes
    plain_cell cells[PLAIN_CELLS];
    int count, next_segment;
    uint64_t next_address;
    long searches[8][2]; // by pool and small
    plain_note notes[PLAIN_CELLS];
    int note_count; // to be cleared by the caller, who may ignore it
} plain;

static inline void plain_tell(plain *p, plain_action action, const plain_cell *cell, uint64_t at,
                              uint64_t size) {
    if (p->note_count < PLAIN_CELLS)
        p->notes[p->note_count++] = (plain_note){action, at, size, cell->stream, cell->pool};
}

static inline uint64_t plain_up(uint64_t value, uint64_t unit) {
    return value % unit ? value + unit - value % unit : value;
}

static inline uint64_t plain_round(const plain *p, uint64_t size) {
    if (size < 512) return 512;
    if (p->divisions < 2 || size <= 512 * (uint64_t)p->divisions) return plain_up(size, 512);
    uint64_t power = 512;
    while (power * 2 <= size)
        power *= 2;
    if (power == size) return size;
    // Nothing finer than a byte: sizes here are far above.
    return plain_up(size, power / p->divisions);
}

static inline uint64_t plain_segment(uint64_t size) {
    if (size <= PLAIN_MIB) return 2 * PLAIN_MIB;
    return size < 10 * PLAIN_MIB ? 20 * PLAIN_MIB : plain_up(size, 2 * PLAIN_MIB);
}

static inline uint64_t plain_reserved(const plain *p) {
    uint64_t sum = 0;
    for (int i = 0; i < p->count; i++)
        sum += p->cells[i].state == PLAIN_HOLE ? 0 : p->cells[i].size;
    return sum;
}

static inline uint64_t plain_allocated(const plain *p) {
    uint64_t sum = 0;
    for (int i = 0; i < p->count; i++)
        sum += p->cells[i].state == PLAIN_USED ? p->cells[i].size : 0;
    return sum;
}

static inline void plain_insert(plain *p, int index, plain_cell cell) {
    memmove(&p->cells[index + 1], &p->cells[index],
            (size_t)(p->count++ - index) * sizeof p->cells[0]);
    p->cells[index] = cell;
}

static inline void plain_erase(plain *p, int index) {
    memmove(&p->cells[index], &p->cells[index + 1],
            (size_t)(--p->count - index) * sizeof p->cells[0]);
}

// A whole segment goes back.
static inline void plain_drop(plain *p, int index) {
    plain_cell cell = p->cells[index];
    plain_erase(p, index);
    plain_tell(p, PLAIN_DROP, &cell, cell.at, cell.size);
}

static inline int plain_find(const plain *p, uint64_t address) {
    for (int i = 0; i < p->count; i++)
        if (p->cells[i].at == address) return i;
    return -1;
}

static inline long *plain_clock(plain *p, const plain_cell *cell) {
    return &p->searches[cell->pool][cell->small];
}

// Joins cells of |state| around |index|; what comes out became so now. Returns its index.
static inline int plain_settle(plain *p, int index) {
    plain_cell *cell = &p->cells[index];
    cell->since = *plain_clock(p, cell);
    while (index > 0 && p->cells[index - 1].segment == p->cells[index].segment &&
           p->cells[index - 1].state == p->cells[index].state) {
        p->cells[index - 1].size += p->cells[index].size;
        p->cells[index - 1].since = p->cells[index].since;
        plain_erase(p, index--);
    }
    while (index + 1 < p->count && p->cells[index + 1].segment == p->cells[index].segment &&
           p->cells[index + 1].state == p->cells[index].state) {
        p->cells[index].size += p->cells[index + 1].size;
        plain_erase(p, index + 1);
    }
    return index;
}

static inline bool plain_whole(const plain *p, int i) {
    return (i == 0 || p->cells[i - 1].segment != p->cells[i].segment) &&
           (i + 1 == p->count || p->cells[i + 1].segment != p->cells[i].segment);
}

static inline int plain_append(plain *p, uint64_t size, unsigned stream, unsigned pool, bool small,
                               bool growing) {
    int index = 0;
    while (index < p->count && p->cells[index].at < p->next_address)
        index++;
    plain_insert(p, index,
                 (plain_cell){.at = p->next_address,
                              .size = size,
                              .segment = p->next_segment++,
                              .stream = stream,
                              .pool = pool,
                              .small = small,
                              .growing = growing,
                              .state = growing ? PLAIN_HOLE : PLAIN_FREE});
    p->next_address += size;
    if (!growing) plain_tell(p, PLAIN_ALLOC, &p->cells[index], p->cells[index].at, size);
    return index;
}

static inline uint64_t plain_room(const plain *p, int i) {
    uint64_t room = p->cells[i].size;
    if (i + 1 < p->count && p->cells[i + 1].segment == p->cells[i].segment &&
        p->cells[i + 1].state == PLAIN_HOLE)
        room += p->cells[i + 1].size;
    return room;
}

// The free cell of the pool that stands next behind (size, at), -1 for none.
static inline int plain_next(const plain *p, unsigned stream, unsigned pool, bool small,
                             uint64_t size, uint64_t at) {
    int best = -1;
    for (int i = 0; i < p->count; i++) {
        const plain_cell *c = &p->cells[i];
        if (c->state != PLAIN_FREE || c->stream != stream || c->pool != pool || c->small != small)
            continue;
        if (c->size < size || (c->size == size && c->at < at)) continue;
        const plain_cell *b = best < 0 ? NULL : &p->cells[best];
        bool older = b && p->oldest_first && c->segment != b->segment ? c->segment < b->segment
                                                                      : b && c->at < b->at;
        if (!b || c->size < b->size || (c->size == b->size && older)) best = i;
    }
    return best;
}

static inline int plain_search(plain *p, uint64_t size, unsigned stream, unsigned pool) {
    bool small = size <= PLAIN_MIB;
    if (p->threshold > 0 && p->limit != PLAIN_NONE) p->searches[pool][small]++;
    int best = plain_next(p, stream, pool, small, size, 0);
    if (best < 0) return -1;
    for (int next; p->growing; best = next) {
        next = plain_next(p, stream, pool, small, p->cells[best].size, p->cells[best].at + 1);
        if (next < 0 || plain_room(p, next) >= plain_room(p, best)) break;
    }
    uint64_t found = p->cells[best].size;
    if (size < p->max_split && found >= p->max_split) return -1;
    if (size >= p->max_split && found >= size + 20 * PLAIN_MIB) return -1;
    return best;
}

static inline void plain_unmap(plain *p, int i) {
    plain_cell cell = p->cells[i];
    uint64_t unit = cell.small ? 2 * PLAIN_MIB : 20 * PLAIN_MIB;
    // Segments begin at multiples of nothing: count from the first cell of this one.
    int head = i;
    while (head > 0 && p->cells[head - 1].segment == cell.segment)
        head--;
    uint64_t base = p->cells[head].at;
    uint64_t first = base + plain_up(cell.at - base, unit);
    uint64_t last = base + (cell.at + cell.size - base) / unit * unit;
    if (first >= last) return;
    plain_cell before = cell, after = cell;
    before.size = first - cell.at;
    after.at = last;
    after.size = cell.at + cell.size - last;
    before.since = after.since = *plain_clock(p, &cell);
    p->cells[i].at = first;
    p->cells[i].size = last - first;
    p->cells[i].state = PLAIN_HOLE;
    plain_tell(p, PLAIN_UNMAP, &cell, first, last - first);
    if (after.size) plain_insert(p, i + 1, after);
    if (before.size) plain_insert(p, i++, before);
    i = plain_settle(p, i);
    if (plain_whole(p, i)) plain_erase(p, i);
}

static inline void plain_empty_pool(plain *p, unsigned pool) {
    for (int i = p->count; i-- > 0;)
        if (p->cells[i].state == PLAIN_FREE && p->cells[i].pool == pool && !p->cells[i].growing &&
            plain_whole(p, i))
            plain_drop(p, i);
    uint64_t addresses[PLAIN_CELLS];
    int count = 0;
    for (int i = 0; i < p->count; i++)
        if (p->cells[i].state == PLAIN_FREE && p->cells[i].pool == pool && p->cells[i].growing)
            addresses[count++] = p->cells[i].at;
    for (int i = 0; i < count; i++)
        plain_unmap(p, plain_find(p, addresses[i]));
}

static inline void plain_complete(plain *p, uint64_t address) {
    int i = plain_find(p, address);
    p->cells[i].state = PLAIN_FREE;
    plain_settle(p, i);
}

static inline void plain_empty(plain *p) {
    for (int i = 0; i < p->count; i++)
        if (p->cells[i].state == PLAIN_WAITING) {
            p->cells[i].state = PLAIN_FREE;
            plain_tell(p, PLAIN_COMPLETE, &p->cells[i], p->cells[i].at, p->cells[i].size);
            i = plain_settle(p, i);
        }
    plain_empty_pool(p, 0);
}

// Extends the run of free cells and holes at |i| until it holds |size| mapped bytes; the index of
// the free cell, or -1.
static inline int plain_map(plain *p, int i, uint64_t size) {
    uint64_t unit = p->cells[i].small ? 2 * PLAIN_MIB : 20 * PLAIN_MIB;
    for (;;) {
        uint64_t have = p->cells[i].state == PLAIN_FREE ? p->cells[i].size : 0;
        if (have >= size) return i;
        int hole = p->cells[i].state == PLAIN_HOLE ? i : i + 1;
        uint64_t wanted = plain_up(size - have, unit);
        if (wanted > p->cells[hole].size) wanted = p->cells[hole].size;
        if (plain_reserved(p) + wanted > p->capacity) return -1;
        plain_cell rest = p->cells[hole];
        rest.at += wanted;
        rest.size -= wanted;
        p->cells[hole].size = wanted;
        p->cells[hole].state = PLAIN_FREE;
        plain_tell(p, PLAIN_MAP, &p->cells[hole], p->cells[hole].at, wanted);
        if (rest.size) plain_insert(p, hole + 1, rest);
        i = plain_settle(p, hole);
    }
}

static inline int plain_grow(plain *p, uint64_t size, unsigned stream, unsigned pool) {
    bool small = size <= PLAIN_MIB;
    for (int i = 0; i < p->count; i++) {
        const plain_cell *c = &p->cells[i];
        if (c->state != PLAIN_HOLE || c->stream != stream || c->pool != pool || c->small != small)
            continue;
        int start =
            i > 0 && p->cells[i - 1].segment == c->segment && p->cells[i - 1].state == PLAIN_FREE
                ? i - 1
                : i;
        uint64_t room = 0;
        for (int j = start; j < p->count && p->cells[j].segment == c->segment &&
                            (p->cells[j].state == PLAIN_FREE || p->cells[j].state == PLAIN_HOLE);
             j++)
            room += p->cells[j].size;
        if (room >= size) return plain_map(p, start, size);
    }
    uint64_t space =
        p->capacity < (PLAIN_MIB << 20) ? p->capacity + p->capacity / 8 : PLAIN_MIB << 20;
    space = plain_up(space, small ? 2 * PLAIN_MIB : 20 * PLAIN_MIB);
    return plain_map(p, plain_append(p, space, stream, pool, small, true), size);
}

static inline int plain_device(plain *p, uint64_t size, unsigned stream, unsigned pool) {
    uint64_t bytes = plain_segment(size), reserved = plain_reserved(p);
    if (p->limit != PLAIN_NONE && reserved + bytes > p->limit) return -1;
    if (p->growing) return plain_grow(p, size, stream, pool);
    if (reserved + bytes > p->capacity) return -1;
    return plain_append(p, bytes, stream, pool, size <= PLAIN_MIB, false);
}

static inline void plain_collect(plain *p) {
    uint64_t threshold = (uint64_t)(p->threshold * (double)p->limit), freed = 0;
    uint64_t reserved = plain_reserved(p);
    if (reserved <= threshold) return;
    for (bool again = true; again && freed < reserved - threshold;) {
        double sum = 0, count = 0;
        for (int i = 0; i < p->count; i++) {
            const plain_cell *c = &p->cells[i];
            if (c->state == PLAIN_FREE && c->pool == 0 && !c->small && !c->growing &&
                plain_whole(p, i))
                sum += (double)(p->searches[0][0] - c->since), count++;
        }
        again = false;
        for (int i = p->count; count > 0 && i-- > 0;) {
            const plain_cell *c = &p->cells[i];
            if (c->state != PLAIN_FREE || c->pool != 0 || c->small || c->growing ||
                !plain_whole(p, i) || (double)(p->searches[0][0] - c->since) < sum / count)
                continue;
            freed += c->size;
            plain_drop(p, i);
            again = true;
        }
    }
}

static inline bool plain_oversize(plain *p, uint64_t size, unsigned stream, unsigned pool) {
    bool small = size <= PLAIN_MIB;
    if (p->max_split == PLAIN_NONE) return false;
    uint64_t wanted = size < p->max_split ? p->max_split : size, freed = 0;
    int one = plain_next(p, stream, pool, small, wanted, 0);
    if (one >= 0 && !p->cells[one].growing) {
        plain_drop(p, one);
        return true;
    }
    while (freed < wanted) {
        int largest = -1;
        for (int i = 0; i < p->count; i++) {
            const plain_cell *c = &p->cells[i];
            if (c->state == PLAIN_FREE && c->stream == stream && c->pool == pool &&
                c->small == small && !c->growing && c->size >= p->max_split && c->size < wanted &&
                (largest < 0 || c->size >= p->cells[largest].size))
                largest = i;
        }
        if (largest < 0) break;
        freed += p->cells[largest].size;
        plain_drop(p, largest);
    }
    return freed >= wanted;
}

// The address that a request gets, PLAIN_NONE where it fails.
static inline uint64_t plain_request(plain *p, uint64_t asked, unsigned stream, unsigned pool) {
    uint64_t size = plain_round(p, asked);
    int i = plain_search(p, size, stream, pool);
    if (i < 0) {
        if (p->threshold > 0 && p->limit != PLAIN_NONE) plain_collect(p);
        i = plain_device(p, size, stream, pool);
        if (i < 0 && plain_oversize(p, size, stream, pool)) i = plain_device(p, size, stream, pool);
        if (i < 0 && pool == 0) {
            plain_empty(p);
            i = plain_device(p, size, stream, pool);
        }
        if (i < 0) return PLAIN_NONE;
    }
    plain_cell rest = p->cells[i];
    bool split = rest.small || p->growing ? rest.size - size >= 512
                                          : size < p->max_split && rest.size - size > PLAIN_MIB;
    p->cells[i].state = PLAIN_USED;
    if (split) {
        rest.at += size;
        rest.size -= size;
        rest.since = *plain_clock(p, &rest);
        p->cells[i].size = size;
        plain_insert(p, i + 1, rest);
    }
    return p->cells[i].at;
}

#endif
