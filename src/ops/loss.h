// What the losses share. A loss is a scalar, float64 for float64 operands and else float32.
#ifndef SNUG_OPS_LOSS_H
#define SNUG_OPS_LOSS_H

#include "graph/autodiff.h"
#include "ops/axis.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static inline snug_type snug_loss_type(snug_dtype operand) {
    return snug_type_scalar(operand == SNUG_F64 ? SNUG_F64 : SNUG_F32);
}

// |terms| stands in for a denominator of 0.
static inline double snug_loss_denominator(const snug_loss_attributes *attributes, int64_t terms) {
    return (double)(attributes->denominator ? attributes->denominator : terms);
}

static inline snug_status snug_loss_check(const snug_loss_attributes *attributes) {
    if (attributes->denominator < 0)
        return snug_fail(SNUG_INVALID, "a denominator of 0 or more expected, found %lld",
                         (long long)attributes->denominator);
    if (!(attributes->label_smoothing >= 0 && attributes->label_smoothing <= 1))
        return snug_fail(SNUG_INVALID, "label smoothing from 0 to 1 expected, found %g",
                         attributes->label_smoothing);
    return SNUG_OK;
}

// The gradient of a loss reaches its kernel as a scalar.
static inline snug_status snug_loss_check_gradient(const snug_type *dloss) {
    if (dloss->rank == 0 && snug_dtype_is_float(dloss->dtype)) return SNUG_OK;
    char text[SNUG_TYPE_TEXT];
    return snug_fail(SNUG_INVALID,
                     "a floating-point scalar expected as the loss's gradient, "
                     "found %s",
                     snug_type_print(dloss, text));
}

// Logits (N, C, ...) in |inputs[0]|, one int32 target (N, ...) for each row of classes in
// |inputs[1]|. Rows in memory order are the targets' order in either layout.
static inline snug_status snug_loss_check_targets(const snug_type *inputs) {
    const snug_type *logits = &inputs[0];
    bool fits = logits->rank >= 2 && snug_dtype_is_float(logits->dtype);
    snug_type expected = {.dtype = SNUG_I32, .rank = fits ? logits->rank - 1 : 0};
    for (int i = 0; i < expected.rank; i++)
        expected.dims[i] = logits->dims[i ? i + 1 : 0];
    if (fits && snug_type_equal(&inputs[1], &expected)) return SNUG_OK;
    char found[SNUG_TYPE_TEXT], target[SNUG_TYPE_TEXT], wanted[SNUG_TYPE_TEXT];
    if (!fits)
        return snug_fail(SNUG_INVALID, "logits (N, C, ...) expected, found %s",
                         snug_type_print(logits, found));
    return snug_fail(SNUG_INVALID, "targets %s expected for logits %s, found %s",
                     snug_type_print(&expected, wanted), snug_type_print(logits, found),
                     snug_type_print(&inputs[1], target));
}

#endif
