#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_reverse_attributes, time, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_reverse_attributes, batch, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_reverse_attributes *reverse = attributes;
    const snug_type *x = &inputs[0], *lengths = &inputs[1];
    bool fits = reverse->time >= 0 && reverse->time < x->rank && reverse->batch >= 0 &&
                reverse->batch < x->rank && reverse->time != reverse->batch && lengths->rank == 1 &&
                lengths->dims[0] == x->dims[reverse->batch];
    if (!fits) {
        char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID,
                         "two dimensions of %s and a length for each of the second expected, found "
                         "%lld, %lld and %s",
                         snug_type_print(x, text), (long long)reverse->time,
                         (long long)reverse->batch, snug_type_print(lengths, other));
    }
    SNUG_TRY(snug_check_indices(lengths));
    return snug_infer_same(attributes, inputs, input_count, outputs);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_reverse_sequence, node->attributes,
                                 snug_backward_of(backward, node, 0), node->inputs[1]));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_reverse_attributes *reverse = call->attributes;
    const snug_view *x = &call->inputs[0], *lengths = &call->inputs[1], *y = &call->outputs[0];
    int64_t elements = snug_type_elements(&x->type), most = x->type.dims[reverse->time];
    int64_t at[SNUG_MAX_RANK] = {0};
    for (int64_t i = 0; i < elements; i++) {
        snug_reference_coordinates(&x->type, i, at);
        int64_t to = snug_place(&x->type, at);
        int64_t length = (int64_t)snug_reference_load_whole(lengths->data, lengths->type.dtype,
                                                            at[reverse->batch]);
        if (length < 0 || length > most)
            return snug_fail(SNUG_INVALID, "a length from 0 to %lld expected, found %lld",
                             (long long)most, (long long)length);
        int64_t *time = &at[reverse->time];
        if (*time < length) *time = length - 1 - *time;
        snug_view_copy(y, to, x, snug_place(&x->type, at));
    }
    return SNUG_OK;
}

static const snug_reverse_attributes time_first = {.time = 0, .batch = 1},
                                     batch_first = {.time = 1, .batch = 0};

#define SAMPLE(label, settings, ...)                                                               \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 2, .inputs = {__VA_ARGS__},     \
        .integer_below = 5                                                                         \
    }
static const snug_sample samples[] = {
    SAMPLE("time first", time_first, SNUG_SAMPLE_ROW_MAJOR(4, 6, 3), SNUG_SAMPLE_INT32(6)),
    SAMPLE("batch first", batch_first, SNUG_SAMPLE_ROW_MAJOR(3, 5),
           SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, 3)),
};

const snug_op snug_op_reverse_sequence = {
    .name = "reverse_sequence",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_reverse_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 2,
    .reference = kernel,
    .onnx = "ReverseSequence",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_reverse_sequence, NULL};
const snug_op_file snug_ops_reverse_sequence = {ops};
