// What the two-operand elementwise operators share: numpy broadcasting and its gradient.
#ifndef SNUG_OPS_BROADCAST_H
#define SNUG_OPS_BROADCAST_H

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static inline snug_status snug_broadcast_mismatch(const snug_type *a, const snug_type *b) {
    char first[SNUG_TYPE_TEXT], second[SNUG_TYPE_TEXT];
    return snug_fail(SNUG_INVALID,
                     "operands that broadcast expected (one element type and layout, trailing "
                     "extents equal or 1), found %s and %s",
                     snug_type_print(a, first), snug_type_print(b, second));
}

// The operand of lower rank must lie row-major beside the other; one element fits any layout.
static inline snug_status snug_infer_broadcast(const void *attributes, const snug_type *inputs,
                                               int input_count, snug_type *outputs) {
    (void)attributes, (void)input_count;
    bool swap = inputs[1].rank > inputs[0].rank;
    const snug_type *high = &inputs[swap], *low = &inputs[!swap];
    bool one_layout =
        high->layout == low->layout && (high->rank == low->rank || high->layout == SNUG_ROW_MAJOR);
    bool one_element =
        low->rank < high->rank && low->layout == SNUG_ROW_MAJOR && snug_type_elements(low) == 1;
    if (high->dtype != low->dtype || (!one_layout && !one_element))
        return snug_broadcast_mismatch(&inputs[0], &inputs[1]);
    outputs[0] = *high;
    for (int i = 0; i < low->rank; i++) {
        int64_t *extent = &outputs[0].dims[high->rank - low->rank + i];
        if (*extent == 1) *extent = low->dims[i];
        if (*extent != low->dims[i] && low->dims[i] != 1)
            return snug_broadcast_mismatch(&inputs[0], &inputs[1]);
    }
    return SNUG_OK;
}

static inline snug_status snug_broadcast_map2(const snug_call *call,
                                              double (*apply)(double a, double b)) {
    const snug_view *a = &call->inputs[0], *b = &call->inputs[1], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type), at[SNUG_MAX_RANK];
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&y->type, i, at);
        int64_t from_a = snug_reference_broadcast_index(&a->type, y->type.rank, at);
        int64_t from_b = snug_reference_broadcast_index(&b->type, y->type.rank, at);
        snug_view_set(y, snug_reference_broadcast_index(&y->type, y->type.rank, at),
                      apply(snug_view_get(a, from_a), snug_view_get(b, from_b)));
    }
    return SNUG_OK;
}

static inline snug_sum_to_attributes snug_sum_to_shape(const snug_type *type) {
    snug_sum_to_attributes attributes = {.rank = type->rank};
    for (int i = 0; i < type->rank; i++)
        attributes.dims[i] = type->dims[i];
    return attributes;
}

static const snug_sample snug_broadcast_samples[] = {
    {.name = "matrix",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)}},
    {.name = "image",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "channel scale",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 1, 1)}},
    {.name = "channel scale first",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(1, 5, 1, 1), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "matrix and row",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(7)}},
    {.name = "both repeat",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(3, 1), SNUG_SAMPLE_ROW_MAJOR(2, 1, 4)}},
    {.name = "image and scalar",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 3, 2, 2), SNUG_SAMPLE_SCALAR}},
    {.name = "scalars", .input_count = 2, .inputs = {SNUG_SAMPLE_SCALAR, SNUG_SAMPLE_SCALAR}},
};

#endif
