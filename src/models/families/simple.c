// The smallest useful network: a convolution, ReLU, max pooling, a linear layer.
#include "models/layers.h"

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    (void)model;
    snug_layers layers = snug_layers_begin(graph, options, training);
    snug_conv_shape shape = {
        .out = snug_layers_scale(&layers, 64), .kernel = 3, .stride = 1, .padding = 1};
    x = snug_layers_conv(&layers, "conv", x, shape, true);
    x = snug_layers_activate(&layers, &snug_op_relu, x);
    x = snug_layers_max_pool(&layers, x, 2, 2, 0, false);
    x = snug_layers_flatten(&layers, x);
    return snug_layers_linear(&layers, "fc", x, options->classes);
}

static const snug_model models[] = {
    {.name = "simple",
     .family = "simple",
     .summary = "convolution, ReLU, max pooling, linear",
     .default_size = 32,
     .minimum_size = 2,
     .size_multiple = 1,
     .default_classes = 10,
     .build = build},
};
const snug_model_file snug_models_simple = {models, sizeof models / sizeof *models};
