// Stacks of one thread form a tree: a node is a function called by a path of lines, its children
// are what its lines call. Going through the trace, two stacks that follow each other differ first
// in one node. Where the second is at an earlier line there, the function went back: it loops, or
// a call stands over several lines, of which the first is run last. Both come to the line again,
// but only the loop comes to it with a stack that it had there before. The topmost line so come
// back to begins the rounds.
#include "explain/trace/loops.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct tree_node {
    uint32_t parent;
    snug_frame_id called_from; // the parent's frame: function and line; 0: the root
    snug_text_id file, function;
    uint32_t next; // of the same hash, + 1
    bool closed;   // inside a network and the like
} tree_node;

// Coming back in |node| to what |stack| makes.
typedef struct comeback {
    uint32_t node;
    snug_stack_id stack;  // of Python
    uint32_t count;       // how often
    int32_t line, bottom; // where to, and the lowest line from where
} comeback;

typedef struct loop_finder {
    const snug_timeline *timeline;
    const snug_stacks *stacks;
    tree_node *nodes;
    size_t node_count, node_capacity;
    uint32_t *buckets; // node + 1
    size_t bucket_count;
    uint32_t *node_of; // beside stacks->python_frames: the node of each frame
    comeback *comebacks;
    size_t comeback_count, comeback_capacity;
    bool *seen;              // by Python stack
    snug_frame_id main_root; // its function is the main thread's outermost
} loop_finder;

static const snug_frame *frame_at(const loop_finder *self, snug_frame_id id) {
    return &self->timeline->snapshot->frames[id];
}

static size_t depth_of(const loop_finder *self, snug_stack_id stack) {
    return self->stacks->python_starts[stack + 1] - self->stacks->python_starts[stack];
}

static bool is_same_function(const snug_frame *a, const snug_frame *b) {
    return a->file == b->file && a->function == b->function;
}

static snug_status find_node(loop_finder *self, uint32_t parent, snug_frame_id from,
                             snug_frame_id id, uint32_t *out) {
    const snug_frame *frame = frame_at(self, id);
    uint64_t hash = ((uint64_t)parent * 0x9E3779B97F4A7C15u ^ from) * 0xff51afd7ed558ccdu;
    hash = (hash ^ frame->function ^ (uint64_t)frame->file << 20) * 0x9E3779B97F4A7C15u;
    uint32_t *bucket = &self->buckets[(hash >> 32) & (self->bucket_count - 1)];
    for (uint32_t at = *bucket; at != 0; at = self->nodes[at - 1].next) {
        const tree_node *node = &self->nodes[at - 1];
        *out = at - 1;
        if (node->parent == parent && node->called_from == from && node->file == frame->file &&
            node->function == frame->function)
            return SNUG_OK;
    }
    SNUG_TRY(SNUG_GROW(&self->nodes, &self->node_capacity, self->node_count + 1));
    bool closed = self->node_count > 0 && from != 0 && self->nodes[parent].closed;
    *out = (uint32_t)self->node_count;
    self->nodes[self->node_count++] =
        (tree_node){.parent = parent,
                    .called_from = from,
                    .file = frame->file,
                    .function = frame->function,
                    .next = *bucket,
                    .closed = closed || self->stacks->roles[id] == SNUG_FRAME_CLOSED};
    *bucket = (uint32_t)self->node_count;
    return SNUG_OK;
}

static snug_status build_tree(loop_finder *self) {
    const snug_stacks *stacks = self->stacks;
    size_t frames = stacks->python_starts[stacks->python_count];
    self->bucket_count = 64;
    while (self->bucket_count < frames)
        self->bucket_count *= 2;
    SNUG_TRY(SNUG_NEW(&self->buckets, self->bucket_count));
    SNUG_TRY(SNUG_NEW(&self->node_of, frames + 1));
    SNUG_TRY(SNUG_NEW(&self->seen, stacks->python_count));
    for (snug_stack_id stack = 1; stack < stacks->python_count; stack++) {
        uint32_t parent = 0;
        snug_frame_id from = 0;
        for (size_t i = stacks->python_starts[stack]; i < stacks->python_starts[stack + 1]; i++) {
            SNUG_TRY(find_node(self, parent, from, stacks->python_frames[i], &self->node_of[i]));
            parent = self->node_of[i];
            from = stacks->python_frames[i];
        }
    }
    return SNUG_OK;
}

// The Python stack of what entry |position| asks for, 0 where it asks for nothing, has none or is
// of another thread than the main one.
static snug_stack_id main_stack_at(const loop_finder *self, uint32_t position) {
    const snug_trace_entry *entry = &self->timeline->entries[position];
    if (entry->action != SNUG_TRACE_ALLOC && entry->action != SNUG_TRACE_OOM) return 0;
    snug_stack_id stack = self->stacks->about[entry->stack].python;
    if (stack == 0 || self->main_root == 0) return 0;
    snug_frame_id root = self->stacks->python_frames[self->stacks->python_starts[stack]];
    return is_same_function(frame_at(self, root), frame_at(self, self->main_root)) ? stack : 0;
}

// Whether a thread other than the main one begins with |root|: Python's own, or autograd's where it
// calls a function that is written in Python.
static bool is_thread(const loop_finder *self, const snug_frame *root) {
    const char *function = snug_snapshot_text(self->timeline->snapshot, root->function);
    const char *file = snug_snapshot_text(self->timeline->snapshot, root->file);
    return strcmp(function, "_bootstrap") == 0 || strcmp(function, "backward") == 0 ||
           strstr(file, "/autograd/") || strstr(file, "runtime_wrappers");
}

// The main thread's outermost function: the one that most stacks begin with, threads' own aside.
static snug_status find_main_root(loop_finder *self) {
    const snug_stacks *stacks = self->stacks;
    const snug_snapshot *snapshot = self->timeline->snapshot;
    uint32_t *counts = NULL, most = 0;
    SNUG_TRY(SNUG_NEW(&counts, snapshot->frame_count));
    for (uint32_t p = 0; p < self->timeline->count && p <= self->timeline->at; p++) {
        const snug_trace_entry *entry = &self->timeline->entries[p];
        snug_stack_id stack = stacks->about[entry->stack].python;
        if (entry->action != SNUG_TRACE_ALLOC || stack == 0) continue;
        snug_frame_id root = stacks->python_frames[stacks->python_starts[stack]];
        if (is_thread(self, frame_at(self, root)) || ++counts[root] <= most) continue;
        most = counts[root];
        self->main_root = root;
    }
    snug_memory_free(counts);
    return SNUG_OK;
}

// Where stacks |a| and |b|, of one root, differ first.
static size_t first_difference(const loop_finder *self, snug_stack_id a, snug_stack_id b) {
    const snug_frame_id *x = self->stacks->python_frames + self->stacks->python_starts[a];
    const snug_frame_id *y = self->stacks->python_frames + self->stacks->python_starts[b];
    size_t most = depth_of(self, a) < depth_of(self, b) ? depth_of(self, a) : depth_of(self, b);
    size_t depth = 0;
    while (depth < most && x[depth] == y[depth])
        depth++;
    return depth;
}

static snug_status add_comeback(loop_finder *self, uint32_t node, snug_stack_id stack, int32_t line,
                                int32_t from) {
    for (size_t i = self->comeback_count; i-- > 0;) {
        comeback *item = &self->comebacks[i];
        if (item->node != node || item->stack != stack) continue;
        item->count++;
        if (from > item->bottom) item->bottom = from;
        return SNUG_OK;
    }
    enum { MOST = 512 }; // beyond it, what follows are no new loops
    if (self->comeback_count >= MOST) return SNUG_OK;
    SNUG_TRY(SNUG_GROW(&self->comebacks, &self->comeback_capacity, self->comeback_count + 1));
    self->comebacks[self->comeback_count++] =
        (comeback){.node = node, .stack = stack, .line = line, .bottom = from, .count = 1};
    return SNUG_OK;
}

// Goes through the trace; |*last| receives the stack that leads to timeline->at.
static snug_status find_comebacks(loop_finder *self, snug_stack_id *last) {
    const snug_stacks *stacks = self->stacks;
    snug_stack_id before = 0;
    for (uint32_t p = 0; p < self->timeline->count && p <= self->timeline->at; p++) {
        snug_stack_id stack = main_stack_at(self, p);
        if (stack == 0) continue;
        size_t depth = before ? first_difference(self, before, stack) : 0;
        if (before && depth < depth_of(self, before) && depth < depth_of(self, stack)) {
            size_t from = stacks->python_starts[before] + depth;
            size_t to = stacks->python_starts[stack] + depth;
            const snug_frame *left = frame_at(self, stacks->python_frames[from]);
            const snug_frame *reached = frame_at(self, stacks->python_frames[to]);
            bool back = self->node_of[from] == self->node_of[to] && reached->line < left->line;
            if (back && self->seen[stack] && !self->nodes[self->node_of[to]].closed)
                SNUG_TRY(add_comeback(self, self->node_of[to], stack, reached->line, left->line));
        }
        self->seen[stack] = true;
        before = stack;
    }
    *last = before;
    return SNUG_OK;
}

// The comeback that begins |node|'s rounds: the topmost line, but for what only some of them run. A
// loop that ends above |line|, where the program is, has been left.
static const comeback *topmost(const loop_finder *self, uint32_t node, int32_t line) {
    const comeback *best = NULL;
    uint32_t most = 0;
    for (size_t i = 0; i < self->comeback_count; i++)
        if (self->comebacks[i].node == node && self->comebacks[i].bottom >= line &&
            self->comebacks[i].count > most)
            most = self->comebacks[i].count;
    for (size_t i = 0; i < self->comeback_count; i++) {
        const comeback *item = &self->comebacks[i];
        if (item->node != node || item->bottom < line || item->count < (most + 1) / 2) continue;
        if (!best || item->line < best->line ||
            (item->line == best->line && item->count > best->count))
            best = item;
    }
    return best;
}

// Whether the program comes to the line that makes |stack| in a node at |depth|, from stack
// |before|, rather than stays at it.
static bool arrives(const loop_finder *self, snug_stack_id before, snug_stack_id stack,
                    size_t depth) {
    return before == 0 || first_difference(self, before, stack) <= depth;
}

static size_t depth_of_node(const loop_finder *self, uint32_t node) {
    size_t depth = 0;
    for (; self->nodes[node].called_from != 0; node = self->nodes[node].parent)
        depth++;
    return depth;
}

// The rounds that begin at |begin|, into |starts| where it is not NULL. Gives their number; 0 where
// fewer than half of them run a forward pass.
static size_t list_rounds(const loop_finder *self, const comeback *begin, uint32_t *starts) {
    size_t count = 0, passes = 0, depth = depth_of_node(self, begin->node);
    snug_stack_id before = 0;
    bool passed = false;
    for (uint32_t p = 0; p < self->timeline->count && p <= self->timeline->at; p++) {
        const snug_trace_entry *entry = &self->timeline->entries[p];
        snug_place place = (snug_place)self->stacks->about[entry->stack].place;
        if (entry->action == SNUG_TRACE_ALLOC && count > 0)
            passed |= place == SNUG_PLACE_FORWARD || place == SNUG_PLACE_EVALUATE;
        snug_stack_id stack = main_stack_at(self, p);
        if (stack == 0) continue;
        if (stack == begin->stack && arrives(self, before, stack, depth)) {
            if (starts) starts[count] = p;
            passes += passed;
            passed = false;
            count++;
        }
        before = stack;
    }
    passes += passed;
    return count >= 2 && 2 * passes >= count ? count : 0;
}

// A loop that the program is in, else one that it has left: what is below it may be a part that it
// had not come to before.
static snug_status choose(const loop_finder *self, snug_stack_id last, uint32_t **starts,
                          size_t *count) {
    const snug_stacks *stacks = self->stacks;
    if (last == 0) return SNUG_OK;
    for (int left = 0; left <= 1; left++)
        for (size_t i = stacks->python_starts[last + 1]; i-- > stacks->python_starts[last];) {
            int32_t line = left ? 0 : frame_at(self, stacks->python_frames[i])->line;
            const comeback *begin = topmost(self, self->node_of[i], line);
            *count = begin ? list_rounds(self, begin, NULL) : 0;
            if (*count == 0) continue;
            SNUG_TRY(SNUG_NEW(starts, *count));
            list_rounds(self, begin, *starts);
            return SNUG_OK;
        }
    return SNUG_OK;
}

snug_status snug_loops_find(const snug_timeline *timeline, const snug_stacks *stacks,
                            uint32_t **starts, size_t *count) {
    loop_finder self = {.timeline = timeline, .stacks = stacks};
    snug_stack_id last = 0;
    *starts = NULL;
    *count = 0;
    snug_status status = build_tree(&self);
    if (status == SNUG_OK) status = find_main_root(&self);
    if (status == SNUG_OK) status = find_comebacks(&self, &last);
    if (status == SNUG_OK) status = choose(&self, last, starts, count);
    snug_memory_free(self.nodes);
    snug_memory_free(self.buckets);
    snug_memory_free(self.node_of);
    snug_memory_free(self.comebacks);
    snug_memory_free(self.seen);
    return status;
}
