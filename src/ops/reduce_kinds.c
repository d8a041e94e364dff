// The reductions beside sum and mean: one row each of what it does with an element.
#include <math.h>

#include "graph/autodiff.h"
#include "ops/groups.h"
#include "ops/ops.h"
#include "ops/sample.h"

// What the slopes of a group's elements share.
typedef struct shared {
    double product, zeros; // of the elements that are not 0; how many are
    double ties;           // elements equal to the result
} shared;

typedef struct reduction {
    bool from_first; // the result starts as the group's first element, not as |start|
    bool shifted;    // by the group's largest element before |step|, and back afterwards
    double start;
    double (*step)(double total, double x);
    double (*finish)(double total);                        // NULL: as it is
    snug_wide (*whole_step)(snug_wide total, snug_wide x); // NULL: integers as real numbers
    double (*slope)(double x, double y, const shared *shared);
} reduction;

// A NaN stays.
static double larger(double total, double x) {
    return x > total || isnan(x) ? x : total;
}
static double smaller(double total, double x) {
    return x < total || isnan(x) ? x : total;
}
static double times(double total, double x) {
    return total * x;
}
static double add_magnitude(double total, double x) {
    return total + fabs(x);
}
static double add_square(double total, double x) {
    return total + x * x;
}
static double add(double total, double x) {
    return total + x;
}
static double add_exp(double total, double x) {
    return total + exp(x);
}

// Integers wrap round at 64 bits.
static snug_wide larger_whole(snug_wide total, snug_wide x) {
    return x > total ? x : total;
}
static snug_wide smaller_whole(snug_wide total, snug_wide x) {
    return x < total ? x : total;
}
static snug_wide times_whole(snug_wide total, snug_wide x) {
    return (int64_t)((uint64_t)total * (uint64_t)x);
}
static snug_wide add_whole_magnitude(snug_wide total, snug_wide x) {
    return total + (x < 0 ? -x : x);
}
static snug_wide add_whole_square(snug_wide total, snug_wide x) {
    return total + (int64_t)((uint64_t)x * (uint64_t)x);
}

static double tie_slope(double x, double y, const shared *group) {
    return x == y ? 1 / group->ties : 0;
}
// The product of the other elements.
static double product_slope(double x, double y, const shared *group) {
    (void)y;
    if (group->zeros == 0) return group->product / x;
    return group->zeros == 1 && x == 0 ? group->product : 0;
}
static double sign_slope(double x, double y, const shared *group) {
    (void)y, (void)group;
    return (x > 0) - (x < 0);
}
static double l2_slope(double x, double y, const shared *group) {
    (void)group;
    return y == 0 ? 0 : x / y;
}
static double log_sum_slope(double x, double y, const shared *group) {
    (void)x, (void)group;
    return exp(-y);
}
static double log_sum_exp_slope(double x, double y, const shared *group) {
    (void)group;
    return exp(x - y);
}
static double square_slope(double x, double y, const shared *group) {
    (void)y, (void)group;
    return 2 * x;
}

static const reduction
    max_kind = {.from_first = true,
                .start = -INFINITY,
                .step = larger,
                .whole_step = larger_whole,
                .slope = tie_slope},
    min_kind = {.from_first = true,
                .start = INFINITY,
                .step = smaller,
                .whole_step = smaller_whole,
                .slope = tie_slope},
    prod_kind = {.start = 1, .step = times, .whole_step = times_whole, .slope = product_slope},
    l1_kind = {.step = add_magnitude, .whole_step = add_whole_magnitude, .slope = sign_slope},
    l2_kind = {.step = add_square, .finish = sqrt, .slope = l2_slope},
    log_sum_kind = {.step = add, .finish = log, .slope = log_sum_slope},
    log_sum_exp_kind = {.shifted = true,
                        .step = add_exp,
                        .finish = log,
                        .slope = log_sum_exp_slope},
    sum_square_kind = {.step = add_square, .whole_step = add_whole_square, .slope = square_slope};

// The lowest or the highest integer of a type, for the largest or smallest of none.
static snug_wide end_of(snug_dtype dtype, bool highest) {
    if (dtype == SNUG_BOOL) return highest;
    int bits = 8 * (int)snug_dtype_bytes(dtype);
    bool is_signed =
        dtype == SNUG_I64 || dtype == SNUG_I32 || dtype == SNUG_I16 || dtype == SNUG_I8;
    snug_wide half = (snug_wide)1 << (bits - 1);
    if (is_signed) return highest ? half - 1 : -half;
    return highest ? 2 * half - 1 : 0;
}

static snug_wide reduce_wholes(const reduction *kind, const snug_view *x, const snug_groups *groups,
                               int64_t start) {
    snug_dtype dtype = x->type.dtype;
    if (kind->from_first && groups->terms == 0) return end_of(dtype, kind->start > 0);
    snug_wide total = kind->from_first ? snug_reference_load_whole(x->data, dtype, start)
                                       : (snug_wide)kind->start;
    for (int64_t i = kind->from_first; i < groups->terms; i++)
        total = kind->whole_step(
            total, snug_reference_load_whole(x->data, dtype, start + snug_groups_term(groups, i)));
    return total;
}

static double reduce_reals(const reduction *kind, const snug_view *x, const snug_groups *groups,
                           int64_t start) {
    double total = kind->start, shift = 0;
    if (kind->shifted && groups->terms > 0) {
        shift = reduce_reals(&max_kind, x, groups, start);
        if (isinf(shift)) shift = 0;
    }
    for (int64_t i = 0; i < groups->terms; i++)
        total = kind->step(total, snug_view_get(x, start + snug_groups_term(groups, i)) - shift);
    return (kind->finish ? kind->finish(total) : total) + shift;
}

static snug_status reduce(const snug_call *call, const reduction *kind) {
    const snug_reduce_attributes *attributes = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    snug_groups groups = snug_groups_of(&x->type, attributes->axes);
    bool in_whole = kind->whole_step && !snug_dtype_is_float(x->type.dtype);
    for (int64_t i = 0; i < groups.count; i++) {
        int64_t start = snug_groups_start(&groups, i);
        int64_t to = snug_groups_result(&groups, &y->type, i);
        if (in_whole)
            snug_reference_store_whole(y->data, y->type.dtype, to,
                                       reduce_wholes(kind, x, &groups, start));
        else
            snug_view_set(y, to, reduce_reals(kind, x, &groups, start));
    }
    return SNUG_OK;
}

static snug_status reduce_back(const snug_call *call, const reduction *kind) {
    const snug_reduce_attributes *attributes = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->inputs[1], *dy = &call->inputs[2];
    snug_groups groups = snug_groups_of(&x->type, attributes->axes);
    for (int64_t i = 0; i < groups.count; i++) {
        int64_t start = snug_groups_start(&groups, i);
        int64_t from = snug_groups_result(&groups, &y->type, i);
        double result = snug_view_get(y, from), slope = snug_view_get(dy, from);
        shared group = {.product = 1};
        for (int64_t j = 0; j < groups.terms; j++) {
            double value = snug_view_get(x, start + snug_groups_term(&groups, j));
            group.ties += value == result;
            group.zeros += value == 0;
            if (value != 0) group.product *= value;
        }
        for (int64_t j = 0; j < groups.terms; j++) {
            int64_t at = start + snug_groups_term(&groups, j);
            snug_view_set(&call->outputs[0], at,
                          slope * kind->slope(snug_view_get(x, at), result, &group));
        }
    }
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_reduce_attributes *reduce = attributes;
    return snug_groups_infer(&inputs[0], reduce->axes, reduce->keepdims, &outputs[0]);
}

static snug_status infer_back(const void *attributes, const snug_type *inputs, int input_count,
                              snug_type *outputs) {
    snug_type reduced;
    SNUG_TRY(infer(attributes, inputs, input_count, &reduced));
    if (!snug_type_equal(&reduced, &inputs[1]) || !snug_type_equal(&reduced, &inputs[2])) {
        char expected[SNUG_TYPE_TEXT], found[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID, "%s expected twice, found %s and %s",
                         snug_type_print(&reduced, expected), snug_type_print(&inputs[1], found),
                         snug_type_print(&inputs[2], other));
    }
    outputs[0] = inputs[0];
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 3 * snug_flops_input(attributes, inputs, outputs);
}

static snug_status emit_back(snug_backward *backward, const snug_node *node, const snug_op *op) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, op, node->attributes, node->inputs[0],
                                 node->outputs[0], snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_reduce_attributes, axes, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_reduce_attributes, keepdims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static const snug_reduce_attributes all = {.axes = 7}, last = {.axes = 4, .keepdims = 1},
                                    middle = {.axes = 2}, pixels = {.axes = 12};

// Positive numbers: log_sum takes no others.
#define SAMPLE(label, settings, count, ...)                                                        \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = (count),                        \
        .inputs = {__VA_ARGS__}, .low = 0.3, .high = 2, .integer_below = 5                         \
    }
#define ROWS SNUG_SAMPLE_ROW_MAJOR
static const snug_sample samples[] = {
    SAMPLE("all", all, 1, ROWS(2, 3, 4)),
    SAMPLE("last kept", last, 1, ROWS(2, 3, 4)),
    SAMPLE("middle", middle, 1, ROWS(2, 3, 4)),
    SAMPLE("many columns", middle, 1, ROWS(3, 5, 300)),
    SAMPLE("pixels of an image", pixels, 1, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("rows of an image", last, 1, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("samples that are not there", middle, 1, ROWS(0, 3, 4)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("all", all, 3, ROWS(2, 3, 4), SNUG_SAMPLE_SCALAR, SNUG_SAMPLE_SCALAR),
    SAMPLE("last kept", last, 3, ROWS(2, 3, 4), ROWS(2, 3, 1), ROWS(2, 3, 1)),
    SAMPLE("middle", middle, 3, ROWS(2, 3, 4), ROWS(2, 4), ROWS(2, 4)),
    SAMPLE("pixels of an image", pixels, 3, SNUG_SAMPLE_IMAGE(2, 5, 3, 4), ROWS(2, 5), ROWS(2, 5)),
    {.name = "equal elements in columns",
     .attributes = &middle,
     .input_count = 3,
     .inputs = {ROWS(2, 3, 4), ROWS(2, 4), ROWS(2, 4)},
     .low = 1,
     .high = 1,
     .integer_below = 5},
    {.name = "equal elements in rows",
     .attributes = &last,
     .input_count = 3,
     .inputs = {ROWS(2, 3, 4), ROWS(2, 3, 1), ROWS(2, 3, 1)},
     .low = 1,
     .high = 1,
     .integer_below = 5},
};

#define OPS(stem, class, onnx_name)                                                                \
    static snug_status stem##_kernel(const snug_call *call) {                                      \
        return reduce(call, &stem##_kind);                                                         \
    }                                                                                              \
    static snug_status stem##_back_kernel(const snug_call *call) {                                 \
        return reduce_back(call, &stem##_kind);                                                    \
    }                                                                                              \
    static snug_status stem##_gradient(snug_backward *backward, const snug_node *node) {           \
        return emit_back(backward, node, &snug_op_reduce_##stem##_backward);                       \
    }                                                                                              \
    const snug_op snug_op_reduce_##stem = {                                                        \
        .name = "reduce_" #stem,                                                                   \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_reduce_attributes),                                         \
        .infer = infer,                                                                            \
        .gradient = stem##_gradient,                                                               \
        .gradient_inputs = 1,                                                                      \
        .gradient_outputs = 1,                                                                     \
        .precision = SNUG_PRECISION_##class,                                                       \
        .flops = flops,                                                                            \
        .reference = stem##_kernel,                                                                \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(samples),                                                                     \
    };                                                                                             \
    const snug_op snug_op_reduce_##stem##_backward = {                                             \
        .name = "reduce_" #stem "_backward",                                                       \
        .min_inputs = 3,                                                                           \
        .max_inputs = 3,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_reduce_attributes),                                         \
        .infer = infer_back,                                                                       \
        .overwrites = 1,                                                                           \
        .precision = SNUG_PRECISION_##class,                                                       \
        .flops = flops,                                                                            \
        .reference = stem##_back_kernel,                                                           \
        SNUG_SAMPLES(backward_samples),                                                            \
    };
OPS(max, FOLLOW, "ReduceMax")
OPS(min, FOLLOW, "ReduceMin")
OPS(prod, FULL, "ReduceProd")
OPS(l1, FULL, "ReduceL1")
OPS(l2, FULL, "ReduceL2")
OPS(log_sum, FULL, "ReduceLogSum")
OPS(log_sum_exp, FULL, "ReduceLogSumExp")
OPS(sum_square, FULL, "ReduceSumSquare")

#define LISTED(stem) &snug_op_reduce_##stem, &snug_op_reduce_##stem##_backward,
static const snug_op *const ops[] = {SNUG_REDUCE_LIST(LISTED) NULL};
const snug_op_file snug_ops_reduce_kinds = {ops};
