// The training operators of ai.onnx.preview.training: R (rate), T (step), then for each kind of
// tensor (weights, gradients, states) all of its tensors.
#include <string.h>

#include "onnx/operators/emit.h"

enum { rate, step, first_tensor };

// One weight's part of the inputs: x, its gradient with the regularization, and two states.
typedef struct group {
    snug_tensor_id x, gradient, states[2];
} group;

static snug_status read_groups(const snug_onnx_call *call, size_t kinds, size_t *count) {
    for (size_t i = 0; i < first_tensor; i++) {
        if (!snug_onnx_has(call, i) || snug_type_elements(&call->inputs[i].type) != 1)
            return snug_fail(SNUG_BAD_FILE, "a rate and a step count expected");
    }
    *count = (call->input_count - first_tensor) / kinds;
    if (*count == 0 || *count * kinds != call->input_count - first_tensor)
        return snug_fail(SNUG_BAD_FILE, "%zu tensors a weight expected, found %zu in all", kinds,
                         call->input_count - first_tensor);
    return SNUG_OK;
}

static snug_tensor_id times(const snug_onnx_call *call, snug_tensor_id x, double value) {
    return snug_emit_with(call, &snug_op_multiply, x, value);
}

static snug_tensor_id plus(const snug_onnx_call *call, snug_tensor_id a, snug_tensor_id b) {
    return snug_emit_binary(call, &snug_op_add, a, b);
}

static snug_tensor_id product(const snug_onnx_call *call, snug_tensor_id a, snug_tensor_id b) {
    return snug_emit_binary(call, &snug_op_multiply, a, b);
}

static group use_group(const snug_onnx_call *call, size_t index, size_t count, size_t states) {
    group self = {.x = snug_onnx_use(call, first_tensor + index)};
    snug_tensor_id gradient = snug_onnx_use(call, first_tensor + count + index);
    double norm = snug_onnx_real(call, "norm_coefficient", 0);
    self.gradient = norm == 0 ? gradient : plus(call, times(call, self.x, norm), gradient);
    for (size_t i = 0; i < states; i++)
        self.states[i] = snug_onnx_use(call, first_tensor + (2 + i) * count + index);
    return self;
}

// A scalar input in the type of |like|, as rank 0.
static snug_tensor_id use_scalar(const snug_onnx_call *call, size_t index, snug_tensor_id like) {
    snug_tensor_id x = snug_emit_reshape(call, snug_onnx_use(call, index), SNUG_ROW_MAJOR, 0, NULL);
    return snug_emit_cast(call, x, snug_emit_type(call, like)->dtype);
}

// |first| at step 0, |later| after.
static snug_tensor_id by_step(const snug_onnx_call *call, snug_tensor_id t, snug_tensor_id first,
                              snug_tensor_id later) {
    snug_tensor_id is_later = snug_emit_with(call, &snug_op_greater, t, 0);
    return SNUG_EMIT(call->graph, &snug_op_where, NULL, is_later, later, first);
}

// x - scale * direction.
static snug_tensor_id descend(const snug_onnx_call *call, snug_tensor_id x, snug_tensor_id scale,
                              snug_tensor_id direction) {
    return snug_emit_binary(call, &snug_op_subtract, x, product(call, direction, scale));
}

static void adagrad(const snug_onnx_call *call, const group *self, size_t index, size_t count) {
    snug_tensor_id t = use_scalar(call, step, self->x), r = use_scalar(call, rate, self->x);
    snug_tensor_id slowing = times(call, t, snug_onnx_real(call, "decay_factor", 0));
    r = snug_emit_binary(call, &snug_op_divide, r, snug_emit_with(call, &snug_op_add, slowing, 1));
    snug_tensor_id sum = plus(call, self->states[0], product(call, self->gradient, self->gradient));
    snug_tensor_id root =
        snug_emit_with(call, &snug_op_add, snug_emit_unary(call, &snug_op_sqrt, sum),
                       snug_onnx_real(call, "epsilon", 1e-6));
    snug_tensor_id direction = snug_emit_binary(call, &snug_op_divide, self->gradient, root);
    snug_onnx_set(call, index, descend(call, self->x, r, direction));
    snug_onnx_set(call, count + index, sum);
}

// 1 - base ^ t.
static snug_tensor_id correction(const snug_onnx_call *call, double base, snug_tensor_id t) {
    snug_tensor_id power =
        snug_emit_binary(call, &snug_op_power, snug_emit_number(call, t, base), t);
    return snug_emit_binary(call, &snug_op_subtract, snug_emit_number(call, t, 1), power);
}

static void adam(const snug_onnx_call *call, const group *self, size_t index, size_t count) {
    double alpha = snug_onnx_real(call, "alpha", 0.9), beta = snug_onnx_real(call, "beta", 0.999);
    snug_tensor_id t = use_scalar(call, step, self->x), r = use_scalar(call, rate, self->x);
    snug_tensor_id g = self->gradient;
    snug_tensor_id v = plus(call, times(call, self->states[0], alpha), times(call, g, 1 - alpha));
    snug_tensor_id h =
        plus(call, times(call, self->states[1], beta), times(call, product(call, g, g), 1 - beta));
    snug_tensor_id root =
        snug_emit_with(call, &snug_op_add, snug_emit_unary(call, &snug_op_sqrt, h),
                       snug_onnx_real(call, "epsilon", 1e-6));
    snug_tensor_id scale = snug_emit_binary(
        call, &snug_op_divide, snug_emit_unary(call, &snug_op_sqrt, correction(call, beta, t)),
        correction(call, alpha, t));
    scale = by_step(call, t, r, product(call, r, scale));
    snug_tensor_id x =
        descend(call, self->x, scale, snug_emit_binary(call, &snug_op_divide, v, root));
    snug_onnx_set(call, index,
                  times(call, x, 1 - snug_onnx_real(call, "norm_coefficient_post", 0)));
    snug_onnx_set(call, count + index, v);
    snug_onnx_set(call, 2 * count + index, h);
}

static void momentum(const snug_onnx_call *call, const group *self, size_t index, size_t count) {
    double alpha = snug_onnx_real(call, "alpha", 0), beta = snug_onnx_real(call, "beta", 0);
    snug_tensor_id t = use_scalar(call, step, self->x), r = use_scalar(call, rate, self->x);
    snug_tensor_id share =
        by_step(call, t, snug_emit_number(call, self->x, 1), snug_emit_number(call, self->x, beta));
    snug_tensor_id v =
        plus(call, times(call, self->states[0], alpha), product(call, self->gradient, share));
    bool looks_ahead = strcmp(snug_onnx_text(call, "mode", "standard"), "nesterov") == 0;
    snug_tensor_id direction = looks_ahead ? plus(call, self->gradient, times(call, v, alpha)) : v;
    snug_onnx_set(call, index, descend(call, self->x, r, direction));
    snug_onnx_set(call, count + index, v);
}

static snug_status translate(const snug_onnx_call *call, size_t states,
                             void (*emit)(const snug_onnx_call *call, const group *self,
                                          size_t index, size_t count)) {
    size_t count = 0;
    SNUG_TRY(read_groups(call, 2 + states, &count));
    for (size_t i = 0; i < count; i++) {
        group self = use_group(call, i, count, states);
        if (snug_graph_status(call->graph) != SNUG_OK) return snug_graph_status(call->graph);
        emit(call, &self, i, count);
    }
    return SNUG_OK;
}

static snug_status translate_adagrad(const snug_onnx_call *call) {
    return translate(call, 1, adagrad);
}

static snug_status translate_adam(const snug_onnx_call *call) {
    return translate(call, 2, adam);
}

static snug_status translate_momentum(const snug_onnx_call *call) {
    return translate(call, 1, momentum);
}

static const char domain[] = "ai.onnx.preview.training";
static const snug_onnx_operator rows[] = {
    {"Adagrad", domain, 3, 0, translate_adagrad},
    {"Adam", domain, 3, 0, translate_adam},
    {"Momentum", domain, 3, 0, translate_momentum},
};
const snug_onnx_operators snug_onnx_operators_optimizers = {rows, sizeof rows / sizeof *rows};
