#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_strided_slice_attributes, start, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_strided_slice_attributes, step, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_strided_slice_attributes, length, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_strided_slice_attributes, extent, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// The slice lies within |extent| elements.
static snug_status check(const snug_strided_slice_attributes *slice, int dimension,
                         int64_t extent) {
    int64_t start = slice->start[dimension], step = slice->step[dimension];
    int64_t length = slice->length[dimension], last;
    if (length == 0) return SNUG_OK;
    bool fits = length > 0 && start >= 0 && start < extent &&
                !__builtin_mul_overflow(length - 1, step, &last) &&
                !__builtin_add_overflow(last, start, &last) && last >= 0 && last < extent;
    if (fits) return SNUG_OK;
    return snug_fail(SNUG_INVALID,
                     "a slice within %lld elements expected, found %lld from %lld in steps of %lld",
                     (long long)extent, (long long)length, (long long)start, (long long)step);
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_strided_slice_attributes *slice = attributes;
    outputs[0] = inputs[0];
    for (int i = 0; i < inputs[0].rank; i++) {
        SNUG_TRY(check(slice, i, inputs[0].dims[i]));
        outputs[0].dims[i] = slice->length[i];
    }
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    const snug_strided_slice_attributes *slice = attributes;
    outputs[0] = inputs[0];
    for (int i = 0; i < inputs[0].rank; i++) {
        SNUG_TRY(check(slice, i, slice->extent[i]));
        if (inputs[0].dims[i] != slice->length[i])
            return snug_fail(SNUG_INVALID, "an extent of %lld expected along axis %d, found %lld",
                             (long long)slice->length[i], i, (long long)inputs[0].dims[i]);
        outputs[0].dims[i] = slice->extent[i];
    }
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_strided_slice_attributes back =
        *(const snug_strided_slice_attributes *)(const void *)node->attributes;
    const snug_type *x = snug_graph_type(backward->graph, node->inputs[0]);
    memcpy(back.extent, x->dims, sizeof back.extent);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_strided_slice_backward, &back,
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

// Copies between |part| and the elements of |whole| that it is the slice of.
static void copy(const snug_strided_slice_attributes *slice, const snug_view *whole,
                 const snug_view *part, bool into) {
    int64_t elements = snug_type_elements(&part->type), at[SNUG_MAX_RANK] = {0},
            from[SNUG_MAX_RANK] = {0};
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&part->type, i, at);
        for (int j = 0; j < part->type.rank; j++)
            from[j] = slice->start[j] + at[j] * slice->step[j];
        int64_t in_part = snug_place(&part->type, at), in_whole = snug_place(&whole->type, from);
        if (into)
            snug_view_copy(whole, in_whole, part, in_part);
        else
            snug_view_copy(part, in_part, whole, in_whole);
    }
}

static snug_status kernel(const snug_call *call) {
    copy(call->attributes, &call->inputs[0], &call->outputs[0], false);
    return SNUG_OK;
}

// Steps of 0 would put several elements in one place; no slice of ONNX's has them.
static snug_status backward_kernel(const snug_call *call) {
    snug_view_clear(&call->outputs[0]);
    copy(call->attributes, &call->outputs[0], &call->inputs[0], true);
    return SNUG_OK;
}

static const snug_strided_slice_attributes
    steps = {.start = {1, 6}, .step = {2, -3}, .length = {2, 3}, .extent = {5, 7}},
    image = {.start = {0, 1, 0, 3},
             .step = {1, 2, 1, -1},
             .length = {2, 2, 2, 4},
             .extent = {2, 5, 3, 4}},
    none = {.start = {0, 0}, .step = {1, 1}, .length = {5, 0}, .extent = {5, 7}};

#define SAMPLE(label, settings, ...)                                                               \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 1, .inputs = { __VA_ARGS__ }    \
    }
static const snug_sample samples[] = {
    SAMPLE("steps", steps, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("image", image, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("none", none, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("int32", steps, SNUG_SAMPLE_INT32(5, 7)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("steps", steps, SNUG_SAMPLE_ROW_MAJOR(2, 3)),
    SAMPLE("image", image, SNUG_SAMPLE_IMAGE(2, 2, 2, 4)),
    SAMPLE("none", none, SNUG_SAMPLE_ROW_MAJOR(5, 0)),
};

#define OP(stem, infer_function, gradient_function, function, sample_array)                        \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_strided_slice_attributes),                                  \
        .infer = (infer_function),                                                                 \
        .gradient = (gradient_function),                                                           \
        .reference = (function),                                                                   \
        SNUG_SAMPLES(sample_array),                                                                \
    }
OP(strided_slice, infer, gradient, kernel, samples);
OP(strided_slice_backward, infer_backward, NULL, backward_kernel, backward_samples);

static const snug_op *const ops[] = {&snug_op_strided_slice, &snug_op_strided_slice_backward, NULL};
const snug_op_file snug_ops_strided_slice = {ops};
