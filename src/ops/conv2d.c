// Two-dimensional convolution (cross-correlation, as torch.nn.Conv2d) and its two gradients.
#include "base/memory.h"
#include "graph/autodiff.h"
#include "ops/ops.h"
#include "ops/reference.h"
#include "ops/sample.h"

static const snug_attribute attributes_table[] = {
    SNUG_ATTRIBUTE(snug_conv2d_attributes, stride, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv2d_attributes, padding, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv2d_attributes, dilation, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv2d_attributes, groups, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv2d_attributes, input, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTE(snug_conv2d_attributes, kernel, SNUG_ATTRIBUTE_INT),
    SNUG_ATTRIBUTES_END,
};

// Output extent along |axis| (0: height, 1: width); below 1 when the kernel does not fit.
static int64_t extent(const snug_conv2d_attributes *conv, int axis, int64_t input, int64_t kernel) {
    int64_t padded = input + conv->padding[axis] + conv->padding[axis + 2];
    int64_t span = conv->dilation[axis] * (kernel - 1) + 1;
    return padded < span ? 0 : (padded - span) / conv->stride[axis] + 1;
}

static snug_status check_attributes(const snug_conv2d_attributes *conv) {
    for (int i = 0; i < 2; i++)
        if (conv->stride[i] < 1 || conv->dilation[i] < 1 || conv->padding[i] < 0 ||
            conv->padding[i + 2] < 0)
            return snug_fail(SNUG_INVALID,
                             "stride and dilation of at least 1 and padding of at "
                             "least 0 expected, found %lld, %lld, %lld, %lld",
                             (long long)conv->stride[i], (long long)conv->dilation[i],
                             (long long)conv->padding[i], (long long)conv->padding[i + 2]);
    if (conv->groups < 1)
        return snug_fail(SNUG_INVALID, "at least 1 group expected, found %lld",
                         (long long)conv->groups);
    return SNUG_OK;
}

// Checks x, weight and the image they make, |y| (its dtype is x's).
static snug_status check_shapes(const snug_conv2d_attributes *conv, const snug_type *x,
                                const snug_type *weight, snug_type *y) {
    char text[SNUG_TYPE_TEXT];
    SNUG_TRY(check_attributes(conv));
    if (x->rank != 4 || x->layout != SNUG_CHANNELS_LAST || weight->rank != 4)
        return snug_fail(SNUG_INVALID,
                         "images (N, C, H, W) and a weight of 4 dimensions expected, "
                         "found %s",
                         snug_type_print(x->rank == 4 ? weight : x, text));
    if (x->dims[1] % conv->groups || weight->dims[0] % conv->groups ||
        weight->dims[1] != x->dims[1] / conv->groups)
        return snug_fail(
            SNUG_INVALID, "a weight for %lld channels in %lld groups expected, found %s",
            (long long)x->dims[1], (long long)conv->groups, snug_type_print(weight, text));
    int64_t h = extent(conv, 0, x->dims[2], weight->dims[2]);
    int64_t w = extent(conv, 1, x->dims[3], weight->dims[3]);
    if (h < 1 || w < 1)
        return snug_fail(SNUG_INVALID,
                         "a %lldx%lld kernel does not fit a padded image of %lldx%lld",
                         (long long)weight->dims[2], (long long)weight->dims[3],
                         (long long)x->dims[2], (long long)x->dims[3]);
    *y = snug_type_image(x->dtype, x->dims[0], weight->dims[0], h, w);
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
    const snug_conv2d_attributes *conv = attributes;
    const snug_type *dy = &inputs[0], *weight = &inputs[1];
    outputs[0] = snug_type_image(dy->dtype, dy->dims[0], weight->dims[1] * conv->groups,
                                 conv->input[0], conv->input[1]);
    return check_gradient(attributes, &outputs[0], weight, dy);
}

static snug_status infer_backward_weight(const void *attributes, const snug_type *inputs,
                                         int input_count, snug_type *outputs) {
    (void)input_count;
    const snug_conv2d_attributes *conv = attributes;
    const snug_type *x = &inputs[0], *dy = &inputs[1];
    if (conv->groups < 1) return check_attributes(conv);
    outputs[0] = snug_type_make(x->dtype, SNUG_ROW_MAJOR, 4,
                                (const int64_t[]){dy->dims[1], x->dims[1] / conv->groups,
                                                  conv->kernel[0], conv->kernel[1]});
    return check_gradient(attributes, x, &outputs[0], dy);
}

static snug_status gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id x = node->inputs[0], weight = node->inputs[1];
    snug_tensor_id dy = snug_backward_of(backward, node, 0);
    snug_conv2d_attributes conv = *(const snug_conv2d_attributes *)(const void *)node->attributes;
    for (int i = 0; i < 2; i++) {
        conv.input[i] = snug_graph_type(graph, x)->dims[2 + i];
        conv.kernel[i] = snug_graph_type(graph, weight)->dims[2 + i];
    }
    // The weight's gradient comes first: x may die before dx is made.
    if (snug_backward_wants(backward, node, 1))
        snug_backward_give(backward, node, 1,
                           SNUG_EMIT(graph, &snug_op_conv2d_backward_weight, &conv, x, dy));
    if (snug_backward_wants(backward, node, 2)) {
        snug_reduce_attributes all_but_channels = {.axes = 1 | 4 | 8};
        snug_backward_give(backward, node, 2,
                           SNUG_EMIT(graph, &snug_op_reduce_sum, &all_but_channels, dy));
    }
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(backward, node, 0,
                           SNUG_EMIT(graph, &snug_op_conv2d_backward_input, &conv, dy, weight));
    return SNUG_OK;
}

// dx is linear in dy and in the weight: as a forward operator (a transposed convolution) its
// gradients are the convolution and the convolution's gradient of the weight, with the roles of
// the images exchanged.
static snug_status transposed_gradient(snug_backward *backward, const snug_node *node) {
    snug_graph *graph = backward->graph;
    snug_tensor_id dy = node->inputs[0], weight = node->inputs[1];
    snug_tensor_id slope = snug_backward_of(backward, node, 0);
    snug_conv2d_attributes conv = *(const snug_conv2d_attributes *)(const void *)node->attributes;
    for (int i = 0; i < 2; i++)
        conv.kernel[i] = snug_graph_type(graph, weight)->dims[2 + i];
    if (snug_backward_wants(backward, node, 1))
        snug_backward_give(backward, node, 1,
                           SNUG_EMIT(graph, &snug_op_conv2d_backward_weight, &conv, slope, dy));
    if (snug_backward_wants(backward, node, 0))
        snug_backward_give(backward, node, 0,
                           SNUG_EMIT(graph, &snug_op_conv2d, &conv, slope, weight));
    return SNUG_OK;
}

// One multiply-add: element indices of x, weight and y.
typedef void (*visitor)(void *context, int64_t x, int64_t weight, int64_t y);

// Visits every multiply-add of the convolution.
static void visit(const snug_conv2d_attributes *conv, const snug_type *x, const snug_type *weight,
                  const snug_type *y, visitor visitor_, void *context) {
    int64_t out_per_group = y->dims[1] / conv->groups, in_per_group = weight->dims[1];
    int64_t windows = snug_type_elements(y);
    snug_type logical = *y;
    for (int64_t window = 0; window < windows; window++) {
        int64_t at[SNUG_MAX_RANK];
        snug_reference_coordinates(&logical, window, at);
        int64_t group = at[1] / out_per_group;
        int64_t y_index = snug_image_index(y, at[0], at[1], at[2], at[3]);
        for (int64_t c = 0; c < in_per_group; c++)
            for (int64_t i = 0; i < weight->dims[2]; i++)
                for (int64_t j = 0; j < weight->dims[3]; j++) {
                    int64_t h = at[2] * conv->stride[0] - conv->padding[0] + i * conv->dilation[0];
                    int64_t w = at[3] * conv->stride[1] - conv->padding[1] + j * conv->dilation[1];
                    if (h < 0 || h >= x->dims[2] || w < 0 || w >= x->dims[3]) continue;
                    visitor_(context, snug_image_index(x, at[0], group * in_per_group + c, h, w),
                             ((at[1] * in_per_group + c) * weight->dims[2] + i) * weight->dims[3] +
                                 j,
                             y_index);
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
           (double)weight->dims[3];
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

#define CONV(s, pt, pl, pb, pr, d, g)                                                              \
    { .stride = {s, s}, .padding = {pt, pl, pb, pr}, .dilation = {d, d}, .groups = (g) }
#define BACKWARD(s, p, d, g, h, w, kh, kw)                                                         \
    {                                                                                              \
        .stride = {s, s}, .padding = {p, p, p, p}, .dilation = {d, d}, .groups = (g),              \
        .input = {h, w}, .kernel = {                                                               \
            kh,                                                                                    \
            kw                                                                                     \
        }                                                                                          \
    }

static const snug_conv2d_attributes dense = CONV(1, 1, 1, 1, 1, 1, 1),
                                    strided = CONV(2, 1, 1, 1, 1, 1, 1),
                                    grouped = CONV(1, 1, 1, 1, 1, 1, 2),
                                    depthwise = CONV(2, 1, 1, 1, 1, 1, 6),
                                    dilated = CONV(1, 2, 2, 2, 2, 2, 1),
                                    lopsided = CONV(2, 0, 1, 2, 0, 1, 1),
                                    pointwise = CONV(1, 0, 0, 0, 0, 1, 1);
static const snug_conv2d_attributes dense_b = BACKWARD(1, 1, 1, 1, 5, 6, 3, 3),
                                    strided_b = BACKWARD(2, 1, 1, 1, 7, 6, 3, 3),
                                    grouped_b = BACKWARD(1, 1, 1, 2, 5, 5, 3, 3),
                                    depthwise_b = BACKWARD(2, 1, 1, 6, 7, 7, 3, 3),
                                    dilated_b = BACKWARD(1, 2, 2, 1, 6, 6, 3, 3),
                                    pointwise_b = BACKWARD(1, 0, 1, 1, 4, 5, 1, 1);

#define IMAGE SNUG_SAMPLE_IMAGE
#define WEIGHT SNUG_SAMPLE_ROW_MAJOR
#define SAMPLE(label, conv, count, ...)                                                            \
    {                                                                                              \
        .name = (label), .attributes = &(conv), .input_count = (count), .inputs = { __VA_ARGS__ }  \
    }

static const snug_sample samples[] = {
    SAMPLE("dense", dense, 3, IMAGE(2, 3, 5, 6), WEIGHT(4, 3, 3, 3), WEIGHT(4)),
    SAMPLE("no bias, stride 2", strided, 2, IMAGE(2, 3, 7, 6), WEIGHT(4, 3, 3, 3)),
    SAMPLE("grouped", grouped, 3, IMAGE(2, 4, 5, 5), WEIGHT(6, 2, 3, 3), WEIGHT(6)),
    SAMPLE("depthwise", depthwise, 2, IMAGE(2, 6, 7, 7), WEIGHT(6, 1, 3, 3)),
    SAMPLE("dilated", dilated, 2, IMAGE(1, 2, 6, 6), WEIGHT(3, 2, 3, 3)),
    SAMPLE("lopsided padding", lopsided, 2, IMAGE(1, 2, 6, 7), WEIGHT(3, 2, 3, 2)),
    SAMPLE("pointwise", pointwise, 3, IMAGE(2, 5, 4, 5), WEIGHT(3, 5, 1, 1), WEIGHT(3)),
};
static const snug_sample input_samples[] = {
    SAMPLE("dense", dense_b, 2, IMAGE(2, 4, 5, 6), WEIGHT(4, 3, 3, 3)),
    SAMPLE("stride 2", strided_b, 2, IMAGE(2, 4, 4, 3), WEIGHT(4, 3, 3, 3)),
    SAMPLE("grouped", grouped_b, 2, IMAGE(2, 6, 5, 5), WEIGHT(6, 2, 3, 3)),
    SAMPLE("depthwise", depthwise_b, 2, IMAGE(2, 6, 4, 4), WEIGHT(6, 1, 3, 3)),
    SAMPLE("dilated", dilated_b, 2, IMAGE(1, 3, 6, 6), WEIGHT(3, 2, 3, 3)),
    SAMPLE("pointwise", pointwise_b, 2, IMAGE(2, 3, 4, 5), WEIGHT(3, 5, 1, 1)),
};
static const snug_sample weight_samples[] = {
    SAMPLE("dense", dense_b, 2, IMAGE(2, 3, 5, 6), IMAGE(2, 4, 5, 6)),
    SAMPLE("stride 2", strided_b, 2, IMAGE(2, 3, 7, 6), IMAGE(2, 4, 4, 3)),
    SAMPLE("grouped", grouped_b, 2, IMAGE(2, 4, 5, 5), IMAGE(2, 6, 5, 5)),
    SAMPLE("depthwise", depthwise_b, 2, IMAGE(2, 6, 7, 7), IMAGE(2, 6, 4, 4)),
    SAMPLE("dilated", dilated_b, 2, IMAGE(1, 2, 6, 6), IMAGE(1, 3, 6, 6)),
    SAMPLE("pointwise", pointwise_b, 2, IMAGE(2, 5, 4, 5), IMAGE(2, 3, 4, 5)),
};

const snug_op snug_op_conv2d = {
    .name = "conv2d",
    .min_inputs = 2,
    .max_inputs = 3,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_conv2d_attributes),
    .infer = infer,
    .gradient = gradient,
    .gradient_inputs = 3,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_WEIGHT, SNUG_INPUT_BIAS},
    .rows = {.inputs = 1},
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops,
    .reference = kernel,
    .onnx = "Conv",
    SNUG_SAMPLES(samples),
};

const snug_op snug_op_conv2d_backward_input = {
    .name = "conv2d_backward_input",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_conv2d_attributes),
    .infer = infer_backward_input,
    .gradient = transposed_gradient,
    .gradient_inputs = 3,
    .roles = {SNUG_INPUT_DATA, SNUG_INPUT_WEIGHT},
    .rows = {.inputs = 1},
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops_backward_input,
    .reference = backward_input_kernel,
    .onnx = "ConvTranspose",
    SNUG_SAMPLES(input_samples),
};

const snug_op snug_op_conv2d_backward_weight = {
    .name = "conv2d_backward_weight",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attributes = attributes_table,
    .attributes_size = sizeof(snug_conv2d_attributes),
    .infer = infer_backward_weight,
    .rows = {.inputs = 3, .sums = true},
    .is_product = true,
    .precision = SNUG_PRECISION_LOW,
    .flops = flops_backward_weight,
    .reference = backward_weight_kernel,
    SNUG_SAMPLES(weight_samples),
};

static const snug_op *const ops[] = {&snug_op_conv2d, &snug_op_conv2d_backward_input,
                                     &snug_op_conv2d_backward_weight, NULL};
const snug_op_file snug_ops_conv2d = {ops};
