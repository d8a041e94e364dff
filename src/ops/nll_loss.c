// The negative log-likelihood of classes, as ONNX's NegativeLogLikelihoodLoss.
#include <string.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_nll_loss_attributes, reduction, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_nll_loss_attributes, ignores, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_nll_loss_attributes, ignore, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_nll_loss_attributes, classes, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// Checks x and the targets, [weights]; |loss| has x's dtype.
static snug_status check(const snug_nll_loss_attributes *form, const snug_type *x,
                         const snug_type *target, const snug_type *weight, snug_type *loss) {
    char text[SNUG_TYPE_TEXT], other[SNUG_TYPE_TEXT];
    snug_type expected = *target;
    expected.rank = x->rank - 1;
    for (int i = 0; i < expected.rank; i++)
        expected.dims[i] = x->dims[i == 0 ? 0 : i + 1];
    if (x->rank < 2 || x->layout != SNUG_ROW_MAJOR || target->layout != SNUG_ROW_MAJOR ||
        !snug_type_same_shape(target, &expected))
        return snug_fail(SNUG_INVALID,
                         "row-major scores (N, C, ...) and targets (N, ...) expected, found %s and "
                         "%s",
                         snug_type_print(x, text), snug_type_print(target, other));
    if (target->dtype != SNUG_I32 && target->dtype != SNUG_I64)
        return snug_fail(SNUG_INVALID, "int32 or int64 targets expected, found %s",
                         snug_type_print(target, text));
    if (weight && (weight->rank != 1 || weight->dims[0] != x->dims[1]))
        return snug_fail(SNUG_INVALID, "%lld weights of classes expected, found %s",
                         (long long)x->dims[1], snug_type_print(weight, text));
    if (form->reduction < SNUG_NLL_NONE || form->reduction > SNUG_NLL_MEAN)
        return snug_fail(SNUG_INVALID, "a reduction from 0 to 2 expected, found %lld",
                         (long long)form->reduction);
    *loss = form->reduction == SNUG_NLL_NONE ? expected : snug_type_scalar(x->dtype);
    loss->dtype = x->dtype;
    return SNUG_OK;
}

static const snug_type *weight_type(const snug_type *inputs, int input_count) {
    return input_count == 3 && inputs[2].rank > 0 ? &inputs[2] : NULL;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    return check(attributes, &inputs[0], &inputs[1], weight_type(inputs, input_count), &outputs[0]);
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    const snug_nll_loss_attributes *form = attributes;
    const snug_type *target = &inputs[1];
    if (target->rank < 1 || target->rank >= SNUG_MAX_RANK)
        return snug_fail(SNUG_INVALID, "targets (N, ...) expected");
    snug_type loss, *dx = &outputs[0];
    *dx = (snug_type){.dtype = inputs[0].dtype, .rank = target->rank + 1};
    dx->dims[0] = target->dims[0];
    dx->dims[1] = form->classes;
    for (int i = 1; i < target->rank; i++)
        dx->dims[i + 1] = target->dims[i];
    SNUG_TRY(snug_type_check(dx));
    SNUG_TRY(check(form, dx, target, weight_type(inputs, input_count), &loss));
    if (!snug_type_same_shape(&loss, &inputs[0]))
        return snug_fail(SNUG_INVALID, "dloss of the loss's shape expected");
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_nll_loss_attributes form =
        *(const snug_nll_loss_attributes *)(const void *)node->attributes;
    form.classes = snug_graph_type(backward->graph, node->inputs[0])->dims[1];
    const snug_tensor_id inputs[] = {snug_backward_of(backward, node, 0), node->inputs[1],
                                     node->input_count == 3 ? node->inputs[2] : SNUG_NO_TENSOR};
    snug_backward_give(backward, node, 0,
                       snug_graph_emit(backward->graph, &snug_op_nll_loss_backward, &form, inputs,
                                       node->input_count));
    return SNUG_OK;
}

// The class of each target and what it weighs; classes are |pixels| apart in scores.
typedef struct targets {
    const snug_nll_loss_attributes *form;
    const snug_view *target, *weight;
    int64_t count, classes, pixels;
    double total; // of the weights
} targets;

// Reads target |i|: its weight, and where in the scores its class lies (0 for none).
static double weigh(const targets *self, int64_t i, int64_t *place) {
    int64_t class = self->target->type.dtype == SNUG_I64 ? ((const int64_t *)self->target->data)[i]
                                                         : ((const int32_t *)self->target->data)[i];
    *place = 0;
    if (class < 0 || class >= self->classes || (self->form->ignores && class == self->form->ignore))
        return 0;
    *place = (i / self->pixels * self->classes + class) * self->pixels + i % self->pixels;
    return self->weight ? snug_view_get(self->weight, class) : 1;
}

static targets open_targets(const snug_call *call, const snug_type *scores) {
    targets self = {
        .form = call->attributes,
        .target = &call->inputs[1],
        .weight = call->input_count == 3 && call->inputs[2].type.rank > 0 ? &call->inputs[2] : NULL,
        .count = snug_type_elements(&call->inputs[1].type),
        .classes = scores->dims[1],
        .pixels = 1};
    int64_t place;
    for (int i = 2; i < scores->rank; i++)
        self.pixels *= scores->dims[i];
    for (int64_t i = 0; i < self.count; i++)
        self.total += weigh(&self, i, &place);
    return self;
}

static snug_status kernel(const snug_call *call) {
    const snug_view *x = &call->inputs[0];
    targets self = open_targets(call, &x->type);
    double sum = 0;
    for (int64_t i = 0; i < self.count; i++) {
        int64_t place;
        double weight = weigh(&self, i, &place);
        double loss = weight != 0 ? -weight * snug_view_get(x, place) : 0;
        if (self.form->reduction == SNUG_NLL_NONE) snug_view_set(&call->outputs[0], i, loss);
        sum += loss;
    }
    if (self.form->reduction == SNUG_NLL_MEAN) sum /= self.total;
    if (self.form->reduction != SNUG_NLL_NONE) snug_view_set(&call->outputs[0], 0, sum);
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_view *dloss = &call->inputs[0], *dx = &call->outputs[0];
    targets self = open_targets(call, &dx->type);
    bool whole = self.form->reduction != SNUG_NLL_NONE;
    double divisor = self.form->reduction == SNUG_NLL_MEAN ? self.total : 1;
    memset(dx->data, 0, snug_type_bytes(&dx->type));
    for (int64_t i = 0; i < self.count; i++) {
        int64_t place;
        double weight = weigh(&self, i, &place);
        if (weight == 0) continue;
        snug_view_set(dx, place, -weight * snug_view_get(dloss, whole ? 0 : i) / divisor);
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes, (void)outputs;
    return 2 * (double)snug_type_elements(&inputs[1]);
}

static const snug_nll_loss_attributes none = {.reduction = SNUG_NLL_NONE, .classes = 4},
                                      sum = {.reduction = SNUG_NLL_SUM, .classes = 4},
                                      mean = {.reduction = SNUG_NLL_MEAN,
                                              .ignores = 1,
                                              .ignore = 2,
                                              .classes = 4};
#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define LONG(...) SNUG_SAMPLE_TENSOR(SNUG_I64, SNUG_ROW_MAJOR, __VA_ARGS__)
#define SAMPLE(label, form, count, ...)                                                            \
    {                                                                                              \
        .name = (label), .attributes = &(form), .input_count = (count), .inputs = {__VA_ARGS__},   \
        .low = 0.5, .high = 2, .integer_below = 5, .no_gradient = 4                                \
    }
static const snug_sample samples[] = {
    SAMPLE("each", none, 2, ROWS(3, 4, 2), SNUG_SAMPLE_INT32(3, 2)),
    SAMPLE("sum", sum, 3, ROWS(5, 4), LONG(5), ROWS(4)),
    SAMPLE("mean", mean, 3, ROWS(3, 4, 2, 2), LONG(3, 2, 2), ROWS(4)),
};
static const snug_sample backward_samples[] = {
    SAMPLE("each", none, 2, ROWS(3, 2), SNUG_SAMPLE_INT32(3, 2)),
    SAMPLE("sum", sum, 3, SNUG_SAMPLE_SCALAR, LONG(5), ROWS(4)),
    SAMPLE("mean", mean, 3, SNUG_SAMPLE_SCALAR, LONG(3, 2, 2), ROWS(4)),
};

#define SHARED                                                                                     \
    .min_inputs = 2, .max_inputs = 3, .outputs = 1, .attributes = attributes_table,                \
    .attributes_size = sizeof(snug_nll_loss_attributes), .precision = SNUG_PRECISION_FULL,         \
    .flops = flops

const snug_op snug_op_nll_loss = {
    .name = "nll_loss",
    SHARED,
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 6,
    .reference = kernel,
    .onnx = "NegativeLogLikelihoodLoss",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_nll_loss_backward = {
    .name = "nll_loss_backward",
    SHARED,
    .infer = infer_backward,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_nll_loss, &snug_op_nll_loss_backward, NULL};
const snug_op_file snug_ops_nll_loss = {ops};
