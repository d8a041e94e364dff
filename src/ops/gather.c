#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_gather_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_gather_attributes, rank, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_gather_attributes, dims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// The shape that slices of |x| at indices of the type |indices| have.
static snug_status gathered(const snug_type *x, int64_t axis, const snug_type *indices,
                            snug_type *out) {
    char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    SNUG_TRY(snug_check_indices(indices));
    int rank = x->rank - 1 + indices->rank;
    if (axis < 0 || axis >= x->rank || rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID,
                         "an axis of %s, and at most %d dimensions in all, expected; found axis "
                         "%lld and indices %s",
                         snug_type_print(x, text), SNUG_MAX_RANK, (long long)axis,
                         snug_type_print(indices, other));
    *out = (snug_type){.dtype = x->dtype, .rank = rank};
    int to = 0;
    for (int i = 0; i < axis; i++)
        out->dims[to++] = x->dims[i];
    for (int i = 0; i < indices->rank; i++)
        out->dims[to++] = indices->dims[i];
    for (int i = (int)axis + 1; i < x->rank; i++)
        out->dims[to++] = x->dims[i];
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_gather_attributes *gather = attributes;
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    return gathered(&inputs[0], gather->axis, &inputs[1], &outputs[0]);
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    const snug_gather_attributes *gather = attributes;
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    if (gather->rank < 1 || gather->rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID, "a rank from 1 to %d expected, found %lld", SNUG_MAX_RANK,
                         (long long)gather->rank);
    snug_type x = snug_type_make(inputs[1].dtype, SNUG_ROW_MAJOR, (int)gather->rank, gather->dims),
              dy;
    SNUG_TRY(gathered(&x, gather->axis, &inputs[0], &dy));
    if (!snug_type_equal(&dy, &inputs[1])) {
        char expected[SNUG_TYPE_TEXT], found[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID, "%s expected, found %s", snug_type_print(&dy, expected),
                         snug_type_print(&inputs[1], found));
    }
    outputs[0] = x;
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_gather_attributes back = *(const snug_gather_attributes *)(const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    back.rank = x->rank;
    memcpy(back.dims, x->dims, sizeof back.dims);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_gather_backward, &back, node->inputs[1],
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

// The tensor as [outer][extent][inner] around the axis.
static void split(const snug_type *x, int64_t axis, int64_t *outer, int64_t *inner) {
    *outer = *inner = 1;
    for (int i = 0; i < x->rank; i++)
        if (i != axis) *(i < axis ? outer : inner) *= x->dims[i];
}

static snug_status kernel(const snug_call *call) {
    const snug_gather_attributes *gather = call->attributes;
    const snug_view *x = &call->inputs[0], *indices = &call->inputs[1], *y = &call->outputs[0];
    int64_t outer, inner, extent = x->type.dims[gather->axis], place;
    int64_t count = snug_type_elements(&indices->type);
    split(&x->type, gather->axis, &outer, &inner);
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < count; j++) {
            SNUG_TRY(snug_view_place(indices, j, extent, &place));
            for (int64_t k = 0; k < inner; k++)
                snug_view_copy(y, (i * count + j) * inner + k, x, (i * extent + place) * inner + k);
        }
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_gather_attributes *gather = call->attributes;
    const snug_view *indices = &call->inputs[0], *dy = &call->inputs[1], *dx = &call->outputs[0];
    int64_t outer, inner, extent = dx->type.dims[gather->axis], place;
    int64_t count = snug_type_elements(&indices->type);
    split(&dx->type, gather->axis, &outer, &inner);
    snug_view_clear(dx);
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < count; j++) {
            SNUG_TRY(snug_view_place(indices, j, extent, &place));
            for (int64_t k = 0; k < inner; k++) {
                int64_t to = (i * extent + place) * inner + k;
                snug_view_set(
                    dx, to, snug_view_get(dx, to) + snug_view_get(dy, (i * count + j) * inner + k));
            }
        }
    return SNUG_OK;
}

static const snug_gather_attributes rows = {.axis = 0, .rank = 2, .dims = {5, 7}},
                                    middle = {.axis = 1, .rank = 3, .dims = {2, 4, 3}};

#define I64(...) SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, __VA_ARGS__)
#define SAMPLE(label, settings, below, ...)                                                        \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 2, .inputs = {__VA_ARGS__},     \
        .integer_below = (below)                                                                   \
    }
static const snug_sample samples[] = {
    SAMPLE("rows", rows, 5, SNUG_SAMPLE_ROW_MAJOR(5, 7), I64(2, 9)),
    SAMPLE("middle", middle, 4, SNUG_SAMPLE_ROW_MAJOR(2, 4, 3), SNUG_SAMPLE_INT32(2, 3)),
    SAMPLE("one", middle, 4, SNUG_SAMPLE_ROW_MAJOR(2, 4, 3), {.dtype = SNUG_I64}),
    SAMPLE("none", middle, 4, SNUG_SAMPLE_ROW_MAJOR(2, 4, 3), I64(0)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("rows", rows, 5, I64(2, 9), SNUG_SAMPLE_ROW_MAJOR(2, 9, 7)),
    SAMPLE("middle", middle, 4, SNUG_SAMPLE_INT32(2, 3), SNUG_SAMPLE_ROW_MAJOR(2, 2, 3, 3)),
};

#define OP(stem, infer_function, gradient_function, read, first, class, function, onnx_name,       \
           sample_array)                                                                           \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = 2,                                                                           \
        .max_inputs = 2,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_gather_attributes),                                         \
        .infer = (infer_function),                                                                 \
        .gradient = (gradient_function),                                                           \
        .gradient_inputs = (read),                                                                 \
        .roles = {SNUG_INPUT_##first},                                                             \
        .precision = SNUG_PRECISION_##class,                                                       \
        .reference = (function),                                                                   \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(sample_array),                                                                \
    }
OP(gather, infer, gradient, 2, TABLE, FOLLOW, kernel, "Gather", samples);
OP(gather_backward, infer_backward, NULL, 0, DATA, FULL, backward_kernel, NULL, backward_samples);

static const snug_op *const ops[] = {&snug_op_gather, &snug_op_gather_backward, NULL};
const snug_op_file snug_ops_gather = {ops};
