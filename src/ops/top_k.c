#include "graph/autodiff.h"
#include "ops/axis.h"
#include "ops/groups.h"
#include "ops/place.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_top_k_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_top_k_attributes, k, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_top_k_attributes, largest, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    const snug_top_k_attributes *top = attributes;
    SNUG_TRY(snug_check_row_major(inputs, input_count));
    SNUG_TRY(snug_axis_check(&inputs[0], top->axis));
    if (top->k < 0 || top->k > inputs[0].dims[top->axis])
        return snug_fail(SNUG_INVALID, "0 to %lld elements expected, found %lld",
                         (long long)inputs[0].dims[top->axis], (long long)top->k);
    outputs[0] = inputs[0];
    outputs[0].dims[top->axis] = top->k;
    outputs[1] = outputs[0];
    outputs[1].dtype = SNUG_I64;
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_graph *graph = backward->graph;
    const snug_top_k_attributes *top = (const void *)node->attributes;
    const snug_type *x = snug_graph_type(graph, node->inputs[0]);
    snug_fill_attributes none = {.rank = x->rank, .dtype = x->dtype};
    memcpy(none.dims, x->dims, sizeof none.dims);
    snug_scatter_attributes back = {.axis = top->axis};
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(graph, &snug_op_scatter_elements, &back,
                                 SNUG_EMIT_NONE(graph, &snug_op_fill, &none), node->outputs[1],
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

// Whether element |a| comes before |b|: by value, then by place.
static bool precedes(const snug_view *x, int64_t a, int64_t b, bool largest) {
    if (snug_dtype_is_float(x->type.dtype)) {
        double first = snug_view_get(x, a), second = snug_view_get(x, b);
        return first == second ? a < b : largest ? first > second : first < second;
    }
    snug_wide first = snug_reference_load_whole(x->data, x->type.dtype, a);
    snug_wide second = snug_reference_load_whole(x->data, x->type.dtype, b);
    return first == second ? a < b : largest ? first > second : first < second;
}

// Each of the k is the first of all that come behind the one before.
static snug_status kernel(const snug_call *call) {
    const snug_top_k_attributes *top = call->attributes;
    const snug_view *x = &call->inputs[0], *values = &call->outputs[0];
    int64_t *places = call->outputs[1].data;
    snug_axis from = snug_axis_of(&x->type, top->axis);
    snug_axis to = snug_axis_of(&values->type, top->axis);
    for (int64_t line = 0; line < to.lines; line++) {
        int64_t start = snug_axis_start(&from, line), end = start + from.length * from.stride;
        int64_t out = snug_axis_start(&to, line), before = -1;
        for (int64_t i = 0; i < top->k; i++, out += to.stride) {
            int64_t best = -1;
            for (int64_t j = start; j < end; j += from.stride) {
                if (before >= 0 && !precedes(x, before, j, top->largest)) continue;
                if (best < 0 || precedes(x, j, best, top->largest)) best = j;
            }
            if (best < 0) best = before >= 0 ? before : start; // nothing is behind a NaN
            snug_view_copy(values, out, x, best);
            places[out] = (best - start) / from.stride;
            before = best;
        }
    }
    return SNUG_OK;
}

static const snug_top_k_attributes largest = {.axis = 1, .k = 3, .largest = 1},
                                   smallest = {.axis = 0, .k = 2};

#define SAMPLE(label, settings, ...)                                                               \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 1, .inputs = {__VA_ARGS__},     \
        .integer_below = 4                                                                         \
    }
static const snug_sample samples[] = {
    SAMPLE("largest", largest, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("smallest", smallest, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("ties", largest, SNUG_SAMPLE_INT32(5, 7)),
    SAMPLE("no lines", largest, SNUG_SAMPLE_ROW_MAJOR(0, 7)),
};

const snug_op snug_op_top_k = {
    .name = "top_k",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_top_k_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_outputs = 2,
    .flops = snug_flops_input,
    .reference = kernel,
    .onnx = "TopK",
    SNUG_SAMPLES(samples),
};

static const snug_op *const ops[] = {&snug_op_top_k, NULL};
const snug_op_file snug_ops_top_k = {ops};
