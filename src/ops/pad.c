#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_pad_attributes, before, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pad_attributes, after, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pad_attributes, extent, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pad_attributes, mode, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_pad_attributes, value, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

static snug_status check(const snug_pad_attributes *pad, int dimension, int64_t extent,
                         int64_t *padded) {
    int64_t before = pad->before[dimension], after = pad->after[dimension];
    bool fits = !__builtin_add_overflow(extent, before, padded) &&
                !__builtin_add_overflow(*padded, after, padded) && *padded >= 0;
    // There must be something to take from.
    fits = fits && (pad->mode == SNUG_PAD_CONSTANT || extent > 0 || *padded == 0);
    if (fits) return SNUG_OK;
    return snug_fail(SNUG_INVALID, "%lld elements cannot be padded by %lld and %lld",
                     (long long)extent, (long long)before, (long long)after);
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_pad_attributes *pad = attributes;
    if (pad->mode < SNUG_PAD_CONSTANT || pad->mode > SNUG_PAD_WRAP)
        return snug_fail(SNUG_INVALID, "a mode of padding expected, found %lld",
                         (long long)pad->mode);
    if (input_count == 2 &&
        (snug_type_elements(&inputs[1]) != 1 || inputs[1].dtype != inputs[0].dtype)) {
        char text[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID, "one element of %s expected as the value, found %s",
                         snug_dtype_name(inputs[0].dtype), snug_type_print(&inputs[1], text));
    }
    outputs[0] = inputs[0];
    for (int i = 0; i < inputs[0].rank; i++)
        SNUG_TRY(check(pad, i, inputs[0].dims[i], &outputs[0].dims[i]));
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    const snug_pad_attributes *pad = attributes;
    outputs[0] = inputs[0];
    for (int i = 0; i < inputs[0].rank; i++) {
        int64_t padded;
        SNUG_TRY(check(pad, i, pad->extent[i], &padded));
        if (inputs[0].dims[i] != padded)
            return snug_fail(SNUG_INVALID, "an extent of %lld expected along axis %d, found %lld",
                             (long long)padded, i, (long long)inputs[0].dims[i]);
        outputs[0].dims[i] = pad->extent[i];
    }
    return SNUG_OK;
}

// What constants surround is cut out again; the value gets what remains.
static void give_constant(snug_backward *backward, const snug_node *node, snug_tensor_id dy) {
    snug_graph *graph = backward->graph;
    const snug_pad_attributes *forward = (const void *)node->attributes;
    snug_pad_attributes back = {.mode = SNUG_PAD_CONSTANT};
    int rank = snug_graph_type(graph, node->inputs[0])->rank;
    for (int i = 0; i < rank; i++) {
        back.before[i] = -forward->before[i];
        back.after[i] = -forward->after[i];
    }
    snug_tensor_id inside = SNUG_EMIT(graph, &snug_op_pad, &back, dy);
    snug_backward_give(backward, node, 0, inside);
    if (!snug_backward_wants(backward, node, 1)) return;
    snug_reduce_attributes all = {.axes = (INT64_C(1) << rank) - 1};
    snug_tensor_id rest =
        SNUG_EMIT(graph, &snug_op_subtract, NULL, SNUG_EMIT(graph, &snug_op_reduce_sum, &all, dy),
                  SNUG_EMIT(graph, &snug_op_reduce_sum, &all, inside));
    const snug_type *value = snug_graph_type(graph, node->inputs[1]);
    snug_reshape_attributes shape = {.rank = value->rank, .layout = value->layout};
    memcpy(shape.dims, value->dims, sizeof shape.dims);
    snug_backward_give(backward, node, 1, SNUG_EMIT(graph, &snug_op_reshape, &shape, rest));
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_pad_attributes back = *(const snug_pad_attributes *)(const void *)node->attributes;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    if (back.mode == SNUG_PAD_CONSTANT) {
        give_constant(backward, node, dy);
        return SNUG_OK;
    }
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    memcpy(back.extent, x->dims, sizeof back.extent);
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(backward, node, 0,
                           SNUG_EMIT(backward->graph, &snug_op_pad_backward, &back, dy));
    return SNUG_OK;
}

// The place in x that the padded place |at| takes from, or -1.
static int64_t source(int64_t at, int64_t extent, int64_t mode) {
    int64_t period = mode == SNUG_PAD_REFLECT ? 2 * (extent - 1) : extent;
    if (at >= 0 && at < extent) return at;
    if (mode == SNUG_PAD_CONSTANT) return -1;
    if (mode == SNUG_PAD_EDGE) return at < 0 ? 0 : extent - 1;
    if (period == 0) return 0;
    int64_t folded = (at % period + period) % period;
    return folded < extent ? folded : period - folded;
}

// Memory index in |x| of what the place |at| of the padded tensor takes, or -1.
static int64_t find_source(const snug_pad_attributes *pad, const snug_type *x, const int64_t *at) {
    int64_t from[SNUG_MAX_RANK] = {0};
    for (int i = 0; i < x->rank; i++) {
        from[i] = source(at[i] - pad->before[i], x->dims[i], pad->mode);
        if (from[i] < 0) return -1;
    }
    return snug_place(x, from);
}

static snug_status kernel(const snug_call *call) {
    const snug_pad_attributes *pad = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    bool has_value = call->input_count == 2 && call->inputs[1].data;
    int64_t elements = snug_type_elements(&y->type), at[SNUG_MAX_RANK] = {0};
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&y->type, i, at);
        int64_t from = find_source(pad, &x->type, at), to = snug_place(&y->type, at);
        if (from >= 0)
            snug_view_copy(y, to, x, from);
        else if (has_value)
            snug_view_copy(y, to, &call->inputs[1], 0);
        else
            snug_view_set(y, to, pad->value);
    }
    return SNUG_OK;
}

// Sums in dx's own type: an element takes part a few times.
static snug_status backward_kernel(const snug_call *call) {
    const snug_pad_attributes *pad = call->attributes;
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    int64_t elements = snug_type_elements(&dy->type), at[SNUG_MAX_RANK] = {0};
    snug_view_clear(dx);
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&dy->type, i, at);
        int64_t to = find_source(pad, &dx->type, at);
        if (to < 0) continue;
        snug_view_set(dx, to, snug_view_get(dx, to) + snug_view_get(dy, snug_place(&dy->type, at)));
    }
    return SNUG_OK;
}

static const snug_pad_attributes
    constant = {.before = {1, -2}, .after = {0, 3}, .value = 2.5},
    around = {.before = {0, 0, 1, 2}, .after = {0, 1, 1, -1}},
    reflect = {.before = {2, 3}, .after = {4, 1}, .extent = {4, 5}, .mode = SNUG_PAD_REFLECT},
    edge = {.before = {0, 0, 2, 1},
            .after = {0, 0, 1, -1},
            .extent = {2, 5, 3, 4},
            .mode = SNUG_PAD_EDGE},
    wrap = {.before = {5, 1}, .after = {1, 7}, .extent = {4, 5}, .mode = SNUG_PAD_WRAP};

#define SAMPLE(label, settings, count, ...)                                                        \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = (count), .inputs = {            \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
static const snug_sample samples[] = {
    SAMPLE("constant", constant, 1, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("a given value", constant, 2, SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_SCALAR),
    SAMPLE("image", around, 1, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("reflect", reflect, 1, SNUG_SAMPLE_ROW_MAJOR(4, 5)),
    SAMPLE("edge", edge, 1, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("wrap", wrap, 1, SNUG_SAMPLE_ROW_MAJOR(4, 5)),
    SAMPLE("around nothing", constant, 1, SNUG_SAMPLE_ROW_MAJOR(0, 7)),
    SAMPLE("int32", constant, 1, SNUG_SAMPLE_INT32(5, 7)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("reflect", reflect, 1, SNUG_SAMPLE_ROW_MAJOR(10, 9)),
    SAMPLE("edge", edge, 1, SNUG_SAMPLE_IMAGE(2, 5, 6, 4)),
    SAMPLE("wrap", wrap, 1, SNUG_SAMPLE_ROW_MAJOR(10, 13)),
};

#define OP(stem, most, infer_function, gradient_function, function, onnx_name, sample_array)       \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = 1,                                                                           \
        .max_inputs = (most),                                                                      \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_pad_attributes),                                            \
        .infer = (infer_function),                                                                 \
        .gradient = (gradient_function),                                                           \
        .reference = (function),                                                                   \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(sample_array),                                                                \
    }
OP(pad, 2, infer, gradient, kernel, "Pad", samples);
OP(pad_backward, 1, infer_backward, NULL, backward_kernel, NULL, backward_samples);

static const snug_op *const ops[] = {&snug_op_pad, &snug_op_pad_backward, NULL};
const snug_op_file snug_ops_pad = {ops};
