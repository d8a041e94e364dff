// The skeleton of the activations. A file defines apply(x) and derivative(saved, dy), where |saved|
// is x or y, and SNUG_ACTIVATION() makes its two descriptors.
#ifndef SNUG_OPS_ACTIVATION_H
#define SNUG_OPS_ACTIVATION_H

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

// The range covers the kinks at -3, 0, 3 and 6.
static const snug_sample snug_activation_samples[] = {
    {.name = "matrix",
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7)},
     .low = -4,
     .high = 7},
    {.name = "image",
     .input_count = 1,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4)},
     .low = -4,
     .high = 7},
    {.name = "scalar", .input_count = 1, .inputs = {SNUG_SAMPLE_SCALAR}},
};

static const snug_sample snug_activation_backward_samples[] = {
    {.name = "matrix",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_ROW_MAJOR(5, 7), SNUG_SAMPLE_ROW_MAJOR(5, 7)},
     .low = -4,
     .high = 7},
    {.name = "image",
     .input_count = 2,
     .inputs = {SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_IMAGE(2, 5, 3, 4)},
     .low = -4,
     .high = 7},
};

static inline snug_status snug_activation_gradient(snug_backward *backward, const snug_node *node,
                                                   const snug_op *op, snug_tensor_id saved) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0, SNUG_EMIT(backward->graph, op, NULL, saved, dy));
    return SNUG_OK;
}

// |stem|: the operator's name as in its file's; |saved|: inputs or outputs, what the gradient
// reads; |cost|: rough floating-point operations an element, one way; |onnx_name|: a text or NULL.
#define SNUG_ACTIVATION(stem, saved, cost, onnx_name)                                              \
    static snug_status forward_kernel(const snug_call *call) {                                     \
        return snug_reference_map(call, apply);                                                    \
    }                                                                                              \
    static snug_status backward_kernel(const snug_call *call) {                                    \
        return snug_reference_map2(call, derivative);                                              \
    }                                                                                              \
    static snug_status gradient(snug_backward *backward, const snug_node *node) {                  \
        return snug_activation_gradient(backward, node, &snug_op_##stem##_backward,                \
                                        node->saved[0]);                                           \
    }                                                                                              \
    static double flops(const void *attributes, const snug_type *inputs,                           \
                        const snug_type *outputs) {                                                \
        (void)attributes, (void)inputs;                                                            \
        return (cost) * (double)snug_type_elements(&outputs[0]);                                   \
    }                                                                                              \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = 1,                                                                           \
        .max_inputs = 1,                                                                           \
        .outputs = 1,                                                                              \
        .infer = snug_infer_same,                                                                  \
        .gradient = gradient,                                                                      \
        .gradient_##saved = 1,                                                                     \
        .overwrites = 1,                                                                           \
        .is_elementwise = true,                                                                    \
        .flops = flops,                                                                            \
        .reference = forward_kernel,                                                               \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(snug_activation_samples),                                                     \
    };                                                                                             \
    const snug_op snug_op_##stem##_backward = {                                                    \
        .name = #stem "_backward",                                                                 \
        .min_inputs = 2,                                                                           \
        .max_inputs = 2,                                                                           \
        .outputs = 1,                                                                              \
        .infer = snug_infer_equal,                                                                 \
        .overwrites = 3,                                                                           \
        .is_elementwise = true,                                                                    \
        .flops = flops,                                                                            \
        .reference = backward_kernel,                                                              \
        SNUG_SAMPLES(snug_activation_backward_samples),                                            \
    };                                                                                             \
    static const snug_op *const ops[] = {&snug_op_##stem, &snug_op_##stem##_backward, NULL};       \
    const snug_op_file snug_ops_##stem = {ops}

#endif
