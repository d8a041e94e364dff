// x in another type: to floating-point numbers to nearest with ties to even, to integers towards
// zero, to bools whatever is not 0.
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_cast_attributes, dtype, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_cast_attributes *cast = attributes;
    if (!snug_dtype_is_valid(cast->dtype))
        return snug_fail(SNUG_INVALID, "an element type expected, found %lld",
                         (long long)cast->dtype);
    outputs[0] = inputs[0];
    outputs[0].dtype = (snug_dtype)cast->dtype;
    return SNUG_OK;
}

// A weight's gradient stays in few bits until the update or the accumulator takes it, both of
// which compute in float32: a copy in between would only take memory.
static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    const snug_tensor *x = graph->tensors[node->inputs[0]];
    if (!snug_dtype_is_float(x->type.dtype) || dy == SNUG_NO_TENSOR) return SNUG_OK;
    if (x->role == SNUG_ROLE_WEIGHT) {
        snug_backward_give(backward, node, 0, dy);
        return SNUG_OK;
    }
    snug_cast_attributes back = {.dtype = x->type.dtype};
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(backward, node, 0, SNUG_EMIT(graph, &snug_op_cast, &back, dy));
    return SNUG_OK;
}

static double same(const double *x, const double *parameters) {
    (void)parameters;
    return *x;
}

static snug_wide same_whole(const snug_wide *x) {
    return *x;
}

static snug_status kernel(const snug_call *call) {
    return snug_reference_elementwise(call, same, same_whole);
}

static const snug_cast_attributes to_f64 = {SNUG_F64}, to_f32 = {SNUG_F32}, to_bf16 = {SNUG_BF16},
                                  to_f16 = {SNUG_F16}, to_i64 = {SNUG_I64}, to_u8 = {SNUG_U8},
                                  to_bool = {SNUG_BOOL};

#define SAMPLE(label, to, skipped, ...)                                                            \
    {                                                                                              \
        .name = (label), .attributes = &(to), .input_count = 1, .inputs = {__VA_ARGS__},           \
        .no_gradient = (skipped)                                                                   \
    }
static const snug_sample samples[] = {
    SAMPLE("to float64", to_f64, 0, SNUG_SAMPLE_IMAGE(2, 3, 4, 5)),
    SAMPLE("to bfloat16", to_bf16, 1, SNUG_SAMPLE_IMAGE(2, 3, 4, 5)),
    SAMPLE("to float16", to_f16, 1, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("from bfloat16", to_f32, 1, SNUG_SAMPLE_TENSOR(SNUG_BF16, SNUG_ROW_MAJOR, 5, 7)),
    SAMPLE("to int64", to_i64, 1, SNUG_SAMPLE_IMAGE(2, 3, 4, 5)),
    SAMPLE("to bool", to_bool, 1, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("from bool", to_f32, 1, SNUG_SAMPLE_TENSOR(SNUG_BOOL, SNUG_ROW_MAJOR, 5, 7)),
    SAMPLE("between integers", to_u8, 1, SNUG_SAMPLE_TENSOR(SNUG_I32, SNUG_ROW_MAJOR, 5, 7)),
    SAMPLE("from int32", to_f32, 1, SNUG_SAMPLE_INT32(5, 7)),
    SAMPLE("from float16", to_f32, 1, SNUG_SAMPLE_TENSOR(SNUG_F16, SNUG_ROW_MAJOR, 5, 7)),
};

const snug_op snug_op_cast = {
    .name = "cast",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_cast_attributes),
    .infer = infer,
    .gradient = gradient,
    .keeps_values = true,
    .reference = kernel,
    .onnx = "Cast",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_cast, NULL};
const snug_op_file snug_ops_cast = {ops};
