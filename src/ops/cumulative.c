#include "graph/autodiff.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_cumulative_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_cumulative_attributes, exclusive, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_cumulative_attributes, reverse, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_cumulative_attributes *along = attributes;
    SNUG_TRY(snug_axis_check(&inputs[0], along->axis));
    return snug_infer_same(attributes, inputs, input_count, outputs);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_cumulative_attributes back =
        *(const snug_cumulative_attributes *)(const void *)node->attributes;
    back.reverse = !back.reverse;
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_cumulative_sum, &back,
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

typedef struct total {
    double real;
    snug_wide whole;
} total;

// |data|'s element |index| joins the running total.
static void join(total *sum, const snug_view *x, int64_t index, bool multiplies) {
    if (snug_dtype_is_float(x->type.dtype)) {
        double value = snug_view_get(x, index);
        sum->real = multiplies ? sum->real * value : sum->real + value;
        return;
    }
    int64_t value = (int64_t)snug_reference_load_whole(x->data, x->type.dtype, index);
    uint64_t so_far = (uint64_t)sum->whole; // wraps round
    sum->whole = (int64_t)(multiplies ? so_far * (uint64_t)value : so_far + (uint64_t)value);
}

static void store(const total *sum, const snug_view *y, int64_t index) {
    if (snug_dtype_is_float(y->type.dtype))
        snug_view_set(y, index, sum->real);
    else
        snug_reference_store_whole(y->data, y->type.dtype, index, sum->whole);
}

static snug_status run(const snug_call *call, bool multiplies) {
    const snug_cumulative_attributes *along = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    snug_axis axis = snug_axis_of(&x->type, along->axis);
    for (int64_t line = 0; line < axis.lines; line++) {
        total sum = {multiplies, multiplies};
        for (int64_t i = 0; i < axis.length; i++) {
            int64_t place = along->reverse ? axis.length - 1 - i : i;
            int64_t at = snug_axis_start(&axis, line) + place * axis.stride;
            total before = sum;
            join(&sum, x, at, multiplies); // x may lie where y does
            store(along->exclusive ? &before : &sum, y, at);
        }
    }
    return SNUG_OK;
}

static snug_status sum_kernel(const snug_call *call) {
    return run(call, false);
}

static snug_status product_kernel(const snug_call *call) {
    return run(call, true);
}

static const snug_cumulative_attributes columns = {.axis = 1}, before = {.axis = 0, .exclusive = 1},
                                        after = {.axis = 1, .exclusive = 1, .reverse = 1};

#define SAMPLE(label, settings, ...)                                                               \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 1, .inputs = {__VA_ARGS__},     \
        .integer_below = 4                                                                         \
    }
static const snug_sample samples[] = {
    SAMPLE("columns", columns, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("before", before, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("after", after, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("integers", after, SNUG_SAMPLE_INT32(5, 7)),
};

#define OP(stem, gradient_function, onnx_name)                                                     \
    const snug_op snug_op_cumulative_##stem = {                                                    \
        .name = "cumulative_" #stem,                                                               \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_cumulative_attributes),                                     \
        .infer = infer,                                                                            \
        .gradient = (gradient_function),                                                           \
        .overwrites = 1,                                                                           \
        .precision = SNUG_PRECISION_FULL,                                                          \
        .flops = snug_flops_output,                                                                \
        .reference = stem##_kernel,                                                                \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(samples),                                                                     \
    }
OP(sum, gradient, "CumSum");
OP(product, NULL, "CumProd");

static const snug_op *const ops[] = {&snug_op_cumulative_sum, &snug_op_cumulative_product, NULL};
const snug_op_file snug_ops_cumulative = {ops};
