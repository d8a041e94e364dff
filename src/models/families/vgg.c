// VGG (Simonyan and Zisserman, 2015) as in torchvision, with and without batch norm.
#include "models/layers.h"

// Convolutions in each of the five stages; a max pooling follows each stage.
typedef struct vgg_config {
    int convolutions[5];
    bool norm;
} vgg_config;

static snug_tensor_id build_features(snug_layers *layers, const vgg_config *config,
                                     snug_tensor_id x) {
    static const int64_t channels[] = {64, 128, 256, 512, 512};
    int index = 0; // in torchvision's nn.Sequential, activations and poolings counted
    for (int i = 0; i < 5; i++) {
        snug_conv_shape shape = {
            .out = snug_layers_scale(layers, channels[i]), .kernel = 3, .stride = 1, .padding = 1};
        for (int j = 0; j < config->convolutions[i]; j++) {
            x = snug_layers_conv(layers, snug_layers_name(layers, "features.%d", index++), x, shape,
                                 true);
            if (config->norm)
                x = snug_layers_norm(layers, snug_layers_name(layers, "features.%d", index++), x);
            x = snug_layers_activate(layers, &snug_op_relu, x);
            index++;
        }
        x = snug_layers_max_pool(layers, x, 2, 2, 0, false);
        index++;
    }
    return x;
}

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    snug_layers layers = snug_layers_begin(graph, options, training);
    layers.conv_init = SNUG_WEIGHTS_KAIMING;
    layers.linear_init = SNUG_WEIGHTS_NORMAL;
    x = build_features(&layers, model->config, x);
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 7));
    int64_t hidden = snug_layers_scale(&layers, 4096);
    for (int i = 0; i < 2; i++) {
        x = snug_layers_linear(&layers, i ? "classifier.3" : "classifier.0", x, hidden);
        x = snug_layers_activate(&layers, &snug_op_relu, x);
        x = snug_layers_dropout(&layers, x, 0.5);
    }
    return snug_layers_linear(&layers, "classifier.6", x, options->classes);
}

#define CONFIG(name, ...)                                                                          \
    static const vgg_config name = {{__VA_ARGS__}, false}, name##_bn = {{__VA_ARGS__}, true}
CONFIG(vgg11, 1, 1, 2, 2, 2);
CONFIG(vgg13, 2, 2, 2, 2, 2);
CONFIG(vgg16, 2, 2, 3, 3, 3);
CONFIG(vgg19, 2, 2, 4, 4, 4);

#define VGG(name_, text, has_norm)                                                                 \
    {                                                                                              \
        .name = #name_, .family = "vgg", .summary = text, .default_size = 224, .minimum_size = 32, \
        .size_multiple = 1, .default_classes = 1000, .has_batch_norm = (has_norm), .build = build, \
        .config = &name_                                                                           \
    }
#define PAIR(name, depth)                                                                          \
    VGG(name, "plain 3x3 convolutions, " depth " layers", false),                                  \
        VGG(name##_bn, "the same with batch norm", true)
static const snug_model models[] = {PAIR(vgg11, "11"), PAIR(vgg13, "13"), PAIR(vgg16, "16"),
                                    PAIR(vgg19, "19")};
const snug_model_file snug_models_vgg = {models, sizeof models / sizeof *models};
