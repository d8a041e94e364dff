// The skeleton of the operators of two and three broadcasting operands.
#ifndef SNUG_OPS_ELEMENTWISE_OP_H
#define SNUG_OPS_ELEMENTWISE_OP_H

#include <math.h>

#include "ops/broadcast.h"

// Functions |stem|_real and |stem|_kernel, of operands a, b and c (unused ones are 0).
#define SNUG_ELEMENTWISE_REAL(stem, value)                                                         \
    static double stem##_real(const double *x, const double *p) {                                  \
        double a = x[0], b = x[1];                                                                 \
        (void)p, (void)a, (void)b;                                                                 \
        return value;                                                                              \
    }
#define SNUG_ELEMENTWISE_WHOLE(stem, value)                                                        \
    static snug_wide stem##_whole(const snug_wide *x) {                                            \
        snug_wide a = x[0], b = x[1];                                                              \
        return value;                                                                              \
    }
#define SNUG_ELEMENTWISE_KERNEL(stem, whole)                                                       \
    static snug_status stem##_kernel(const snug_call *call) {                                      \
        return snug_reference_elementwise(call, stem##_real, whole);                               \
    }

// A descriptor without attributes.
#define SNUG_ELEMENTWISE_OP(stem, operands, infer_function, gradient_function, reads, may, class,  \
                            onnx_name, sample_array)                                               \
    const snug_op snug_op_##stem = {                                                               \
        .name = #stem,                                                                             \
        .min_inputs = (operands),                                                                  \
        .max_inputs = (operands),                                                                  \
        .outputs = 1,                                                                              \
        .infer = (infer_function),                                                                 \
        .gradient = (gradient_function),                                                           \
        .gradient_inputs = (reads),                                                                \
        .overwrites = (may),                                                                       \
        .is_elementwise = true,                                                                    \
        .precision = SNUG_PRECISION_##class,                                                       \
        .flops = snug_flops_output,                                                                \
        .reference = stem##_kernel,                                                                \
        .onnx = (onnx_name),                                                                       \
        SNUG_SAMPLES(sample_array),                                                                \
    }

#endif
