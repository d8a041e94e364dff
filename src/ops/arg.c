#include <math.h>

#include "ops/groups.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_arg_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_arg_attributes, keepdims, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_arg_attributes, last, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_arg_attributes *arg = attributes;
    const snug_type *x = &inputs[0];
    if (arg->axis < 0 || arg->axis >= x->rank || x->dims[arg->axis] == 0) {
        char text[SNUG_TYPE_TEXT];
        return snug_fail(SNUG_INVALID, "elements along axis %lld expected, found %s",
                         (long long)arg->axis, snug_type_print(x, text));
    }
    SNUG_TRY(snug_groups_infer(x, INT64_C(1) << arg->axis, arg->keepdims, &outputs[0]));
    outputs[0].dtype = SNUG_I64;
    return SNUG_OK;
}

// Whether |x| takes the place of |best|, which stands before it. |sign| -1: the smallest is sought.
static bool is_better(double x, double best, double sign, bool last) {
    if (isnan(x) || isnan(best)) return isnan(x) && (last || !isnan(best));
    return sign * x > sign * best || (last && x == best);
}

static snug_status find(const snug_call *call, double sign) {
    const snug_arg_attributes *arg = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    snug_groups groups = snug_groups_of(&x->type, INT64_C(1) << arg->axis);
    int64_t *places = y->data;
    for (int64_t i = 0; i < groups.count; i++) {
        int64_t start = snug_groups_start(&groups, i), place = 0;
        double best = snug_view_get(x, start);
        for (int64_t j = 1; j < groups.terms; j++) {
            double value = snug_view_get(x, start + j * groups.strides[arg->axis]);
            if (!is_better(value, best, sign, arg->last)) continue;
            best = value;
            place = j;
        }
        places[snug_groups_result(&groups, &y->type, i)] = place;
    }
    return SNUG_OK;
}

static snug_status max_kernel(const snug_call *call) {
    return find(call, 1);
}

static snug_status min_kernel(const snug_call *call) {
    return find(call, -1);
}

static const snug_arg_attributes rows = {.axis = 1},
                                 last_kept = {.axis = 0, .keepdims = 1, .last = 1};

#define SAMPLE(label, settings, ...)                                                               \
    {                                                                                              \
        .name = (label), .attributes = &(settings), .input_count = 1, .inputs = {__VA_ARGS__},     \
        .integer_below = 4                                                                         \
    }
static const snug_sample samples[] = {
    SAMPLE("rows", rows, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("columns kept", last_kept, SNUG_SAMPLE_ROW_MAJOR(5, 7)),
    SAMPLE("channels", rows, SNUG_SAMPLE_IMAGE(2, 5, 3, 4)),
    SAMPLE("ties", rows, SNUG_SAMPLE_INT32(5, 7)),
    SAMPLE("the last of ties", last_kept, SNUG_SAMPLE_INT32(5, 7)),
};

#define OP(stem, onnx_name)                                                                        \
    const snug_op snug_op_arg_##stem = {                                                           \
        .name = "arg_" #stem,                                                                      \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = attributes_table,                                                            \
        .attributes_size = sizeof(snug_arg_attributes),                                            \
        .infer = infer,                                                                            \
        .flops = snug_flops_input,                                                                 \
        .reference = stem##_kernel,                                                                \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(samples),                                                                     \
    }
OP(max, "ArgMax");
OP(min, "ArgMin");

static const snug_op *const ops[] = {&snug_op_arg_max, &snug_op_arg_min, NULL};
const snug_op_file snug_ops_arg = {ops};
