#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_triangle_attributes, upper, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_triangle_attributes, diagonal, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    char text[SNUG_TYPE_TEXT];
    if (inputs[0].rank < 2 || inputs[0].layout != SNUG_ROW_MAJOR)
        return snug_fail(SNUG_INVALID, "row-major matrices expected, found %s",
                         snug_type_print(&inputs[0], text));
    return snug_infer_same(attributes, inputs, input_count, outputs);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_triangle, node->attributes,
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_triangle_attributes *triangle = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int rank = x->type.rank;
    int64_t rows = x->type.dims[rank - 2], columns = x->type.dims[rank - 1];
    int64_t elements = snug_type_elements(&x->type);
    for (int64_t i = 0; i < elements; i++) {
        int64_t row = i / columns % rows, column = i % columns;
        int64_t right = column - row; // of the main diagonal; |diagonal| may be anything
        bool stays = triangle->upper ? right >= triangle->diagonal : right <= triangle->diagonal;
        if (stays)
            snug_view_copy(y, i, x, i);
        else
            snug_view_set(y, i, 0);
    }
    return SNUG_OK;
}

static const snug_triangle_attributes upper = {.upper = 1}, lower = {.diagonal = -1};

#define SAMPLE(label, settings, ...)                                                               \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 1, .inputs = {__VA_ARGS__},     \
        .integer_below = 9                                                                         \
    }
static const snug_sample samples[] = {
    SAMPLE("upper", upper, SNUG_SAMPLE_ROW_MAJOR(2, 4, 5)),
    SAMPLE("lower", lower, SNUG_SAMPLE_ROW_MAJOR(5, 4)),
    SAMPLE("int64", upper, SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, 4, 4)),
};

const snug_op snug_op_triangle = {
    .name = "triangle",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_triangle_attributes),
    .infer = infer,
    .gradient = gradient,
    .overwrites = 1,
    .reference = kernel,
    .onnx = "Trilu",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_triangle, NULL};
const snug_op_file snug_ops_triangle = {ops};
