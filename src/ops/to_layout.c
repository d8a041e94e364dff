#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_to_layout_attributes, layout, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_to_layout_attributes *target = attributes;
    if (target->layout != SNUG_ROW_MAJOR && target->layout != SNUG_CHANNELS_LAST)
        return snug_fail(SNUG_INVALID, "a layout expected, found %lld", (long long)target->layout);
    if (target->layout == SNUG_CHANNELS_LAST && inputs[0].rank < 3)
        return snug_fail(SNUG_INVALID,
                         "channels last needs 3 dimensions or more, found a tensor of %d",
                         inputs[0].rank);
    outputs[0] = inputs[0];
    outputs[0].layout = (snug_layout)target->layout;
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_to_layout_attributes back = {
        .layout = snug_graph_type(backward->graph, node->inputs[0])->layout};
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_to_layout, &back, dy));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&x->type), at[SNUG_MAX_RANK];
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&x->type, i, at);
        int64_t from = snug_reference_broadcast_index(&x->type, x->type.rank, at);
        int64_t to = snug_reference_broadcast_index(&y->type, y->type.rank, at);
        snug_view_set(y, to, snug_view_get(x, from));
    }
    return SNUG_OK;
}

static const snug_to_layout_attributes row_major = {SNUG_ROW_MAJOR},
                                       channels_last = {SNUG_CHANNELS_LAST};

static const snug_sample samples[] = {
    {.name = "to row-major",
     .attributes = &row_major,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
    {.name = "to channels last",
     .attributes = &channels_last,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 5, 3, 4)}},
    {.name = "as it is",
     .attributes = &channels_last,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

const snug_op snug_op_to_layout = {
    .name = "to_layout",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_to_layout_attributes),
    .infer = infer,
    .gradient = gradient,
    .rows = {.inputs = 1},
    .keeps_values = true,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_to_layout, NULL};
const snug_op_file snug_ops_to_layout = {ops};
