// The elements of a tensor that a reduction takes together: for each place along the dimensions
// that stay, all places along the others.
#ifndef SNUG_OPS_GROUPS_H
#define SNUG_OPS_GROUPS_H

#include "ops/ops.h"
#include "ops/reference.h"

typedef struct snug_groups {
    snug_type kept, reduced; // the tensor's type with 1 in the place of the other dimensions
    int64_t count, terms;    // groups, and elements of each
    int64_t strides[SNUG_MAX_RANK];
} snug_groups;

static inline snug_groups snug_groups_of(const snug_type *type, int64_t axes) {
    snug_groups self = {.kept = *type, .reduced = *type};
    for (int i = 0; i < type->rank; i++)
        (axes >> i & 1 ? &self.kept : &self.reduced)->dims[i] = 1;
    self.count = snug_type_elements(&self.kept);
    self.terms = snug_type_elements(&self.reduced);
    snug_type_strides(type, self.strides);
    return self;
}

static inline int64_t snug_groups_offset(const snug_groups *self, const snug_type *part,
                                         int64_t linear) {
    int64_t at[SNUG_MAX_RANK], index = 0;
    snug_reference_coordinates(part, linear, at);
    for (int i = 0; i < part->rank; i++)
        index += at[i] * self->strides[i];
    return index;
}

// Memory index of the group's first element; to it is added that of a term.
static inline int64_t snug_groups_start(const snug_groups *self, int64_t group) {
    return snug_groups_offset(self, &self->kept, group);
}
static inline int64_t snug_groups_term(const snug_groups *self, int64_t term) {
    return snug_groups_offset(self, &self->reduced, term);
}

// Memory index of the group's result in a tensor of type |y|, which has the dimensions that went,
// as 1, or has them no more.
static inline int64_t snug_groups_result(const snug_groups *self, const snug_type *y,
                                         int64_t group) {
    int64_t at[SNUG_MAX_RANK];
    if (y->rank != self->kept.rank) return group;
    snug_reference_coordinates(&self->kept, group, at);
    return snug_reference_broadcast_index(y, y->rank, at);
}

// The type that a reduction over |axes| (bit i: dimension i) of |x| gives.
static inline snug_status snug_groups_infer(const snug_type *x, int64_t axes, bool keepdims,
                                            snug_type *out) {
    if (axes < 0 || axes >> x->rank)
        return snug_fail(SNUG_INVALID,
                         "axes of a tensor of %d dimensions expected, found bits %llx", x->rank,
                         (unsigned long long)axes);
    snug_type y = {.dtype = x->dtype};
    for (int i = 0; i < x->rank; i++) {
        bool reduced = axes >> i & 1;
        if (!reduced || keepdims) y.dims[y.rank++] = reduced ? 1 : x->dims[i];
    }
    if (y.rank == x->rank) y.layout = x->layout;
    *out = y;
    return SNUG_OK;
}

#endif
