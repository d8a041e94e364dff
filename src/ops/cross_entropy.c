// Softmax cross-entropy with label smoothing e over C classes, as torch.nn.CrossEntropyLoss: each
// row costs -(1 - e) * log p[target] - e / C * the sum of log p.
#include <math.h>

#include "ops/loss.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_loss_attributes, label_smoothing, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_loss_attributes, denominator, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    SNUG_TRY(snug_loss_check(attributes));
    SNUG_TRY(snug_loss_check_targets(inputs));
    outputs[0] = snug_loss_type(inputs[0].dtype);
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    SNUG_TRY(snug_loss_check(attributes));
    SNUG_TRY(snug_loss_check_targets(inputs));
    SNUG_TRY(snug_loss_check_gradient(&inputs[2]));
    outputs[0] = inputs[0];
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    if (!snug_backward_wants(backward, node, 0)) return SNUG_OK;
    snug_tensor_id dloss = snug_backward_of(backward, node, 0);
    snug_backward_give(backward, node, 0,
                       SNUG_EMIT(backward->graph, &snug_op_cross_entropy_backward, node->attributes,
                                 node->inputs[0], node->inputs[1], dloss));
    return SNUG_OK;
}

// Every target, before anything is written: dlogits may lie over the logits.
static snug_status check_values(const snug_view *target, int64_t rows, int64_t classes) {
    const int32_t *values = target->data;
    for (int64_t i = 0; i < rows; i++)
        if (values[i] >= classes)
            return snug_fail(SNUG_INVALID, "a target below %lld expected, found %d at row %lld",
                             (long long)classes, values[i], (long long)i);
    return SNUG_OK;
}

// log of the sum of exp over the row that starts at |start|, scaled by its maximum.
static double log_sum_exp(const snug_view *logits, const snug_axis *axis, int64_t start) {
    double highest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < axis->length; c++)
        highest = fmax(highest, snug_view_get(logits, start + c * axis->stride));
    for (int64_t c = 0; c < axis->length; c++)
        sum += exp(snug_view_get(logits, start + c * axis->stride) - highest);
    return highest + log(sum);
}

static snug_status kernel(const snug_call *call) {
    const snug_loss_attributes *loss = call->attributes;
    const snug_view *logits = &call->inputs[0], *target = &call->inputs[1];
    snug_axis axis = snug_axis_of(&logits->type, 1);
    SNUG_TRY(check_values(target, axis.lines, axis.length));
    double smooth = loss->label_smoothing / (double)axis.length, total = 0;
    for (int64_t i = 0; i < axis.lines; i++) {
        int64_t start = snug_axis_start(&axis, i);
        if (snug_view_get(target, i) < 0) continue;
        double normalizer = log_sum_exp(logits, &axis, start), logit_sum = 0;
        int64_t at_target = start + (int64_t)snug_view_get(target, i) * axis.stride;
        total += (1 - loss->label_smoothing) * (normalizer - snug_view_get(logits, at_target));
        if (smooth == 0) continue; // 0 * infinity must not reach the sum
        for (int64_t c = 0; c < axis.length; c++)
            logit_sum += normalizer - snug_view_get(logits, start + c * axis.stride);
        total += smooth * logit_sum;
    }
    snug_view_set(&call->outputs[0], 0, total / snug_loss_denominator(loss, axis.lines));
    return SNUG_OK;
}

static snug_status backward_kernel(const snug_call *call) {
    const snug_loss_attributes *loss = call->attributes;
    const snug_view *logits = &call->inputs[0], *target = &call->inputs[1];
    snug_axis axis = snug_axis_of(&logits->type, 1);
    SNUG_TRY(check_values(target, axis.lines, axis.length));
    double scale = snug_view_get(&call->inputs[2], 0) / snug_loss_denominator(loss, axis.lines);
    double smooth = loss->label_smoothing / (double)axis.length;
    for (int64_t i = 0; i < axis.lines; i++) {
        int64_t start = snug_axis_start(&axis, i), class = (int64_t)snug_view_get(target, i);
        double normalizer = log_sum_exp(logits, &axis, start);
        for (int64_t c = 0; c < axis.length; c++) {
            int64_t at = start + c * axis.stride;
            double wanted = (c == class ? 1 - loss->label_smoothing : 0) + smooth;
            double probability = exp(snug_view_get(logits, at) - normalizer);
            snug_view_set(&call->outputs[0], at, class < 0 ? 0 : scale * (probability - wanted));
        }
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    return 5 * snug_flops_input(attributes, inputs, outputs);
}

static const snug_loss_attributes plain = {0}, smoothed = {.label_smoothing = 0.1},
                                  part = {.label_smoothing = 0.1, .denominator = 16};

// The forward operator leaves the last input, the loss's gradient, out.
#define CASE(count, label, loss, ...)                                                              \
    {                                                                                              \
        .name = (label), .attributes = &(loss), .input_count = (count),                            \
        .inputs = {__VA_ARGS__, SNUG_SAMPLE_SCALAR}, .low = -8, .high = 8, .integer_below = 5,     \
        .no_gradient = 1 << 1                                                                      \
    }
#define CASES(count)                                                                               \
    CASE(count, "matrix", plain, SNUG_SAMPLE_ROW_MAJOR(6, 10), SNUG_SAMPLE_INT32(6)),              \
        CASE(count, "smoothed", smoothed, SNUG_SAMPLE_ROW_MAJOR(3, 7), SNUG_SAMPLE_INT32(3)),      \
        CASE(count, "part of a batch", part, SNUG_SAMPLE_ROW_MAJOR(6, 10), SNUG_SAMPLE_INT32(6)),  \
        CASE(count, "pixels", smoothed, SNUG_SAMPLE_IMAGE(2, 5, 3, 4), SNUG_SAMPLE_INT32(2, 3, 4))

static const snug_sample samples[] = {CASES(2)};
static const snug_sample backward_samples[] = {CASES(3)};

const snug_op snug_op_cross_entropy = {
    .name = "cross_entropy",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_loss_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = kernel,
    .onnx = "SoftmaxCrossEntropyLoss",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_cross_entropy_backward = {
    .name = "cross_entropy_backward",
    .min_inputs = 3,
    .max_inputs = 3,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_loss_attributes),
    .infer = infer_backward,
    .overwrites = 1,
    .precision = SNUG_PRECISION_FULL,
    .flops = flops,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_cross_entropy, &snug_op_cross_entropy_backward, NULL};
const snug_op_file snug_ops_cross_entropy = {ops};
