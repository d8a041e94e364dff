#include "models/layers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256 };

snug_layers snug_layers_begin(snug_graph *graph, const snug_model_options *options, bool training) {
    return (snug_layers){.graph = graph,
                         .options = options,
                         .training = training,
                         .norm_eps = 1e-5,
                         .norm_momentum = 0.1};
}

const char *snug_layers_name(snug_layers *layers, const char *format, ...) {
    char text[NAME_BYTES], *name = NULL;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snug_status status = snug_pool_text(&layers->graph->pool, text, &name);
    if (status == SNUG_OK) return name;
    snug_graph_poison(layers->graph, status);
    return "";
}

static snug_tensor_id add_parameter(snug_layers *layers, const char *name, const char *part,
                                    const snug_type *type, snug_role role, snug_init init) {
    snug_graph *graph = layers->graph;
    char full[NAME_BYTES + 16];
    snprintf(full, sizeof full, "%s.%s", name, part);
    snug_tensor_id id = snug_graph_tensor(graph, full, type, role);
    if (id == SNUG_NO_TENSOR) return id;
    graph->tensors[id]->init = init;
    graph->tensors[id]->trainable = role == SNUG_ROLE_WEIGHT;
    return id;
}

static snug_init uniform_within(double bound) {
    return snug_init_of(SNUG_INIT_UNIFORM, -bound, bound);
}

static snug_init weight_init(snug_weight_init kind, double fan_in, double fan_out) {
    switch (kind) {
    case SNUG_WEIGHTS_DEFAULT:
        break;
    case SNUG_WEIGHTS_KAIMING:
        return snug_init_of(SNUG_INIT_NORMAL, 0, sqrt(2 / fan_out));
    case SNUG_WEIGHTS_NORMAL:
    case SNUG_WEIGHTS_NORMAL_DEFAULT:
        return snug_init_of(SNUG_INIT_NORMAL, 0, 0.01);
    case SNUG_WEIGHTS_UNIFORM_OUT:
        return uniform_within(1 / sqrt(fan_out));
    }
    return uniform_within(1 / sqrt(fan_in));
}

static snug_init bias_init(snug_weight_init kind, double fan_in) {
    bool by_default = kind == SNUG_WEIGHTS_DEFAULT || kind == SNUG_WEIGHTS_NORMAL_DEFAULT;
    return by_default ? uniform_within(1 / sqrt(fan_in)) : snug_init_of(SNUG_INIT_CONSTANT, 0, 0);
}

int64_t snug_layers_channels(const snug_layers *layers, snug_tensor_id x) {
    return snug_graph_type(layers->graph, x)->dims[1];
}

static snug_tensor_id convolve(snug_layers *layers, const char *name, snug_tensor_id x,
                               snug_conv_shape shape, bool bias) {
    snug_graph *graph = layers->graph;
    graph->scope = name;
    int64_t groups = shape.groups ? shape.groups : 1;
    int64_t dims[] = {shape.out, snug_layers_channels(layers, x) / groups, shape.kernel,
                      shape.kernel};
    double window = (double)(shape.kernel * shape.kernel);
    double fan_in = (double)dims[1] * window, fan_out = (double)shape.out * window;
    snug_type type = snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 4, dims);
    snug_type bias_type = snug_type_vector(SNUG_F32, shape.out);
    snug_tensor_id weight = add_parameter(layers, name, "weight", &type, SNUG_ROLE_WEIGHT,
                                          weight_init(layers->conv_init, fan_in, fan_out));
    snug_tensor_id bias_id = bias
                                 ? add_parameter(layers, name, "bias", &bias_type, SNUG_ROLE_WEIGHT,
                                                 bias_init(layers->conv_init, fan_in))
                                 : SNUG_NO_TENSOR;
    snug_conv2d_attributes conv = {
        .stride = {shape.stride, shape.stride},
        .padding = {shape.padding, shape.padding, shape.padding, shape.padding},
        .dilation = {1, 1},
        .groups = groups};
    return SNUG_EMIT(graph, &snug_op_conv2d, &conv, x, weight, bias_id);
}

// A filter for each channel, then a mixture of the channels, as in Xception (Chollet, 2017) without
// anything in between. An image's few channels stay dense.
static snug_tensor_id convolve_apart(snug_layers *layers, const char *name, snug_tensor_id x,
                                     snug_conv_shape shape, bool bias) {
    snug_conv_shape depthwise = shape, pointwise = {.out = shape.out, .kernel = 1, .stride = 1};
    depthwise.out = depthwise.groups = snug_layers_channels(layers, x);
    x = convolve(layers, snug_layers_name(layers, "%s.depthwise", name), x, depthwise, false);
    return convolve(layers, snug_layers_name(layers, "%s.pointwise", name), x, pointwise, bias);
}

snug_tensor_id snug_layers_conv(snug_layers *layers, const char *name, snug_tensor_id x,
                                snug_conv_shape shape, bool bias) {
    enum { few = 8 };
    bool is_dense = shape.groups <= 1 && (shape.kernel == 3 || shape.kernel == 5);
    if (layers->options->separable && is_dense && snug_layers_channels(layers, x) > few)
        return convolve_apart(layers, name, x, shape, bias);
    return convolve(layers, name, x, shape, bias);
}

snug_tensor_id snug_layers_norm(snug_layers *layers, const char *name, snug_tensor_id x) {
    const snug_init zero = snug_init_of(SNUG_INIT_CONSTANT, 0, 0);
    const snug_init one = snug_init_of(SNUG_INIT_CONSTANT, 1, 0);
    layers->graph->scope = name;
    snug_type type = snug_type_vector(SNUG_F32, snug_layers_channels(layers, x));
    snug_tensor_id inputs[] = {
        x,
        add_parameter(layers, name, "weight", &type, SNUG_ROLE_WEIGHT, one),
        add_parameter(layers, name, "bias", &type, SNUG_ROLE_WEIGHT, zero),
        add_parameter(layers, name, "running_mean", &type, SNUG_ROLE_STATISTIC, zero),
        add_parameter(layers, name, "running_var", &type, SNUG_ROLE_STATISTIC, one),
    };
    snug_batch_norm_attributes norm = {
        .momentum = layers->norm_momentum, .eps = layers->norm_eps, .update = layers->training};
    bool learns = layers->training && !layers->options->freeze_bn;
    const snug_op *op = learns ? &snug_op_batch_norm : &snug_op_batch_norm_inference;
    return snug_graph_emit(layers->graph, op, &norm, inputs, 5);
}

// Makes |activation| part of the batch norm that was just added and gave |x|; false where there is
// none. Nothing else can read |x| yet.
static bool join_norm(snug_layers *layers, snug_activation activation, snug_tensor_id x) {
    snug_graph *graph = layers->graph;
    if (x == SNUG_NO_TENSOR || graph->node_count == 0) return false;
    snug_node *node = graph->nodes[graph->node_count - 1];
    bool is_norm = node->op == &snug_op_batch_norm || node->op == &snug_op_batch_norm_inference;
    if (!is_norm || node->outputs[0] != x) return false;
    snug_batch_norm_attributes norm;
    memcpy(&norm, node->attributes, sizeof norm);
    if (activation == &snug_op_relu)
        norm.activation = SNUG_NORM_RELU;
    else if (activation == &snug_op_relu6)
        norm.activation = SNUG_NORM_RELU6;
    memcpy(node->attributes, &norm, sizeof norm);
    return norm.activation != SNUG_NORM_LINEAR;
}

snug_tensor_id snug_layers_activate(snug_layers *layers, snug_activation activation,
                                    snug_tensor_id x) {
    if (activation && layers->options->fuse && join_norm(layers, activation, x)) return x;
    return activation ? SNUG_EMIT(layers->graph, activation, NULL, x) : x;
}

snug_tensor_id snug_layers_conv_norm(snug_layers *layers, const char *conv, const char *norm,
                                     snug_tensor_id x, snug_conv_shape shape,
                                     snug_activation activation) {
    x = snug_layers_conv(layers, conv, x, shape, false);
    x = snug_layers_norm(layers, norm, x);
    return snug_layers_activate(layers, activation, x);
}

snug_tensor_id snug_layers_linear(snug_layers *layers, const char *name, snug_tensor_id x,
                                  int64_t out) {
    layers->graph->scope = name;
    int64_t in = snug_layers_channels(layers, x);
    snug_type type = snug_type_matrix(SNUG_F32, out, in);
    snug_type bias_type = snug_type_vector(SNUG_F32, out);
    snug_tensor_id weight =
        add_parameter(layers, name, "weight", &type, SNUG_ROLE_WEIGHT,
                      weight_init(layers->linear_init, (double)in, (double)out));
    snug_tensor_id bias = add_parameter(layers, name, "bias", &bias_type, SNUG_ROLE_WEIGHT,
                                        bias_init(layers->linear_init, (double)in));
    return SNUG_EMIT(layers->graph, &snug_op_linear, NULL, x, weight, bias);
}

snug_tensor_id snug_layers_squeeze(snug_layers *layers, const char *name, snug_tensor_id x,
                                   int64_t squeezed, snug_activation activation,
                                   snug_activation gate) {
    snug_conv_shape down = {.out = squeezed, .kernel = 1, .stride = 1};
    snug_conv_shape up = {.out = snug_layers_channels(layers, x), .kernel = 1, .stride = 1};
    snug_tensor_id scale = snug_layers_adaptive_pool(layers, x, 1);
    scale = snug_layers_conv(layers, snug_layers_name(layers, "%s.fc1", name), scale, down, true);
    scale = snug_layers_activate(layers, activation, scale);
    scale = snug_layers_conv(layers, snug_layers_name(layers, "%s.fc2", name), scale, up, true);
    scale = snug_layers_activate(layers, gate, scale);
    return SNUG_EMIT(layers->graph, &snug_op_multiply, NULL, scale, x);
}

snug_tensor_id snug_layers_max_pool(snug_layers *layers, snug_tensor_id x, int64_t kernel,
                                    int64_t stride, int64_t padding, bool ceil_mode) {
    snug_pool2d_attributes pool = {.kernel = {kernel, kernel},
                                   .stride = {stride, stride},
                                   .padding = {padding, padding, padding, padding},
                                   .dilation = {1, 1},
                                   .ceil_mode = ceil_mode};
    return SNUG_EMIT(layers->graph, &snug_op_max_pool2d, &pool, x);
}

snug_tensor_id snug_layers_adaptive_pool(snug_layers *layers, snug_tensor_id x, int64_t size) {
    snug_adaptive_pool2d_attributes pool = {.output = {size, size}};
    return SNUG_EMIT(layers->graph, &snug_op_adaptive_avg_pool2d, &pool, x);
}

snug_tensor_id snug_layers_flatten(snug_layers *layers, snug_tensor_id x) {
    const snug_type *type = snug_graph_type(layers->graph, x);
    int64_t pixels = type->dims[2] * type->dims[3];
    snug_reshape_attributes flat = {
        .rank = 2, .dims = {type->dims[0], type->dims[1] * pixels}, .layout = SNUG_ROW_MAJOR};
    snug_to_layout_attributes row_major = {.layout = SNUG_ROW_MAJOR};
    if (pixels > 1) x = SNUG_EMIT(layers->graph, &snug_op_to_layout, &row_major, x);
    return SNUG_EMIT(layers->graph, &snug_op_reshape, &flat, x);
}

snug_tensor_id snug_layers_add(snug_layers *layers, snug_tensor_id a, snug_tensor_id b) {
    return SNUG_EMIT(layers->graph, &snug_op_add, NULL, a, b);
}

static snug_tensor_id drop(snug_layers *layers, const snug_op *op, snug_tensor_id x, double p) {
    snug_dropout_attributes dropout = {.p = p, .salt = layers->salt++};
    if (!layers->training || !layers->options->drop || p == 0) return x;
    return SNUG_EMIT(layers->graph, op, &dropout, x);
}

snug_tensor_id snug_layers_dropout(snug_layers *layers, snug_tensor_id x, double p) {
    return drop(layers, &snug_op_dropout, x, p);
}

snug_tensor_id snug_layers_stochastic_depth(snug_layers *layers, snug_tensor_id x, double p) {
    return drop(layers, &snug_op_stochastic_depth, x, p);
}

int64_t snug_make_divisible(double channels) {
    int64_t rounded = (int64_t)(channels + 4) / 8 * 8;
    if (rounded < 8) rounded = 8;
    return (double)rounded < 0.9 * channels ? rounded + 8 : rounded;
}

int64_t snug_layers_scale(const snug_layers *layers, int64_t channels) {
    double width = layers->options->width_multiplier;
    return width == 1 ? channels : snug_make_divisible((double)channels * width);
}
