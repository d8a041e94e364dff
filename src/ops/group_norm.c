// Group normalisation, as torch.nn.GroupNorm (Wu and He, 2018): over each sample's pixels and the
// channels of a group. Dimension 1 is the channel.
#include <math.h>

#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_group_norm_attributes, eps, SNUG_ATTRIBUTE_REAL),
    SNUG_ATTRIBUTE(snug_group_norm_attributes, groups, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_group_norm_attributes, activation, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// Checks x, gamma and beta; |statistics| is the type of mean and rstd.
static snug_status check(const snug_group_norm_attributes *norm, const snug_type *inputs,
                         snug_type *statistics) {
    const snug_type *x = &inputs[0];
    char text[SNUG_TYPE_TEXT];
    if (x->rank < 2 || norm->groups < 1 || x->dims[1] % norm->groups != 0)
        return snug_fail(SNUG_INVALID, "%lld groups of channels expected, found %s",
                         (long long)norm->groups, snug_type_print(x, text));
    for (int i = 1; i < 3; i++)
        if (inputs[i].rank != 1 || inputs[i].dims[0] != x->dims[1])
            return snug_fail(SNUG_INVALID, "%lld values, one a channel, expected, found %s",
                             (long long)x->dims[1], snug_type_print(&inputs[i], text));
    *statistics = snug_type_matrix(inputs[1].dtype, x->dims[0], norm->groups);
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    (void)input_count;
    outputs[0] = inputs[0];
    SNUG_TRY(check(attributes, inputs, &outputs[1]));
    outputs[2] = outputs[1];
    return SNUG_OK;
}

static snug_status infer_backward(const void *attributes, const snug_type *inputs, int input_count,
                                  snug_type *outputs) {
    (void)input_count;
    snug_type statistics;
    SNUG_TRY(check(attributes, inputs, &statistics));
    outputs[0] = inputs[0];
    outputs[1] = outputs[2] = inputs[1];
    if (!snug_type_equal(&inputs[0], &inputs[5]) || !snug_type_same_shape(&statistics, &inputs[3]))
        return snug_fail(SNUG_INVALID, "dy of x's type and statistics of its groups expected");
    return SNUG_OK;
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    const snug_tensor_id inputs[] = {node->inputs[0],  node->inputs[1],
                                     node->inputs[2],  node->outputs[1],
                                     node->outputs[2], snug_backward_of(backward, node, 0)};
    snug_backward_emit(backward, node, &snug_op_group_norm_backward, inputs, 6);
    return SNUG_OK;
}

// The elements of a sample's group, one after the other.
typedef struct group {
    const snug_type *type;
    int64_t sample, channels, first, pixels; // |channels| from |first| on
} group;

static group group_of(const snug_type *x, int64_t groups, int64_t index) {
    group self = {
        .type = x, .sample = index / groups, .channels = x->dims[1] / groups, .pixels = 1};
    self.first = index % groups * self.channels;
    for (int i = 2; i < x->rank; i++)
        self.pixels *= x->dims[i];
    return self;
}

static int64_t count_of(const group *self) {
    return self->channels * self->pixels;
}

static int64_t channel_of(const group *self, int64_t element) {
    return self->first + element / self->pixels;
}

static int64_t place_of(const group *self, int64_t element) {
    int64_t all = self->type->dims[1], channel = channel_of(self, element);
    int64_t pixel = element % self->pixels;
    return self->type->layout == SNUG_CHANNELS_LAST
               ? (self->sample * self->pixels + pixel) * all + channel
               : (self->sample * all + channel) * self->pixels + pixel;
}

static double activate(const snug_group_norm_attributes *norm, double y) {
    if (norm->activation == SNUG_GROUP_NORM_SILU) return y / (1 + exp(-y));
    return norm->activation == SNUG_GROUP_NORM_RELU && y < 0 ? 0 : y;
}

static double activate_back(const snug_group_norm_attributes *norm, double y, double dy) {
    double sigmoid = 1 / (1 + exp(-y));
    if (norm->activation == SNUG_GROUP_NORM_SILU) return dy * sigmoid * (1 + y * (1 - sigmoid));
    return norm->activation == SNUG_GROUP_NORM_RELU && y <= 0 ? 0 : dy;
}

static snug_status kernel(const snug_call *call) {
    const snug_group_norm_attributes *norm = call->attributes;
    const snug_view *x = &call->inputs[0];
    for (int64_t index = 0; index < x->type.dims[0] * norm->groups; index++) {
        group self = group_of(&x->type, norm->groups, index);
        double mean = 0, variance = 0, count = (double)count_of(&self);
        for (int64_t i = 0; i < count_of(&self); i++)
            mean += snug_view_get(x, place_of(&self, i)) / count;
        for (int64_t i = 0; i < count_of(&self); i++) {
            double distance = snug_view_get(x, place_of(&self, i)) - mean;
            variance += distance * distance / count;
        }
        double inverse = 1 / sqrt(variance + norm->eps);
        for (int64_t i = 0; i < count_of(&self); i++) {
            int64_t at = place_of(&self, i), channel = channel_of(&self, i);
            double y =
                (snug_view_get(x, at) - mean) * inverse * snug_view_get(&call->inputs[1], channel) +
                snug_view_get(&call->inputs[2], channel);
            snug_view_set(&call->outputs[0], at, activate(norm, y));
        }
        snug_view_set(&call->outputs[1], index, mean);
        snug_view_set(&call->outputs[2], index, inverse);
    }
    return SNUG_OK;
}

static void add_to(const snug_view *view, int64_t index, double value) {
    snug_view_set(view, index, snug_view_get(view, index) + value);
}

// dx = rstd * (gamma * dy - mean(gamma * dy) - xhat * mean(gamma * dy * xhat)), dy before the
// activation.
static snug_status backward_kernel(const snug_call *call) {
    const snug_group_norm_attributes *norm = call->attributes;
    const snug_view *in = call->inputs, *out = call->outputs;
    for (int64_t i = 0; i < in[0].type.dims[1]; i++) {
        snug_view_set(&out[1], i, 0);
        snug_view_set(&out[2], i, 0);
    }
    for (int64_t index = 0; index < in[0].type.dims[0] * norm->groups; index++) {
        group self = group_of(&in[0].type, norm->groups, index);
        double mean = snug_view_get(&in[3], index), inverse = snug_view_get(&in[4], index);
        double plain = 0, weighted = 0, count = (double)count_of(&self);
        for (int sweep = 0; sweep < 2; sweep++)
            for (int64_t i = 0; i < count_of(&self); i++) {
                int64_t at = place_of(&self, i), channel = channel_of(&self, i);
                double normal = (snug_view_get(&in[0], at) - mean) * inverse;
                double gamma = snug_view_get(&in[1], channel);
                double y = normal * gamma + snug_view_get(&in[2], channel);
                double dy = activate_back(norm, y, snug_view_get(&in[5], at));
                if (sweep == 1) {
                    snug_view_set(&out[0], at, inverse * (gamma * dy - plain - normal * weighted));
                    continue;
                }
                plain += gamma * dy / count;
                weighted += gamma * dy * normal / count;
                add_to(&out[1], channel, dy * normal);
                add_to(&out[2], channel, dy);
            }
    }
    return SNUG_OK;
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    const snug_group_norm_attributes *norm = attributes;
    (void)outputs;
    double each = norm->activation == SNUG_GROUP_NORM_SILU ? 13 : 8;
    return each * (double)snug_type_elements(&inputs[0]);
}

static const snug_group_norm_attributes plain = {.eps = 1e-5, .groups = 2},
                                        relu = {.eps = 1e-5,
                                                .groups = 3,
                                                .activation = SNUG_GROUP_NORM_RELU},
                                        silu = {.eps = 1e-6,
                                                .groups = 2,
                                                .activation = SNUG_GROUP_NORM_SILU};

#define ROWS SNUG_SAMPLE_ROW_MAJOR
#define IMAGE SNUG_SAMPLE_IMAGE(3, 6, 3, 2)
#define CHANNELS ROWS(6)
#define STATISTICS(groups) ROWS(3, groups), ROWS(3, groups)
#define SAMPLE(label, norm, ...)                                                                   \
    {                                                                                              \
        .name = (label), .attributes = &(norm), .inputs = {__VA_ARGS__},                           \
        .input_count = sizeof((snug_type[]){__VA_ARGS__}) / sizeof(snug_type), .low = -1,          \
        .high = 2                                                                                  \
    }

static const snug_sample samples[] = {
    SAMPLE("image", plain, IMAGE, CHANNELS, CHANNELS),
    SAMPLE("relu", relu, IMAGE, CHANNELS, CHANNELS),
    SAMPLE("silu", silu, IMAGE, CHANNELS, CHANNELS),
    SAMPLE("rows, silu", silu, ROWS(3, 6, 5), CHANNELS, CHANNELS),
    SAMPLE("matrix", plain, ROWS(3, 6), CHANNELS, CHANNELS),
    SAMPLE("long rows", relu, ROWS(1, 6, 300), CHANNELS, CHANNELS),
};
static const snug_sample backward_samples[] = {
    SAMPLE("image", plain, IMAGE, CHANNELS, CHANNELS, STATISTICS(2), IMAGE),
    SAMPLE("relu", relu, IMAGE, CHANNELS, CHANNELS, STATISTICS(3), IMAGE),
    SAMPLE("silu", silu, IMAGE, CHANNELS, CHANNELS, STATISTICS(2), IMAGE),
    SAMPLE("rows, silu", silu, ROWS(3, 6, 300), CHANNELS, CHANNELS, STATISTICS(2), ROWS(3, 6, 300)),
};

#define SHARED                                                                                     \
    .outputs = 3, .attributes = attributes_table,                                                  \
    .attributes_size = sizeof(snug_group_norm_attributes), .precision = SNUG_PRECISION_FULL,       \
    .flops = flops

const snug_op snug_op_group_norm = {
    .name = "group_norm",
    SHARED,
    .min_inputs = 3,
    .max_inputs = 3,
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 7,
    .gradient_outputs = 6,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_SCALE, SNUG_INPUT_SHIFT},
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_group_norm_backward = {
    .name = "group_norm_backward",
    SHARED,
    .min_inputs = 6,
    .max_inputs = 6,
    .infer = infer_backward,
    .overwrites = 32,
    .reference = backward_kernel,
    SNUG_SAMPLES(backward_samples),
};

static const snug_op *const ops[] = {&snug_op_group_norm, &snug_op_group_norm_backward, NULL};
const snug_op_file snug_ops_group_norm = {ops};
