#include "ops/sample.h"
#include "ops/scatter.h"

// |part| lies within |whole| but along the axis.
static snug_status check_part(const snug_type *whole, const snug_type *part, int64_t axis) {
    bool fits = axis >= 0 && axis < whole->rank && part->rank == whole->rank;
    for (int i = 0; fits && i < whole->rank; i++)
        fits = i == axis || part->dims[i] <= whole->dims[i];
    if (fits) return snug_check_indices(part);
    char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    return snug_fail(SNUG_INVALID, "indices within %s but along axis %lld expected, found %s",
                     snug_type_print(whole, text), (long long)axis, snug_type_print(part, other));
}

static snug_status infer_gather(const void *attributes, const snug_type *inputs, int input_count,
                                snug_type *outputs) {
    const snug_scatter_attributes *scatter = attributes;
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    SNUG_TRY(check_part(&inputs[0], &inputs[1], scatter->axis));
    outputs[0] = inputs[1];
    outputs[0].dtype = inputs[0].dtype;
    return SNUG_OK;
}

static snug_status infer_scatter(const void *attributes, const snug_type *inputs, int input_count,
                                 snug_type *outputs) {
    const snug_scatter_attributes *scatter = attributes;
    SNUG_TRY(snug_scatter_check(scatter));
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    SNUG_TRY(check_part(&inputs[0], &inputs[1], scatter->axis));
    if (!snug_type_same_shape(&inputs[1], &inputs[2]) || inputs[2].dtype != inputs[0].dtype) {
        char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID, "updates of %s shaped like %s expected, found %s",
                         snug_dtype_name(inputs[0].dtype), snug_type_print(&inputs[1], text),
                         snug_type_print(&inputs[2], other));
    }
    outputs[0] = inputs[0];
    return SNUG_OK;
}

// Memory index in |whole| of what element |linear| of the indices points to.
static snug_status find(const snug_view *indices, int64_t linear, const snug_type *whole,
                        int64_t axis, int64_t *out) {
    int64_t at[SNUG_MAX_RANK] = {0};
    snug_reference_coordinates(&indices->type, linear, at);
    SNUG_TRY(snug_view_place(indices, linear, whole->dims[axis], &at[axis]));
    *out = snug_place(whole, at);
    return SNUG_OK;
}

static snug_status gather_kernel(const snug_call *call) {
    const snug_scatter_attributes *scatter = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type), from;
    for (int64_t i = 0; i < elements; i++) {
        SNUG_TRY(find(&call->inputs[1], i, &x->type, scatter->axis, &from));
        snug_view_copy(y, i, x, from);
    }
    return SNUG_OK;
}

static snug_status scatter_kernel(const snug_call *call) {
    const snug_scatter_attributes *scatter = call->attributes;
    const snug_view *updates = &call->inputs[2], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&updates->type), to;
    snug_scatter_begin(call);
    for (int64_t i = 0; i < elements; i++) {
        SNUG_TRY(find(&call->inputs[1], i, &y->type, scatter->axis, &to));
        snug_scatter_put(y, to, updates, i, scatter->reduction);
    }
    return SNUG_OK;
}

static snug_status gather_gradient(snug_backward *backward, const snug_node *node) {
    return snug_gather_gradient(backward, node, &snug_op_scatter_elements);
}

static snug_status scatter_gradient(snug_backward *backward, const snug_node *node) {
    return snug_scatter_gradient(backward, node, &snug_op_gather_elements,
                                 &snug_op_scatter_elements);
}

static const snug_scatter_attributes columns = {.axis = 1}, rows = {.axis = 0},
                                     added = {.axis = 1, .reduction = SNUG_SCATTER_ADD};

#define I64(...) SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, __VA_ARGS__)
#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define SAMPLE(label, settings, below, count, ...)                                                 \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = (count),                        \
        .inputs = {__VA_ARGS__}, .integer_below = (below)                                          \
    }
static const snug_sample gather_samples[] = {
    SAMPLE("columns", columns, 7, 2, ROWS(5, 7), I64(4, 9)),
    SAMPLE("rows", rows, 5, 2, ROWS(5, 7), SNUG_SAMPLE_INT32(3, 7)),
};
// Where updates are put, each at a place of its own.
static const snug_sample scatter_samples[] = {
    SAMPLE("put", columns, 1, 3, ROWS(5, 7), I64(4, 1), ROWS(4, 1)),
    SAMPLE("added", added, 7, 3, ROWS(5, 7), SNUG_SAMPLE_INT32(4, 9), ROWS(4, 9)),
};

SNUG_SCATTER_OP(gather_elements, 2, infer_gather, gather_gradient, 2, 0, gather_kernel,
                "GatherElements", gather_samples);
SNUG_SCATTER_OP(scatter_elements, 3, infer_scatter, scatter_gradient, 2, 1, scatter_kernel,
                "ScatterElements", scatter_samples);

static const snug_op *const ops[] = {&snug_op_gather_elements, &snug_op_scatter_elements, NULL};
const snug_op_file snug_ops_gather_elements = {ops};
