// Bytes that came from the host, so that they come back as they were: numbers that a program moves
// to the card and reads again, sizes that ranks tell each other, masks.
//
// Pieces of known bytes lie in a treap by address (a search tree by address and a heap by random
// priority: expected depth O(log n)). A write cuts what it covers out of the tree and puts its own
// piece there; PyTorch's allocator handing out memory anew cuts without putting. Host memory is
// bounded: the oldest large pieces give up their bytes first, then the oldest small ones. Such a
// piece stays as a mark, so that a later read can be told apart from one of a kernel's numbers.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "standin/core/state.h"

typedef struct piece {
    uint64_t address, size;
    unsigned char *bytes; // NULL: given up for others' sake
    struct piece *left, *right;
    struct piece *older, *newer; // in its queue while it has bytes
    uint32_t priority;
    bool large;
} piece;

typedef struct queue {
    piece *oldest, *newest;
} queue;

// Indices of queues: the first gives up first.
enum { LARGE, SMALL, QUEUES, SMALL_LIMIT = 1 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static piece *root;
static queue queues[QUEUES];
static uint64_t kept; // bytes

static uint32_t next_priority(void) {
    static uint32_t state = 2463534242u; // xorshift32
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void leave_queue(piece *one) {
    queue *self = &queues[one->large ? LARGE : SMALL];
    *(one->older ? &one->older->newer : &self->oldest) = one->newer;
    *(one->newer ? &one->newer->older : &self->newest) = one->older;
    one->older = one->newer = NULL;
}

static void join_queue(piece *one) {
    queue *self = &queues[one->large ? LARGE : SMALL];
    one->older = self->newest;
    one->newer = NULL;
    *(self->newest ? &self->newest->newer : &self->oldest) = one;
    self->newest = one;
}

static void give_up_bytes(piece *one) {
    if (!one->bytes) return;
    leave_queue(one);
    kept -= one->size;
    free(one->bytes);
    one->bytes = NULL;
}

static void drop_all(piece *tree) {
    if (!tree) return;
    drop_all(tree->left);
    drop_all(tree->right);
    give_up_bytes(tree);
    free(tree);
}

static piece *merge(piece *left, piece *right) {
    if (!left || !right) return left ? left : right;
    if (left->priority > right->priority) {
        left->right = merge(left->right, right);
        return left;
    }
    right->left = merge(left, right->left);
    return right;
}

// The part of |one| behind |at|, as a piece of its own; NULL where the host has no memory for it.
static piece *cut_off(piece *one, uint64_t at) {
    piece *rest = calloc(1, sizeof *rest);
    uint64_t head = at - one->address;
    if (rest) {
        *rest = (piece){.address = at,
                        .size = one->size - head,
                        .priority = next_priority(),
                        .large = one->large};
        if (one->bytes) rest->bytes = malloc(rest->size);
        if (rest->bytes) {
            memcpy(rest->bytes, one->bytes + head, rest->size);
            join_queue(rest);
        }
    }
    // The head keeps its whole buffer; only its own bytes count.
    if (one->bytes && !(rest && rest->bytes)) kept -= one->size - head;
    one->size = head;
    return rest;
}

// |left| receives the pieces before |at|, |right| those from there on; one across it is cut.
static void split(piece *tree, uint64_t at, piece **left, piece **right) {
    if (!tree) {
        *left = *right = NULL;
    } else if (tree->address >= at) {
        *right = tree;
        split(tree->left, at, left, &tree->left);
    } else {
        piece *rest = NULL;
        if (tree->address + tree->size > at) rest = cut_off(tree, at);
        *left = tree;
        split(tree->right, at, &tree->right, right);
        *right = merge(rest, *right);
    }
}

static void make_room(uint64_t size, uint64_t limit) {
    for (int i = 0; i < QUEUES; i++)
        while (kept + size > limit && queues[i].oldest)
            give_up_bytes(queues[i].oldest);
}

// A piece with a copy of |source|, or a mark where it is too large to keep.
static piece *new_piece(uint64_t address, const void *source, uint64_t size) {
    piece *one = calloc(1, sizeof *one);
    if (!one) return NULL;
    uint64_t limit = snug_standin_settings_get()->keep_bytes;
    *one = (piece){
        .address = address, .size = size, .priority = next_priority(), .large = size > SMALL_LIMIT};
    if (size > (one->large ? limit / 2 : limit)) return one;
    make_room(size, limit);
    one->bytes = malloc(size);
    if (!one->bytes) return one;
    memcpy(one->bytes, source, size);
    kept += size;
    join_queue(one);
    return one;
}

// |fresh| takes the place of whatever lay there; NULL: nothing does.
static void replace(uint64_t address, uint64_t size, piece *fresh) {
    piece *before, *covered, *after;
    split(root, address, &before, &covered);
    split(covered, address + size, &covered, &after);
    drop_all(covered);
    root = merge(merge(before, fresh), after);
}

void snug_known_write(uint64_t address, const void *source, uint64_t size) {
    if (size == 0) return;
    pthread_mutex_lock(&lock);
    if (source || root) {
        // What is covered goes first, so that its bytes make room.
        replace(address, size, NULL);
        if (source) replace(address, size, new_piece(address, source, size));
    }
    pthread_mutex_unlock(&lock);
}

// ---- Reading

typedef struct reading {
    uint64_t address, size;
    unsigned char *out;
    uint64_t known;
    bool dropped;
} reading;

static void read_tree(const piece *tree, reading *self) {
    if (!tree) return;
    uint64_t end = self->address + self->size, piece_end = tree->address + tree->size;
    if (tree->address > self->address) read_tree(tree->left, self);
    if (tree->address < end && piece_end > self->address) {
        uint64_t from = tree->address > self->address ? tree->address : self->address;
        uint64_t to = piece_end < end ? piece_end : end;
        if (tree->bytes) {
            memcpy(self->out + (from - self->address), tree->bytes + (from - tree->address),
                   to - from);
            self->known += to - from;
        } else {
            self->dropped = true;
        }
    }
    if (piece_end < end) read_tree(tree->right, self);
}

// What is not known reads as zeros or, where the settings say so, as ones. The stand-ins do not
// know the type: reads of a multiple of 8 bytes are taken for integers of 64 bits, as PyTorch's
// counts and indices are, then of 32; a single byte is a truth value.
static void fill_unknown(void *out, uint64_t size) {
    memset(out, 0, size);
    if (size == 1 && snug_kernel_foretells_true()) *(unsigned char *)out = 1;
    if (!snug_standin_settings_get()->answer_ones || (size == 1 && snug_kernel_is_certain()))
        return;
    uint64_t unit = size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : 1;
    for (uint64_t at = 0; at < size; at += unit)
        ((unsigned char *)out)[at] = 1;
}

static reading read_known(uint64_t address, void *out, uint64_t size) {
    reading self = {.address = address, .size = size, .out = out};
    fill_unknown(out, size);
    pthread_mutex_lock(&lock);
    read_tree(root, &self);
    pthread_mutex_unlock(&lock);
    return self;
}

bool snug_known_peek(uint64_t address, void *out, uint64_t size) {
    return read_known(address, out, size).known == size;
}

bool snug_known_read(uint64_t address, void *out, uint64_t size, const char *operation) {
    reading self = read_known(address, out, size);
    if (self.known == size || (size == 1 && snug_kernel_is_certain())) return true;
    snug_notes_read(operation, size, self.dropped);
    return false;
}

// ---- Copying

typedef struct found {
    uint64_t address, size;
    unsigned char *bytes; // a copy; NULL: a mark
    struct found *next;
} found;

// Copies of the pieces within a range, cut to it.
static found *collect(const piece *tree, uint64_t from, uint64_t end, found *list) {
    if (!tree) return list;
    uint64_t piece_end = tree->address + tree->size;
    if (tree->address > from) list = collect(tree->left, from, end, list);
    if (tree->address < end && piece_end > from && tree->bytes) {
        uint64_t start = tree->address > from ? tree->address : from;
        uint64_t stop = piece_end < end ? piece_end : end;
        found *one = malloc(sizeof *one);
        unsigned char *bytes = one ? malloc(stop - start) : NULL;
        if (bytes) {
            memcpy(bytes, tree->bytes + (start - tree->address), stop - start);
            *one = (found){.address = start, .size = stop - start, .bytes = bytes, .next = list};
            list = one;
        } else {
            free(one);
        }
    }
    if (piece_end < end) list = collect(tree->right, from, end, list);
    return list;
}

void snug_known_copy(uint64_t to, uint64_t from, uint64_t size) {
    if (size == 0 || to == from) return;
    pthread_mutex_lock(&lock);
    if (root) {
        found *list = collect(root, from, from + size, NULL);
        replace(to, size, NULL);
        while (list) {
            found *one = list;
            list = one->next;
            uint64_t at = to + (one->address - from);
            replace(at, one->size, new_piece(at, one->bytes, one->size));
            free(one->bytes);
            free(one);
        }
    }
    pthread_mutex_unlock(&lock);
}
