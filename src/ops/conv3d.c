// Three-dimensional convolution (cross-correlation, as torch.nn.Conv3d) and its two gradients.
#include "base/memory.h"
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_conv3d_attributes, stride, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv3d_attributes, padding, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv3d_attributes, dilation, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv3d_attributes, groups, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv3d_attributes, input, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv3d_attributes, kernel, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// Output extent along |axis| (0: depth, 1: height, 2: width); below 1 when the kernel does not fit.
static int64_t extent(const snug_conv3d_attributes *conv, int axis, int64_t input, int64_t kernel) {
    int64_t padded = input + conv->padding[axis] + conv->padding[axis + 3];
    int64_t span = conv->dilation[axis] * (kernel - 1) + 1;
    return padded < span ? 0 : (padded - span) / conv->stride[axis] + 1;
}

static snug_status check_attributes(const snug_conv3d_attributes *conv) {
    for (int i = 0; i < 3; i++)
        if (conv->stride[i] < 1 || conv->dilation[i] < 1 || conv->padding[i] < 0 ||
            conv->padding[i + 3] < 0)
            return snug_fail(SNUG_INVALID,
                             "stride and dilation of at least 1 and padding of at "
                             "least 0 expected, found %lld, %lld, %lld, %lld",
                             (long long)conv->stride[i], (long long)conv->dilation[i],
                             (long long)conv->padding[i], (long long)conv->padding[i + 3]);
    if (conv->groups < 1)
        return snug_fail(SNUG_INVALID, "at least 1 group expected, found %lld",
                         (long long)conv->groups);
    return SNUG_OK;
}

// Checks x, weight and the image they make, |y| (its dtype is x's).
static snug_status check_shapes(const snug_conv3d_attributes *conv, const snug_type *x,
                                const snug_type *weight, snug_type *y) {
    char text[SNUG_TYPE_TEXT];
    SNUG_TRY(check_attributes(conv));
    if (x->rank != 5 || x->layout != SNUG_CHANNELS_LAST || weight->rank != 5)
        return snug_fail(SNUG_INVALID,
                         "volumes (N, C, D, H, W) and a weight of 5 dimensions expected, found %s",
                         snug_type_print(x->rank == 5 ? weight : x, text));
    if (x->dims[1] % conv->groups || weight->dims[0] % conv->groups ||
        weight->dims[1] != x->dims[1] / conv->groups)
        return snug_fail(
            SNUG_INVALID, "a weight for %lld channels in %lld groups expected, found %s",
            (long long)x->dims[1], (long long)conv->groups, snug_type_print(weight, text));
    *y = snug_type_make(x->dtype, SNUG_CHANNELS_LAST, 5,
                        (const int64_t[]){x->dims[0], weight->dims[0], 0, 0, 0});
    for (int i = 0; i < 3; i++) {
        y->dims[2 + i] = extent(conv, i, x->dims[2 + i], weight->dims[2 + i]);
        if (y->dims[2 + i] < 1)
            return snug_fail(SNUG_INVALID, "a kernel of %lld does not fit a padded extent of %lld",
                             (long long)weight->dims[2 + i], (long long)x->dims[2 + i]);
    }
    return SNUG_OK;
}

static snug_status infer(const void *attributes, const snug_type *inputs, int input_count,
                         snug_type *outputs) {
    SNUG_TRY(check_shapes(attributes, &inputs[0], &inputs[1], &outputs[0]));
    if (input_count == 3 && inputs[2].rank != 0 &&
        (inputs[2].rank != 1 || inputs[2].dims[0] != inputs[1].dims[0]))
        return snug_fail(SNUG_INVALID, "a bias of %lld elements expected",
                         (long long)inputs[1].dims[0]);
    return SNUG_OK;
}

// The types of the forward's x, weight and y are checked whatever the gradient is given.
static snug_status check_gradient(const void *attributes, const snug_type *x,
                                  const snug_type *weight, const snug_type *dy) {
    snug_type y;
    SNUG_TRY(check_shapes(attributes, x, weight, &y));
    char expected[SNUG_TYPE_TEXT], found[SNUG_TYPE_TEXT];
    if (!snug_type_equal(&y, dy))
        return snug_fail(SNUG_INVALID, "dy of type %s expected, found %s",
                         snug_type_print(&y, expected), snug_type_print(dy, found));
    return SNUG_OK;
}

static snug_status infer_backward_input(const void *attributes, const snug_type *inputs,
                                        int input_count, snug_type *outputs) {
    (void)input_count;
    const snug_conv3d_attributes *conv = attributes;
    const snug_type *dy = &inputs[0], *weight = &inputs[1];
    outputs[0] = snug_type_make(dy->dtype, SNUG_CHANNELS_LAST, 5,
                                (const int64_t[]){dy->dims[0], weight->dims[1] * conv->groups,
                                                  conv->input[0], conv->input[1], conv->input[2]});
    return check_gradient(attributes, &outputs[0], weight, dy);
}

static snug_status infer_backward_weight(const void *attributes, const snug_type *inputs,
                                         int input_count, snug_type *outputs) {
    (void)input_count;
    const snug_conv3d_attributes *conv = attributes;
    const snug_type *x = &inputs[0], *dy = &inputs[1];
    if (conv->groups < 1) return check_attributes(conv);
    outputs[0] =
        snug_type_make(x->dtype, SNUG_ROW_MAJOR, 5,
                       (const int64_t[]){dy->dims[1], x->dims[1] / conv->groups, conv->kernel[0],
                                         conv->kernel[1], conv->kernel[2]});
    return check_gradient(attributes, x, &outputs[0], dy);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id x = node->inputs[0], weight = node->inputs[1];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_conv3d_attributes conv = *(const snug_conv3d_attributes *)(const void *)node->attributes;
    for (int i = 0; i < 3; i++) {
        conv.input[i] = snug_graph_type(graph, x)->dims[2 + i];
        conv.kernel[i] = snug_graph_type(graph, weight)->dims[2 + i];
    }
    // The weight's gradient comes first: x may die before dx is made.
    if (snug_backward_wants(backward, node, 1))
        snug_backward_give(backward, node, 1,
                           SNUG_EMIT(graph, &snug_op_conv3d_backward_weight, &conv, x, dy));
    if (snug_backward_wants(backward, node, 2)) {
        snug_reduce_attributes all_but_channels = {.axes = 1 | 4 | 8 | 16};
        snug_backward_give(backward, node, 2,
                           SNUG_EMIT(graph, &snug_op_reduce_sum, &all_but_channels, dy));
    }
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(backward, node, 0,
                           SNUG_EMIT(graph, &snug_op_conv3d_backward_input, &conv, dy, weight));
    return SNUG_OK;
}

// dx is linear in dy and in the weight: as a forward operator (a transposed convolution) its
// gradients are the convolution and the convolution's gradient of the weight, with the roles of
// the images exchanged.
static snug_status transposed_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = node->inputs[0], weight = node->inputs[1];
    snug_tensor_id slope = snug_backward_of(backward, node, 0);
    snug_conv3d_attributes conv = *(const snug_conv3d_attributes *)(const void *)node->attributes;
    for (int i = 0; i < 3; i++)
        conv.kernel[i] = snug_graph_type(graph, weight)->dims[2 + i];
    if (snug_backward_wants(backward, node, 1))
        snug_backward_give(backward, node, 1,
                           SNUG_EMIT(graph, &snug_op_conv3d_backward_weight, &conv, slope, dy));
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(backward, node, 0,
                           SNUG_EMIT(graph, &snug_op_conv3d, &conv, slope, weight));
    return SNUG_OK;
}

// One multiply-add: element indices of x, weight and y.
typedef void (*visitor)(void *context, int64_t x, int64_t weight, int64_t y);

// The pixel of x under |tap| of the window at |at|; false when it lies in the padding.
static bool pixel(const snug_conv3d_attributes *conv, const snug_type *x, const int64_t *at,
                  const int64_t tap[3], int64_t out[3]) {
    for (int i = 0; i < 3; i++) {
        out[i] = at[2 + i] * conv->stride[i] - conv->padding[i] + tap[i] * conv->dilation[i];
        if (out[i] < 0 || out[i] >= x->dims[2 + i]) return false;
    }
    return true;
}

// Visits every multiply-add of the convolution.
static void visit(const snug_conv3d_attributes *conv, const snug_type *x, const snug_type *weight,
                  const snug_type *y, visitor visitor_, void *context) {
    int64_t out_per_group = y->dims[1] / conv->groups, in_per_group = weight->dims[1];
    int64_t windows = snug_type_elements(y);
    snug_type kernel_type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 3, weight->dims + 2);
    int64_t taps = snug_type_elements(&kernel_type), tap[SNUG_MAX_RANK], from[3];
    for (int64_t window = 0; window < windows; window++) {
        int64_t at[SNUG_MAX_RANK];
        snug_reference_coordinates(y, window, at);
        int64_t first = at[1] / out_per_group * in_per_group;
        int64_t y_index = snug_volume_index(y, at[0], at[1], at + 2);
        for (int64_t i = 0; i < taps; i++) {
            snug_reference_coordinates(&kernel_type, i, tap);
            if (!pixel(conv, x, at, tap, from)) continue;
            for (int64_t c = 0; c < in_per_group; c++)
                visitor_(context, snug_volume_index(x, at[0], first + c, from),
                         (at[1] * in_per_group + c) * taps + i, y_index);
        }
    }
}

// The three tensors of a convolution; the one that is computed is added up in doubles.
typedef struct sums {
    const snug_view *x, *weight, *y;
    double *total;
} sums;

static void add_forward(void *context, int64_t x, int64_t weight, int64_t y) {
    sums *self = context;
    self->total[y] += snug_view_get(self->x, x) * snug_view_get(self->weight, weight);
}

static void add_input(void *context, int64_t x, int64_t weight, int64_t y) {
    sums *self = context;
    self->total[x] += snug_view_get(self->y, y) * snug_view_get(self->weight, weight);
}

static void add_weight(void *context, int64_t x, int64_t weight, int64_t y) {
    sums *self = context;
    self->total[weight] += snug_view_get(self->x, x) * snug_view_get(self->y, y);
}

static snug_status add_up(const snug_call *call, const sums *tensors, visitor visitor_,
                          const snug_view *bias) {
    const snug_view *out = &call->outputs[0];
    int64_t elements = snug_type_elements(&out->type);
    sums self = *tensors;
    SNUG_TRY(SNUG_NEW(&self.total, (size_t)elements));
    for (int64_t i = 0; bias && i < elements; i++)
        self.total[i] = snug_view_get(bias, i % out->type.dims[1]);
    visit(call->attributes, &self.x->type, &self.weight->type, &self.y->type, visitor_, &self);
    for (int64_t i = 0; i < elements; i++)
        snug_view_set(out, i, self.total[i]);
    snug_memory_free(self.total);
    return SNUG_OK;
}

static snug_status kernel(const snug_call *call) {
    const snug_view *bias =
        call->input_count == 3 && call->inputs[2].data ? &call->inputs[2] : NULL;
    sums tensors = {.x = &call->inputs[0], .weight = &call->inputs[1], .y = &call->outputs[0]};
    return add_up(call, &tensors, add_forward, bias);
}

static snug_status backward_input_kernel(const snug_call *call) {
    sums tensors = {.x = &call->outputs[0], .weight = &call->inputs[1], .y = &call->inputs[0]};
    return add_up(call, &tensors, add_input, NULL);
}

static snug_status backward_weight_kernel(const snug_call *call) {
    sums tensors = {.x = &call->inputs[0], .weight = &call->outputs[0], .y = &call->inputs[1]};
    return add_up(call, &tensors, add_weight, NULL);
}

// Two operations a multiply-add: each element of y sums over a group's window.
static double flops_of(const snug_type *weight, const snug_type *y) {
    return 2.0 * (double)snug_type_elements(y) * (double)(weight->dims[1] * weight->dims[2]) *
           (double)(weight->dims[3] * weight->dims[4]);
}

static double flops(const void *attributes, const snug_type *inputs, const snug_type *outputs) {
    (void)attributes;
    return flops_of(&inputs[1], &outputs[0]);
}

static double flops_backward_input(const void *attributes, const snug_type *inputs,
                                   const snug_type *outputs) {
    (void)attributes, (void)outputs;
    return flops_of(&inputs[1], &inputs[0]);
}

static double flops_backward_weight(const void *attributes, const snug_type *inputs,
                                    const snug_type *outputs) {
    (void)attributes;
    return flops_of(&outputs[0], &inputs[1]);
}

#define CONV(s, p0, p1, d, g)                                                                      \
    .stride = {s, s, s}, .padding = {p0, p0, p0, p1, p1, p1}, .dilation = {d, d, d}, .groups = (g)
static const snug_conv3d_attributes dense = {CONV(1, 1, 1, 1, 1)}, grouped = {CONV(2, 1, 1, 1, 2)},
                                    dilated = {CONV(1, 1, 0, 2, 1)};
static const snug_conv3d_attributes dense_b = {CONV(1, 1, 1, 1, 1), .input = {3, 4, 3},
                                               .kernel = {3, 3, 3}},
                                    grouped_b = {CONV(2, 1, 1, 1, 2), .input = {4, 3, 4},
                                                 .kernel = {3, 2, 3}},
                                    dilated_b = {CONV(1, 1, 0, 2, 1), .input = {3, 4, 3},
                                                 .kernel = {2, 2, 1}};

#define VOLUME(...) SNUG_SAMPLE_TENSOR(SNUG_F32, SNUG_CHANNELS_LAST, __VA_ARGS__)
#define WEIGHT SNUG_SAMPLE_ROW_MAJOR
#define SAMPLE(label, conv, count, ...)                                                            \
    {                                                                                              \
        .name = (label), .attributes = &(conv), .input_count = (count), .inputs = { __VA_ARGS__ }  \
    }

static const snug_sample samples[] = {
    SAMPLE("dense", dense, 3, VOLUME(2, 2, 3, 4, 3), WEIGHT(3, 2, 3, 3, 3), WEIGHT(3)),
    SAMPLE("grouped, stride 2", grouped, 2, VOLUME(1, 4, 4, 3, 4), WEIGHT(2, 2, 3, 2, 3)),
    SAMPLE("dilated, lopsided", dilated, 2, VOLUME(1, 2, 3, 4, 3), WEIGHT(3, 2, 2, 2, 1)),
};
static const snug_sample input_samples[] = {
    SAMPLE("dense", dense_b, 2, VOLUME(2, 3, 3, 4, 3), WEIGHT(3, 2, 3, 3, 3)),
    SAMPLE("grouped, stride 2", grouped_b, 2, VOLUME(1, 2, 2, 2, 2), WEIGHT(2, 2, 3, 2, 3)),
    SAMPLE("dilated, lopsided", dilated_b, 2, VOLUME(1, 3, 2, 3, 4), WEIGHT(3, 2, 2, 2, 1)),
};
static const snug_sample weight_samples[] = {
    SAMPLE("dense", dense_b, 2, VOLUME(2, 2, 3, 4, 3), VOLUME(2, 3, 3, 4, 3)),
    SAMPLE("grouped, stride 2", grouped_b, 2, VOLUME(1, 4, 4, 3, 4), VOLUME(1, 2, 2, 2, 2)),
};

const snug_op snug_op_conv3d = {
    .name = "conv3d",
    .min_inputs = 2,
    .max_inputs = 3,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_conv3d_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_WEIGHT, SNUG_INPUT_BIAS},
    .rows = {.inputs = 1},
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops,
    .reference = kernel,
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_conv3d_backward_input = {
    .name = "conv3d_backward_input",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_conv3d_attributes),
    .infer = infer_backward_input,
    .gradient = transposed_gradient,
    .gradient_inputs = 3,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_WEIGHT},
    .rows = {.inputs = 1},
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops_backward_input,
    .reference = backward_input_kernel,
    SNUG_SAMPLES(input_samples),
};

const snug_op snug_op_conv3d_backward_weight = {
    .name = "conv3d_backward_weight",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_conv3d_attributes),
    .infer = infer_backward_weight,
    .rows = {.inputs = 3, .sums = true},
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops_backward_weight,
    .reference = backward_weight_kernel,
    SNUG_SAMPLES(weight_samples),
};

static const snug_op *const ops[] = {&snug_op_conv3d, &snug_op_conv3d_backward_input,
                                     &snug_op_conv3d_backward_weight, NULL};
const snug_op_file snug_ops_conv3d = {ops};
