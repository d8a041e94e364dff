#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_reshape_attributes, rank, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_reshape_attributes, dims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_reshape_attributes, layout, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// Whether counting |type|'s dimensions in row-major order walks its memory in order.
static bool is_linear(const snug_type *type) {
    if (type->layout == SNUG_ROW_MAJOR || type->rank < 3 || type->dims[1] == 1) return true;
    int64_t pixels = 1;
    for (int i = 2; i < type->rank; i++)
        pixels *= type->dims[i];
    return pixels == 1;
}

// Channels-last tensors that differ in how their pixels are arranged alone.
static bool same_pixels(const snug_type *a, const snug_type *b) {
    return a->layout == SNUG_CHANNELS_LAST && b->layout == SNUG_CHANNELS_LAST && a->rank >= 3 &&
           b->rank >= 3 && a->dims[0] == b->dims[0] && a->dims[1] == b->dims[1];
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_reshape_attributes *target = attributes;
    const snug_type *x = &inputs[0];
    if (target->rank < 0 || target->rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID, "a rank from 0 to %d expected, found %lld", SNUG_MAX_RANK,
                         (long long)target->rank);
    if (target->layout != SNUG_ROW_MAJOR && target->layout != SNUG_CHANNELS_LAST)
        return snug_fail(SNUG_INVALID, "a layout expected, found %lld", (long long)target->layout);
    snug_type y =
        snug_type_make(x->dtype, (snug_layout)target->layout, (int)target->rank, target->dims);
    SNUG_TRY(snug_type_check(&y));
    char from[SNUG_TYPE_TEXT], to[SNUG_TYPE_TEXT];
    if (snug_type_elements(x) != snug_type_elements(&y))
        return snug_fail(SNUG_INVALID, "a shape of %lld elements expected for %s, found %s",
                         (long long)snug_type_elements(x), snug_type_print(x, from),
                         snug_type_print(&y, to));
    if (!(is_linear(x) && is_linear(&y)) && !same_pixels(x, &y))
        return snug_fail(SNUG_INVALID,
                         "%s cannot be read as %s without moving its elements: one pixel, one "
                         "channel or to_layout expected",
                         snug_type_print(x, from), snug_type_print(&y, to));
    outputs[0] = y;
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    snug_reshape_attributes back = {.rank = x->rank, .layout = x->layout};
    for (int i = 0; i < x->rank; i++)
        back.dims[i] = x->dims[i];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0, SNUG_EMIT(backward->graph, &snug_op_reshape, &back, dy));
    return SNUG_OK;
}

static const snug_reshape_attributes matrix = {.rank = 2, .dims = {6, 4}},
                                     flat = {.rank = 2, .dims = {2, 5}},
                                     image = {.rank = 4,
                                              .dims = {2, 5, 1, 1},
                                              .layout = SNUG_CHANNELS_LAST},
                                     pixels = {.rank = 3,
                                               .dims = {2, 5, 12},
                                               .layout = SNUG_CHANNELS_LAST};

static const snug_sample samples[] = {
    {.name = "matrix",
     .attributes = &matrix,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 3, 4)}},
    {.name = "flatten one pixel",
     .attributes = &flat,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 1, 1)}},
    {.name = "to one pixel",
     .attributes = &image,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(2, 5)}},
    {.name = "pixels in a line",
     .attributes = &pixels,
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)}},
};

const snug_op snug_op_reshape = {
    .name = "reshape",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_reshape_attributes),
    .infer = infer,
    .gradient = gradient,
    .is_view = true,
    .keeps_values = true,
    .onnx = "Reshape",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_reshape, NULL};
const snug_op_file snug_ops_reshape = {ops};
