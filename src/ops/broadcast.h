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

// The shape and layout that |count| operands broadcast to, element types aside; the type of the
// first operand of the highest rank is what |out| starts from. Operands of lower rank must lie
// row-major beside row-major ones; one element fits any layout.
static inline snug_status snug_broadcast_shape(const snug_type *operands, int count,
                                               snug_type *out) {
    int highest = 0;
    for (int i = 1; i < count; i++)
        if (operands[i].rank > operands[highest].rank) highest = i;
    *out = operands[highest];
    for (int i = 0; i < count; i++) {
        const snug_type *one = &operands[i];
        int missing = out->rank - one->rank;
        bool one_layout =
            one->layout == out->layout && (missing == 0 || out->layout == SNUG_ROW_MAJOR);
        bool one_element =
            missing > 0 && one->layout == SNUG_ROW_MAJOR && snug_type_elements(one) == 1;
        bool fits = one_layout || one_element;
        for (int j = 0; j < one->rank; j++) {
            int64_t *extent = &out->dims[missing + j];
            if (*extent == 1) *extent = one->dims[j];
            fits = fits && (*extent == one->dims[j] || one->dims[j] == 1);
        }
        if (!fits) return snug_broadcast_mismatch(&operands[highest], one);
    }
    return SNUG_OK;
}

// Operands of one element type; so is the result.
static inline snug_status snug_infer_broadcast(const void *attributes, const snug_type *inputs,
                                               int input_count, snug_type *outputs) {
    (void)attributes;
    for (int i = 1; i < input_count; i++)
        if (inputs[i].dtype != inputs[0].dtype)
            return snug_broadcast_mismatch(&inputs[0], &inputs[i]);
    return snug_broadcast_shape(inputs, input_count, &outputs[0]);
}

static inline snug_sum_to_attributes snug_sum_to_shape(const snug_type *type) {
    snug_sum_to_attributes attributes = {.rank = type->rank};
    for (int i = 0; i < type->rank; i++)
        attributes.dims[i] = type->dims[i];
    return attributes;
}

// |gradient| (of a result) summed back to the shape of the operand |type|.
static inline snug_tensor_id snug_broadcast_back(snug_graph *graph, const snug_type *type,
                                                 snug_tensor_id gradient) {
    if (snug_type_same_shape(type, snug_graph_type(graph, gradient))) return gradient;
    snug_sum_to_attributes shape = snug_sum_to_shape(type);
    return SNUG_EMIT(graph, &snug_op_sum_to, &shape, gradient);
}

// The same for the gradient |a| * |b|; fused where it is summed and neither factor repeats.
static inline snug_tensor_id snug_broadcast_back_product(snug_graph *graph, const snug_type *type,
                                                         snug_tensor_id a, snug_tensor_id b) {
    const snug_type *whole = snug_graph_type(graph, a);
    bool alike = snug_type_equal(whole, snug_graph_type(graph, b));
    if (alike && !snug_type_same_shape(type, whole)) {
        snug_sum_to_attributes shape = snug_sum_to_shape(type);
        return SNUG_EMIT(graph, &snug_op_multiply_sum_to, &shape, a, b);
    }
    return snug_broadcast_back(graph, type, SNUG_EMIT(graph, &snug_op_multiply, NULL, a, b));
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
