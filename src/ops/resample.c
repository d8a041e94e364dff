// Resizing along one axis, as ONNX's Resize; several axes are resized one after another.
#include <math.h>
#include <string.h>

#include "graph/autodiff.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/resample.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_resample_attributes, axis, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, length, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, input, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, mode, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, rounding, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, coordinates, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, antialias, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, exclude_outside, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_resample_attributes, scale, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_resample_attributes, cubic, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_resample_attributes, roi, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_resample_attributes, extrapolation, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer_to(const snug_resample_attributes *form, const snug_type *from,
                            int64_t length, snug_type *to) {
    static const double widest = 1 << 20; // taps: what keeps a hostile scale from running for ever
    SNUG_TRY(snug_axis_check(from, form->axis));
    if (!(form->scale > 0) || isinf(form->scale) || !(snug_resample_reach(form) <= widest))
        return snug_fail(SNUG_INVALID,
                         "a scale above 0 and not below a millionth expected, found %g",
                         form->scale);
    if (form->mode < SNUG_RESAMPLE_NEAREST || form->mode > SNUG_RESAMPLE_CUBIC ||
        form->rounding < SNUG_RESAMPLE_PREFER_FLOOR || form->rounding > SNUG_RESAMPLE_CEIL ||
        length < 0)
        return snug_fail(SNUG_INVALID, "a mode from 0 to 2, a rounding from 0 to 3 and an extent "
                                       "of at least 0 expected");
    if (from->dims[form->axis] == 0 && length > 0)
        return snug_fail(SNUG_INVALID, "nothing can be resized to %lld elements",
                         (long long)length);
    *to = *from;
    to->dims[form->axis] = length;
    return snug_type_check(to);
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    const snug_resample_attributes *form = attributes;
    return infer_to(form, &inputs[0], form->length, &outputs[0]);
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    const snug_resample_attributes *form = attributes;
    SNUG_TRY(infer_to(form, &inputs[0], form->input, &outputs[0]));
    if (inputs[0].dims[form->axis] != form->length)
        return snug_fail(SNUG_INVALID, "dy of %lld elements along the axis expected, found %lld",
                         (long long)form->length, (long long)inputs[0].dims[form->axis]);
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_resample_attributes form =
        *(const snug_resample_attributes *)(const void *)node->attributes;
    form.input = snug_graph_type(backward->graph, node->inputs[0])->dims[form.axis];
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_resample_backward, &form,
                                 snug_backward_of(backward, node, 0)));
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_resample_attributes *form = call->attributes;
    const snug_view *x = &call->inputs[0], *y = &call->outputs[0];
    snug_axis from = snug_axis_of(&x->type, form->axis), to = snug_axis_of(&y->type, form->axis);
    for (int64_t index = 0; index < to.length; index++) {
        snug_taps taps = snug_resample_taps(form, from.length, index);
        for (int64_t line = 0; line < to.lines; line++) {
            int64_t start = snug_axis_start(&from, line);
            double sum = taps.count ? 0 : form->extrapolation;
            for (int64_t i = 0; i < taps.count; i++) {
                double weight = snug_resample_weight(form, &taps, from.length, i);
                int64_t input = snug_resample_input(&taps, from.length, i);
                if (weight != 0) sum += weight * snug_view_get(x, start + input * from.stride);
            }
            snug_view_set(y, snug_axis_start(&to, line) + index * to.stride, sum);
        }
    }
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_resample_attributes *form = call->attributes;
    const snug_view *dy = &call->inputs[0], *dx = &call->outputs[0];
    snug_axis from = snug_axis_of(&dy->type, form->axis), to = snug_axis_of(&dx->type, form->axis);
    memset(dx->data, 0, snug_type_bytes(&dx->type));
    for (int64_t index = 0; index < from.length; index++) {
        snug_taps taps = snug_resample_taps(form, to.length, index);
        for (int64_t line = 0; line < from.lines; line++) {
            double slope = snug_view_get(dy, snug_axis_start(&from, line) + index * from.stride);
            int64_t start = snug_axis_start(&to, line);
            for (int64_t i = 0; i < taps.count; i++) {
                double weight = snug_resample_weight(form, &taps, to.length, i);
                int64_t at = start + snug_resample_input(&taps, to.length, i) * to.stride;
                if (weight != 0) snug_view_set(dx, at, snug_view_get(dx, at) + weight * slope);
            }
        }
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    int64_t from = snug_type_elements(&inputs[0]), to = snug_type_elements(&outputs[0]);
    return 4 * snug_resample_reach(attributes) * (double)(from < to ? from : to);
}

#define FORM(axis_, from, to, mode_, coordinates_)                                                 \
    .axis = (axis_), .length = (to), .input = (from), .scale = (double)(to) / (from),              \
    .mode = SNUG_RESAMPLE_##mode_, .coordinates = SNUG_RESAMPLE_##coordinates_, .cubic = -0.75
static const snug_resample_attributes
    nearest = {FORM(2, 3, 7, NEAREST, HALF_PIXEL)},
    ceiled = {FORM(1, 5, 3, NEAREST, ASYMMETRIC), .rounding = SNUG_RESAMPLE_CEIL},
    linear = {FORM(3, 4, 6, LINEAR, HALF_PIXEL)}, corners = {FORM(1, 5, 3, LINEAR, ALIGN_CORNERS)},
    smooth = {FORM(0, 7, 3, LINEAR, HALF_PIXEL), .antialias = 1},
    cubic = {FORM(2, 3, 5, CUBIC, HALF_PIXEL_SYMMETRIC)},
    inside = {FORM(1, 5, 8, CUBIC, PYTORCH_HALF_PIXEL), .exclude_outside = 1},
    smooth_cubic = {FORM(0, 7, 3, CUBIC, HALF_PIXEL), .antialias = 1},
    crop = {FORM(1, 5, 6, LINEAR, CROP), .roi = {0.2, 1.3}, .extrapolation = 2};

#define IMAGE SNUG_SAMPLE_IMAGE
#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define SAMPLE(label, form, ...)                                                                   \
    {                                                                                              \
        .name = (label), .attributes = &(form), .input_count = 1, .inputs = { __VA_ARGS__ }        \
    }
static const snug_sample samples[] = {
    SAMPLE("nearest", nearest, IMAGE(2, 5, 3, 4)),
    SAMPLE("nearest, ceil", ceiled, ROWS(2, 5)),
    SAMPLE("linear", linear, IMAGE(2, 5, 3, 4)),
    SAMPLE("linear, corners aligned", corners, ROWS(2, 5, 3)),
    SAMPLE("linear, smoothed", smooth, ROWS(7)),
    SAMPLE("cubic", cubic, IMAGE(2, 5, 3, 4)),
    SAMPLE("cubic, inside", inside, ROWS(2, 5)),
    SAMPLE("cubic, smoothed", smooth_cubic, ROWS(7, 2)),
    SAMPLE("crop", crop, ROWS(2, 5)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("nearest", nearest, IMAGE(2, 5, 7, 4)),
    SAMPLE("linear", linear, IMAGE(2, 5, 3, 6)),
    SAMPLE("linear, smoothed", smooth, ROWS(3)),
    SAMPLE("cubic", cubic, IMAGE(2, 5, 5, 4)),
    SAMPLE("crop", crop, ROWS(2, 6)),
};

#define SHARED                                                                                     \
    .min_inputs = 1, .max_inputs = 1, .outputs = 1, .attributes = attributes_table,                \
    .attributes_size = sizeof(snug_resample_attributes), .flops = flops

const snug_op snug_op_resample = {
    .name = "resample",
    SHARED,
    .infer = infer,
    .gradient = gradient,
    .reference = kernel,
    .onnx = "Resize",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_resample_backward = {
    .name = "resample_backward",
    SHARED,
    .infer = infer_backward,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_resample, &snug_op_resample_backward, NULL};
const snug_op_file snug_ops_resample = {ops};
