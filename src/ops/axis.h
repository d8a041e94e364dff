// A dense tensor seen along one dimension: whichever its layout, memory is blocks of |length| runs
// of |stride| elements.
#ifndef SNUG_OPS_AXIS_H
#define SNUG_OPS_AXIS_H

#include <string.h>

#include "graph/op.h"

typedef struct snug_axis {
    int64_t length; // extent of the dimension
    int64_t stride; // elements between neighbours along it
    int64_t lines;  // elements / length; 0 for a tensor without elements
} snug_axis;

static inline snug_axis snug_axis_of(const snug_type *type, int64_t dimension) {
    int64_t strides[SNUG_MAX_RANK], length = type->dims[dimension];
    snug_type_strides(type, strides);
    return (snug_axis){.length = length,
                       .stride = strides[dimension],
                       .lines = length ? snug_type_elements(type) / length : 0};
}

// Memory index of the first element of |line|; lines are counted in memory order.
static inline int64_t snug_axis_start(const snug_axis *axis, int64_t line) {
    return line / axis->stride * axis->stride * axis->length + line % axis->stride;
}

static inline snug_status snug_axis_check(const snug_type *type, int64_t dimension) {
    if (dimension >= 0 && dimension < type->rank) return SNUG_OK;
    return snug_fail(SNUG_INVALID, "an axis below the rank %d expected, found %lld", type->rank,
                     (long long)dimension);
}

// Copies the elements of |whole| from |start| on along |dimension| to |part|, or |into| it from
// there; any element type.
static inline void snug_axis_copy(const snug_view *whole, int64_t dimension, int64_t start,
                                  const snug_view *part, bool into) {
    snug_axis outer = snug_axis_of(&whole->type, dimension);
    snug_axis inner = snug_axis_of(&part->type, dimension);
    if (inner.lines == 0) return;
    size_t element = snug_dtype_bytes(part->type.dtype);
    size_t run = (size_t)(inner.length * inner.stride) * element;
    size_t step = (size_t)(outer.length * outer.stride) * element;
    char *at = (char *)whole->data + (size_t)(start * outer.stride) * element;
    char *run_at = part->data;
    for (int64_t block = 0; block < inner.lines / inner.stride; block++) {
        memcpy(into ? at : run_at, into ? run_at : at, run);
        at += step;
        run_at += run;
    }
}

#endif
