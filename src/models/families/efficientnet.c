// EfficientNet (Tan and Le, 2019) as in torchvision: one set of stages, scaled in width and depth.
#include <math.h>

#include "models/layers.h"

typedef struct efficientnet_config {
    double width, depth, dropout;
    bool late; // b5 to b7: batch norm with eps 0.001 and momentum 0.01
} efficientnet_config;

// Expansion, kernel, stride of the first block, input and output channels, blocks.
static const struct {
    int64_t expand, kernel, stride, in, out, blocks;
} stages[] = {{1, 3, 1, 32, 16, 1},  {6, 3, 2, 16, 24, 2},  {6, 5, 2, 24, 40, 2},
              {6, 3, 2, 40, 80, 3},  {6, 5, 1, 80, 112, 3}, {6, 5, 2, 112, 192, 4},
              {6, 3, 1, 192, 320, 1}};
enum { STAGES = sizeof stages / sizeof stages[0] };

static int64_t scaled(const snug_layers *layers, const efficientnet_config *config,
                      int64_t channels) {
    return snug_make_divisible((double)channels * config->width *
                               layers->options->width_multiplier);
}

static int64_t repeats(const efficientnet_config *config, int stage) {
    return (int64_t)ceil((double)stages[stage].blocks * config->depth);
}

static snug_tensor_id conv_norm(snug_layers *layers, const char *name, snug_tensor_id x,
                                snug_conv_shape shape, snug_activation activation) {
    return snug_layers_conv_norm(layers, snug_layers_name(layers, "%s.0", name),
                                 snug_layers_name(layers, "%s.1", name), x, shape, activation);
}

// A block of |stage| called |name|; |drop| is its stochastic depth.
static snug_tensor_id mb_conv(snug_layers *layers, const char *name, snug_tensor_id x, int stage,
                              int64_t out, int64_t stride, double drop) {
    int64_t in = snug_layers_channels(layers, x);
    // torchvision rounds the expanded width as it rounds others.
    int64_t hidden = snug_make_divisible((double)(in * stages[stage].expand));
    int64_t kernel = stages[stage].kernel;
    snug_tensor_id y = x;
    int part = 0;
    if (hidden != in)
        y = conv_norm(layers, snug_layers_name(layers, "%s.block.%d", name, part++), y,
                      (snug_conv_shape){.out = hidden, .kernel = 1, .stride = 1}, &snug_op_silu);
    y = conv_norm(layers, snug_layers_name(layers, "%s.block.%d", name, part++), y,
                  (snug_conv_shape){.out = hidden,
                                    .kernel = kernel,
                                    .stride = stride,
                                    .padding = (kernel - 1) / 2,
                                    .groups = hidden},
                  &snug_op_silu);
    int64_t squeezed = in / 4 > 1 ? in / 4 : 1;
    y = snug_layers_squeeze(layers, snug_layers_name(layers, "%s.block.%d", name, part++), y,
                            squeezed, &snug_op_silu, &snug_op_sigmoid);
    y = conv_norm(layers, snug_layers_name(layers, "%s.block.%d", name, part), y,
                  (snug_conv_shape){.out = out, .kernel = 1, .stride = 1}, NULL);
    if (stride != 1 || in != out) return y;
    return snug_layers_add(layers, snug_layers_stochastic_depth(layers, y, drop), x);
}

static snug_tensor_id build_stages(snug_layers *layers, const efficientnet_config *config,
                                   snug_tensor_id x) {
    int64_t total = 0, done = 0;
    for (int i = 0; i < STAGES; i++)
        total += repeats(config, i);
    for (int i = 0; i < STAGES; i++)
        for (int64_t j = 0; j < repeats(config, i); j++, done++)
            x = mb_conv(layers, snug_layers_name(layers, "features.%d.%d", i + 1, (int)j), x, i,
                        scaled(layers, config, stages[i].out), j == 0 ? stages[i].stride : 1,
                        0.2 * (double)done / (double)total);
    return x;
}

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    const efficientnet_config *config = model->config;
    snug_layers layers = snug_layers_begin(graph, options, training);
    layers.conv_init = SNUG_WEIGHTS_KAIMING;
    layers.linear_init = SNUG_WEIGHTS_UNIFORM_OUT;
    if (config->late) {
        layers.norm_eps = 0.001;
        layers.norm_momentum = 0.01;
    }
    snug_conv_shape stem = {
        .out = scaled(&layers, config, stages[0].in), .kernel = 3, .stride = 2, .padding = 1};
    x = conv_norm(&layers, "features.0", x, stem, &snug_op_silu);
    x = build_stages(&layers, config, x);
    snug_conv_shape last = {.out = 4 * snug_layers_channels(&layers, x), .kernel = 1, .stride = 1};
    x = conv_norm(&layers, "features.8", x, last, &snug_op_silu);
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 1));
    x = snug_layers_dropout(&layers, x, config->dropout);
    return snug_layers_linear(&layers, "classifier.1", x, options->classes);
}

static const efficientnet_config b0 = {1.0, 1.0, 0.2, false}, b1 = {1.0, 1.1, 0.2, false},
                                 b2 = {1.1, 1.2, 0.3, false}, b3 = {1.2, 1.4, 0.3, false},
                                 b4 = {1.4, 1.8, 0.4, false}, b5 = {1.6, 2.2, 0.4, true},
                                 b6 = {1.8, 2.6, 0.5, true}, b7 = {2.0, 3.1, 0.5, true};

#define EFFICIENTNET(which, size)                                                                  \
    {                                                                                              \
        .name = "efficientnet_" #which, .family = "efficientnet",                                  \
        .summary = "inverted residuals with squeeze-and-excitation, scaled", .default_size = size, \
        .minimum_size = 1, .size_multiple = 1, .default_classes = 1000, .has_batch_norm = true,    \
        .build = build, .config = &which                                                           \
    }
static const snug_model models[] = {
    EFFICIENTNET(b0, 224), EFFICIENTNET(b1, 240), EFFICIENTNET(b2, 288), EFFICIENTNET(b3, 300),
    EFFICIENTNET(b4, 380), EFFICIENTNET(b5, 456), EFFICIENTNET(b6, 528), EFFICIENTNET(b7, 600)};
const snug_model_file snug_models_efficientnet = {models, sizeof models / sizeof *models};
