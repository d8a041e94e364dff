// A treap of blocks.
#include "torch_allocator/allocator_state.h"

typedef snug_allocator_block block;

int snug_allocator_set_compare(const snug_allocator_set *set, const block *a, const block *b) {
    if (a->stream != b->stream) return a->stream < b->stream ? -1 : 1;
    if (set->by_size && a->size != b->size) return a->size < b->size ? -1 : 1;
    // A key that is looked for has no segment.
    if (set->by_segment && a->span && b->span && a->span != b->span)
        return a->span->made < b->span->made ? -1 : 1;
    if (a->address != b->address) return a->address < b->address ? -1 : 1;
    // No two blocks have the same; segments that lie across each other keep their order by it.
    return a->priority < b->priority ? -1 : a->priority > b->priority;
}

// The part of |tree| before |key| and the rest.
static void split(const snug_allocator_set *set, block *tree, const block *key, block **less,
                  block **rest) {
    while (tree) {
        if (snug_allocator_set_compare(set, tree, key) < 0) {
            *less = tree;
            less = &tree->right;
            tree = tree->right;
        } else {
            *rest = tree;
            rest = &tree->left;
            tree = tree->left;
        }
    }
    *less = *rest = NULL;
}

// Everything in |less| stands before everything in |rest|.
static block *merge(block *less, block *rest) {
    block *root = NULL, **at = &root;
    while (less && rest) {
        if (less->priority > rest->priority) {
            *at = less;
            at = &less->right;
            less = less->right;
        } else {
            *at = rest;
            at = &rest->left;
            rest = rest->left;
        }
    }
    *at = less ? less : rest;
    return root;
}

void snug_allocator_set_add(snug_allocator_set *set, block *added) {
    block **at = &set->root;
    while (*at && (*at)->priority > added->priority)
        at = snug_allocator_set_compare(set, *at, added) < 0 ? &(*at)->right : &(*at)->left;
    split(set, *at, added, &added->left, &added->right);
    *at = added;
    set->count++;
}

void snug_allocator_set_remove(snug_allocator_set *set, block *removed) {
    block **at = &set->root;
    while (*at != removed)
        at = snug_allocator_set_compare(set, *at, removed) < 0 ? &(*at)->right : &(*at)->left;
    *at = merge(removed->left, removed->right);
    removed->left = removed->right = NULL;
    set->count--;
}

// The first block that compares with |key| above |least|.
static block *first_above(const snug_allocator_set *set, const block *key, int least) {
    block *found = NULL;
    for (block *at = set->root; at;) {
        bool above = snug_allocator_set_compare(set, at, key) > least;
        if (above) found = at;
        at = above ? at->left : at->right;
    }
    return found;
}

block *snug_allocator_set_find(const snug_allocator_set *set, const block *key) {
    return first_above(set, key, -1);
}

block *snug_allocator_set_next(const snug_allocator_set *set, const block *key) {
    return first_above(set, key, 0);
}

block *snug_allocator_set_previous(const snug_allocator_set *set, const block *key) {
    block *found = NULL;
    for (block *at = set->root; at;) {
        bool below = snug_allocator_set_compare(set, at, key) < 0;
        if (below) found = at;
        at = below ? at->right : at->left;
    }
    return found;
}

block *snug_allocator_set_first(const snug_allocator_set *set) {
    block *at = set->root;
    while (at && at->left)
        at = at->left;
    return at;
}
