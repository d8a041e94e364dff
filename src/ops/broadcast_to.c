#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_broadcast_to_attributes, rank, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_broadcast_to_attributes, dims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_broadcast_to_attributes, layout, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_broadcast_to_attributes, reduced, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_broadcast_to_attributes, scale, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

// Whether |x| is |y| with the dimensions in |reduced| of extent 1, or without them.
static bool repeats_to(const snug_type *x, const snug_type *y, int64_t reduced) {
    bool kept = x->rank == y->rank;
    if (x->layout != (kept ? y->layout : SNUG_ROW_MAJOR)) return false;
    int next = 0;
    for (int i = 0; i < y->rank; i++) {
        bool is_reduced = reduced >> i & 1;
        if (is_reduced && !kept) continue;
        if (next == x->rank || x->dims[next++] != (is_reduced ? 1 : y->dims[i])) return false;
    }
    return next == x->rank;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_broadcast_to_attributes *target = attributes;
    if (target->rank < 0 || target->rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID, "a rank from 0 to %d expected, found %lld", SNUG_MAX_RANK,
                         (long long)target->rank);
    if (target->layout != SNUG_ROW_MAJOR && target->layout != SNUG_CHANNELS_LAST)
        return snug_fail(SNUG_INVALID, "a layout expected, found %lld", (long long)target->layout);
    snug_type y = snug_type_make(inputs[0].dtype, (snug_layout)target->layout, (int)target->rank,
                                 target->dims);
    char from[SNUG_TYPE_TEXT], to[SNUG_TYPE_TEXT];
    if (!repeats_to(&inputs[0], &y, target->reduced))
        return snug_fail(SNUG_INVALID,
                         "%s expected without the dimensions in bits %llx, or with 1 in their "
                         "place; found %s",
                         snug_type_print(&y, to), (unsigned long long)target->reduced,
                         snug_type_print(&inputs[0], from));
    outputs[0] = y;
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_graph *graph = backward->graph;
    const snug_broadcast_to_attributes *forward = (const void *)node->attributes;
    const snug_type *x = snug_graph_type(graph, node->inputs[0]);
    snug_reduce_attributes back = {.axes = forward->reduced, .keepdims = x->rank == forward->rank};
    snug_tensor_id dx =
        SNUG_EMIT(graph, &snug_op_reduce_sum, &back, snug_backward_of(backward, node, 0));
    if (forward->scale != 1) {
        snug_fill_attributes scale = {.value = forward->scale, .dtype = x->dtype};
        dx = SNUG_EMIT(graph, &snug_op_multiply, NULL, dx,
                       SNUG_EMIT_NONE(graph, &snug_op_fill, &scale));
    }
    snug_backward_give(backward, node, 0, dx);
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_broadcast_to_attributes *target = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    bool kept = x->type.rank == y->type.rank;
    int64_t elements = snug_type_elements(&y->type), at[SNUG_MAX_RANK], from[SNUG_MAX_RANK];
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&y->type, i, at);
        int rank = 0;
        for (int j = 0; j < y->type.rank; j++)
            if (kept || !(target->reduced >> j & 1)) from[rank++] = at[j];
        double value = snug_view_get(x, snug_reference_broadcast_index(&x->type, rank, from));
        snug_view_set(y, snug_reference_broadcast_index(&y->type, y->type.rank, at),
                      value * target->scale);
    }
    return SNUG_OK;
}

static const snug_broadcast_to_attributes
    pixels = {.rank = 4,
              .dims = {2, 5, 3, 4},
              .layout = SNUG_CHANNELS_LAST,
              .reduced = 12,
              .scale = 1.0 / 12},
    rows = {.rank = 2, .dims = {5, 7}, .reduced = 1, .scale = 1},
    all = {.rank = 3, .dims = {2, 3, 4}, .reduced = 7, .scale = 0.5};

static const snug_sample samples[] = {
    {.name = "pixels",
     .attributes = &pixels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 5)}},
    {.name = "kept pixels",
     .attributes = &pixels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 1, 1)}},
    {.name = "rows", .attributes = &rows, .input_count = 1, .inputs = {SNUG_SAMPLE_ROW_MAJOR(7)}},
    {.name = "scalar", .attributes = &all, .input_count = 1, .inputs = {SNUG_SAMPLE_SCALAR}},
};

const snug_op snug_op_broadcast_to = {
    .name = "broadcast_to",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_broadcast_to_attributes),
    .infer = infer,
    .gradient = gradient,
    .rows = {.inputs = 1},
    .flops = snug_flops_output,
    .reference = kernel,
    .onnx = "Expand",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_broadcast_to, NULL};
const snug_op_file snug_ops_broadcast_to = {ops};
