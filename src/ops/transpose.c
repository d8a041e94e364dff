#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_transpose_attributes, perm, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_transpose_attributes, layout, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_transpose_attributes *transpose = attributes;
    const snug_type *x = &inputs[0];
    uint32_t seen = 0;
    snug_type y = *x;
    for (int i = 0; i < x->rank; i++) {
        int64_t from = transpose->perm[i];
        if (from < 0 || from >= x->rank || (seen >> from & 1))
            return snug_fail(SNUG_INVALID, "each of %d dimensions once expected, found %lld",
                             x->rank, (long long)from);
        seen |= UINT32_C(1) << from;
        y.dims[i] = x->dims[from];
    }
    bool is_layout = transpose->layout == SNUG_ROW_MAJOR ||
                     (transpose->layout == SNUG_CHANNELS_LAST && x->rank >= 3);
    if (!is_layout)
        return snug_fail(SNUG_INVALID, "a layout of %d dimensions expected, found %lld", x->rank,
                         (long long)transpose->layout);
    y.layout = (snug_layout)transpose->layout;
    outputs[0] = y;
    return SNUG_OK;
}

bool snug_transpose_moves_nothing(const snug_type *type,
                                  const snug_transpose_attributes *attributes) {
    snug_type y = {0};
    int64_t before[SNUG_MAX_RANK] = {0}, after[SNUG_MAX_RANK] = {0};
    if (infer(attributes, type, 1, &y) != SNUG_OK) return false;
    snug_type_strides(type, before);
    snug_type_strides(&y, after);
    for (int i = 0; i < y.rank; i++)
        if (y.dims[i] > 1 && after[i] != before[attributes->perm[i]]) return false;
    return true;
}

static snug_status infer_relabel(const void *attributes, const snug_type *inputs, int input_count,
                                 snug_type *outputs) {
    SNUG_TRY(infer(attributes, inputs, input_count, outputs));
    if (snug_transpose_moves_nothing(&inputs[0], attributes)) return SNUG_OK;
    char from[SNUG_TYPE_TEXT], to[SNUG_TYPE_TEXT];
    return snug_fail(SNUG_INVALID, "%s cannot be read as %s without moving its elements",
                     snug_type_print(&inputs[0], from), snug_type_print(&outputs[0], to));
}

// The way back stores dx as x is.
static snug_status emit_back(snug_backward *backward, const snug_node *node, const snug_op *op) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    const snug_transpose_attributes *forward = (const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    snug_transpose_attributes back = {.layout = x->layout};
    for (int i = 0; i < x->rank; i++)
        back.perm[forward->perm[i]] = i;
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, op, &back, snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

static snug_status transpose_gradient(snug_backward *backward, const snug_node *node) {
    return emit_back(backward, node, &snug_op_transpose);
}

static snug_status relabel_gradient(snug_backward *backward, const snug_node *node) {
    return emit_back(backward, node, &snug_op_relabel);
}

static snug_status kernel(const snug_call *call) {
    const snug_transpose_attributes *transpose = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&y->type), at[SNUG_MAX_RANK] = {0},
            from[SNUG_MAX_RANK] = {0};
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&y->type, i, at);
        for (int j = 0; j < y->type.rank; j++)
            from[transpose->perm[j]] = at[j];
        snug_view_copy(y, snug_place(&y->type, at), x, snug_place(&x->type, from));
    }
    return SNUG_OK;
}

static const snug_transpose_attributes matrix = {.perm = {1, 0}}, heads = {.perm = {0, 2, 1, 3}},
                                       keys = {.perm = {0, 2, 3, 1}},
                                       stored_last = {.perm = {3, 0, 1, 2},
                                                      .layout = SNUG_CHANNELS_LAST},
                                       channels_in = {.perm = {0, 3, 1, 2},
                                                      .layout = SNUG_CHANNELS_LAST};

#define SAMPLE(label, settings, ...)                                                               \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 1, .inputs = { __VA_ARGS__ }    \
    }
static const snug_sample samples[] = {
    SAMPLE("matrix", matrix, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("heads", heads, SNUG_SAMPLE_ROW_MAJOR(2, 3, 4, 5)),
    SAMPLE("keys", keys, SNUG_SAMPLE_ROW_MAJOR(2, 3, 4, 5)),
    SAMPLE("of an image", heads, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("to an image", stored_last, SNUG_SAMPLE_ROW_MAJOR(2, 5, 3, 4)),
    SAMPLE("nothing", matrix, SNUG_SAMPLE_ROW_MAJOR(0, 7)),
    SAMPLE("int64", matrix, SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, 5, 7)),
};
static const snug_sample relabel_samples[] = {
    SAMPLE("pixels first", keys, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("channels first", channels_in, SNUG_SAMPLE_ROW_MAJOR(2, 3, 4, 5)),
    SAMPLE("a dimension of 1", heads, SNUG_SAMPLE_ROW_MAJOR(2, 1, 4, 5)),
};

const snug_op snug_op_transpose = {
    .name = "transpose",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_transpose_attributes),
    .infer = infer,
    .gradient = transpose_gradient,
    .keeps_values = true,
    .reference = kernel,
    .onnx = "Transpose",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_relabel = {
    .name = "relabel",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_transpose_attributes),
    .infer = infer_relabel,
    .gradient = relabel_gradient,
    .is_view = true,
    SNUG_SAMPLES(relabel_samples),
};

static const snug_op *const ops[] = {&snug_op_transpose, &snug_op_relabel, NULL};
const snug_op_file snug_ops_transpose = {ops};
