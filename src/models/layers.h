// Layers: what the families are built from. Each adds its weights under torchvision's names with
// their initial values, and its nodes. Errors are the graph's sticky one.
#ifndef SNUG_MODELS_LAYERS_H
#define SNUG_MODELS_LAYERS_H

#include "models/model.h"
#include "ops/ops.h"

// How a convolution's or linear layer's weights start; biases follow.
typedef enum snug_weight_init {
    SNUG_WEIGHTS_DEFAULT,        // PyTorch's: uniform within 1 / sqrt(fan in), biases too
    SNUG_WEIGHTS_KAIMING,        // normal, sqrt(2 / fan out) (He et al., 2015); biases 0
    SNUG_WEIGHTS_NORMAL,         // normal, 0.01; biases 0
    SNUG_WEIGHTS_NORMAL_DEFAULT, // normal, 0.01; biases as the default
    SNUG_WEIGHTS_UNIFORM_OUT,    // uniform within 1 / sqrt(fan out); biases 0
} snug_weight_init;

// A network under construction.
typedef struct snug_layers {
    snug_graph *graph;
    const snug_model_options *options;
    bool training;
    snug_weight_init conv_init, linear_init;
    double norm_eps, norm_momentum;
    int64_t salt; // of the next dropout
} snug_layers;

// PyTorch's defaults for everything.
snug_layers snug_layers_begin(snug_graph *graph, const snug_model_options *options, bool training);

// A formatted name, owned by the graph; "" after a failure.
const char *snug_layers_name(snug_layers *layers, const char *format, ...) SNUG_PRINTF(2, 3);

// Activations take x and nothing else; NULL stands for none.
typedef const snug_op *snug_activation;

typedef struct snug_conv_shape {
    int64_t out, kernel, stride, padding, groups;
} snug_conv_shape;

snug_tensor_id snug_layers_conv(snug_layers *layers, const char *name, snug_tensor_id x,
                                snug_conv_shape shape, bool bias);
snug_tensor_id snug_layers_norm(snug_layers *layers, const char *name, snug_tensor_id x);
snug_tensor_id snug_layers_activate(snug_layers *layers, snug_activation activation,
                                    snug_tensor_id x);
// Convolution called |conv|, batch norm called |norm|, activation.
snug_tensor_id snug_layers_conv_norm(snug_layers *layers, const char *conv, const char *norm,
                                     snug_tensor_id x, snug_conv_shape shape,
                                     snug_activation activation);
snug_tensor_id snug_layers_linear(snug_layers *layers, const char *name, snug_tensor_id x,
                                  int64_t out);
// torchvision's SqueezeExcitation: global average, two 1x1 convolutions, product.
snug_tensor_id snug_layers_squeeze(snug_layers *layers, const char *name, snug_tensor_id x,
                                   int64_t squeezed, snug_activation activation,
                                   snug_activation gate);
snug_tensor_id snug_layers_max_pool(snug_layers *layers, snug_tensor_id x, int64_t kernel,
                                    int64_t stride, int64_t padding, bool ceil_mode);
snug_tensor_id snug_layers_adaptive_pool(snug_layers *layers, snug_tensor_id x, int64_t size);
// (N, C, H, W) to (N, C*H*W) in PyTorch's order.
snug_tensor_id snug_layers_flatten(snug_layers *layers, snug_tensor_id x);
snug_tensor_id snug_layers_add(snug_layers *layers, snug_tensor_id a, snug_tensor_id b);
// Nothing in evaluation, without options.drop, or for p = 0.
snug_tensor_id snug_layers_dropout(snug_layers *layers, snug_tensor_id x, double p);
snug_tensor_id snug_layers_stochastic_depth(snug_layers *layers, snug_tensor_id x, double p);

// The channels of |x|.
int64_t snug_layers_channels(const snug_layers *layers, snug_tensor_id x);

// torchvision's _make_divisible: the nearest multiple of 8, never more than a tenth below.
int64_t snug_make_divisible(double channels);
// |channels| under the options' width multiplier, by the rule above; |channels| itself at 1.
int64_t snug_layers_scale(const snug_layers *layers, int64_t channels);

#endif
