// The skeleton of the functions of one argument. A file has a table of rows
//   X(stem, saved, cost, class, onnx, low, high, value, slope)
// and calls SNUG_UNARY_FUNCTIONS and SNUG_UNARY_OPS on each: |saved| is inputs or outputs, what the
// gradient reads; |value| an expression of x, |slope| of s, the saved tensor's element, both of the
// parameters p; |cost| rough floating-point operations an element; samples lie in [low, high).
#ifndef SNUG_OPS_UNARY_H
#define SNUG_OPS_UNARY_H

#include <math.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static inline snug_status snug_infer_float(const void *attributes, const snug_type *inputs,
                                           int input_count, snug_type *outputs) {
    if (!snug_dtype_is_float(inputs[0].dtype))
        return snug_fail(SNUG_INVALID, "floating-point numbers expected, found %s",
                         snug_dtype_name(inputs[0].dtype));
    return snug_infer_equal(attributes, inputs, input_count, outputs);
}

static inline snug_status snug_unary_gradient(snug_backward *backward, const snug_node *node,
                                              const snug_op *op, snug_tensor_id saved) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, op, node->attributes, saved, dy));
    return SNUG_OK;
}

#define SNUG_UNARY_FUNCTIONS(stem, saved, cost, class, onnx_name, low_, high_, value, slope)       \
    static double stem##_value(const double *operands, const double *p) {                          \
        double x = operands[0];                                                                    \
        (void)p;                                                                                   \
        return value;                                                                              \
    }                                                                                              \
    static double stem##_slope(const double *operands, const double *p) {                          \
        double s = operands[0];                                                                    \
        (void)p, (void)s;                                                                          \
        return operands[1] * (slope);                                                              \
    }                                                                                              \
    static snug_status stem##_kernel(const snug_call *call) {                                      \
        return snug_reference_elementwise(call, stem##_value, NULL);                               \
    }                                                                                              \
    static snug_status stem##_backward_kernel(const snug_call *call) {                             \
        return snug_reference_elementwise(call, stem##_slope, NULL);                               \
    }                                                                                              \
    static double stem##_flops(const void *attributes, const snug_type *inputs,                    \
                               const snug_type *outputs) {                                         \
        (void)attributes, (void)inputs;                                                            \
        return (cost) * (double)snug_type_elements(&outputs[0]);                                   \
    }

// |table|, |size|: the attributes'; |settings|: a sample's attributes, or NULL.
#define SNUG_UNARY_OPS_WITH(stem, saved, class, onnx_name, low_, high_, table, size, settings)     \
    static snug_status stem##_gradient(snug_backward *backward, const snug_node *node) {           \
        return snug_unary_gradient(backward, node, &snug_op_##stem##_backward, node->saved[0]);    \
    }                                                                                              \
    static const snug_sample stem##_samples[] = {                                                  \
        {.name = "matrix",                                                                         \
         .attributes = (settings),                                                                 \
         .input_count = 1,                                                                         \
         .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)},                                                  \
         .low = (low_),                                                                            \
         .high = (high_)},                                                                         \
        {.name = "image",                                                                          \
         .attributes = (settings),                                                                 \
         .input_count = 1,                                                                         \
         .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)},                                                \
         .low = (low_),                                                                            \
         .high = (high_)},                                                                         \
        {.name = "nothing",                                                                        \
         .attributes = (settings),                                                                 \
         .input_count = 1,                                                                         \
         .inputs = {SNUG_SAMPLE_ROW_MAJOR(3, 0)}},                                                 \
    };                                                                                             \
    static const snug_sample stem##_backward_samples[] = {                                         \
        {.name = "matrix",                                                                         \
         .attributes = (settings),                                                                 \
         .input_count = 2,                                                                         \
         .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)},                     \
         .low = (low_),                                                                            \
         .high = (high_)},                                                                         \
    };                                                                                             \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = (table),                                                                     \
        .attributes_size = (size),                                                                 \
        .infer = snug_infer_float,                                                                 \
        .gradient = stem##_gradient,                                                               \
        .gradient_##saved = 1,                                                                     \
        .overwrites = 1,                                                                           \
        .is_elementwise = true,                                                                    \
        .precision = SNUG_PRECISION_##class,                                                       \
        .flops = stem##_flops,                                                                     \
        .reference = stem##_kernel,                                                                \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(stem##_samples),                                                              \
    };                                                                                             \
    const snug_op snug_op_##stem##_backward = {                                                    \
        .name = #stem "_backward",                                                                 \
        .min_inputs = 2,                                                                           \
        .max_inputs = 2,                                                                           \
        .outputs = 1,                                                                              \
        .attributes = (table),                                                                     \
        .attributes_size = (size),                                                                 \
        .infer = snug_infer_float,                                                                 \
        .overwrites = 3,                                                                           \
        .is_elementwise = true,                                                                    \
        .precision = SNUG_PRECISION_##class,                                                       \
        .flops = stem##_flops,                                                                     \
        .reference = stem##_backward_kernel,                                                       \
        SNUG_SAMPLES(stem##_backward_samples),                                                     \
    };

#define SNUG_UNARY_LISTED(stem, saved, cost, class, onnx_name, low_, high_, value, slope)          \
    &snug_op_##stem, &snug_op_##stem##_backward,

#endif
