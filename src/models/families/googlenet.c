// GoogLeNet (Szegedy et al., 2015) as in torchvision, without its auxiliary heads.
#include "models/layers.h"

// Channels of an Inception module's branches.
typedef struct inception {
    const char *name;
    int64_t point, reduce3, conv3, reduce5, conv5, pool;
} inception;

static const inception modules[] = {
    {"inception3a", 64, 96, 128, 16, 32, 32},     {"inception3b", 128, 128, 192, 32, 96, 64},
    {"inception4a", 192, 96, 208, 16, 48, 64},    {"inception4b", 160, 112, 224, 24, 64, 64},
    {"inception4c", 128, 128, 256, 24, 64, 64},   {"inception4d", 112, 144, 288, 32, 64, 64},
    {"inception4e", 256, 160, 320, 32, 128, 128}, {"inception5a", 256, 160, 320, 32, 128, 128},
    {"inception5b", 384, 192, 384, 48, 128, 128},
};
enum { MODULES = sizeof modules / sizeof modules[0] };

static snug_tensor_id basic_conv(snug_layers *layers, const char *name, snug_tensor_id x,
                                 int64_t out, int64_t kernel, int64_t stride) {
    snug_conv_shape shape = {.out = snug_layers_scale(layers, out),
                             .kernel = kernel,
                             .stride = stride,
                             .padding = kernel / 2};
    return snug_layers_conv_norm(layers, snug_layers_name(layers, "%s.conv", name),
                                 snug_layers_name(layers, "%s.bn", name), x, shape, &snug_op_relu);
}

static snug_tensor_id add_module(snug_layers *layers, snug_tensor_id x, const inception *module) {
    snug_axis_attributes channels = {.axis = 1};
#define PART(text) snug_layers_name(layers, "%s." text, module->name)
    snug_tensor_id a = basic_conv(layers, PART("branch1"), x, module->point, 1, 1);
    snug_tensor_id b = basic_conv(layers, PART("branch2.0"), x, module->reduce3, 1, 1);
    b = basic_conv(layers, PART("branch2.1"), b, module->conv3, 3, 1);
    snug_tensor_id c = basic_conv(layers, PART("branch3.0"), x, module->reduce5, 1, 1);
    // 3x3 where the paper has 5x5: torchvision keeps its first weights' mistake.
    c = basic_conv(layers, PART("branch3.1"), c, module->conv5, 3, 1);
    snug_tensor_id d = snug_layers_max_pool(layers, x, 3, 1, 1, true);
    d = basic_conv(layers, PART("branch4.1"), d, module->pool, 1, 1);
#undef PART
    return SNUG_EMIT(layers->graph, &snug_op_concat, &channels, a, b, c, d);
}

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    (void)model;
    snug_layers layers = snug_layers_begin(graph, options, training);
    layers.conv_init = SNUG_WEIGHTS_NORMAL;
    layers.linear_init = SNUG_WEIGHTS_NORMAL_DEFAULT;
    layers.norm_eps = 0.001;
    x = basic_conv(&layers, "conv1", x, 64, 7, 2);
    x = snug_layers_max_pool(&layers, x, 3, 2, 0, true);
    x = basic_conv(&layers, "conv2", x, 64, 1, 1);
    x = basic_conv(&layers, "conv3", x, 192, 3, 1);
    x = snug_layers_max_pool(&layers, x, 3, 2, 0, true);
    for (int i = 0; i < MODULES; i++) {
        if (i == 2) x = snug_layers_max_pool(&layers, x, 3, 2, 0, true);
        if (i == 7) x = snug_layers_max_pool(&layers, x, 2, 2, 0, true);
        x = add_module(&layers, x, &modules[i]);
    }
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 1));
    x = snug_layers_dropout(&layers, x, 0.2);
    return snug_layers_linear(&layers, "fc", x, options->classes);
}

static const snug_model models[] = {
    {.name = "googlenet",
     .family = "googlenet",
     .summary = "inception modules, without auxiliary heads",
     .default_size = 224,
     .minimum_size = 15,
     .size_multiple = 1,
     .default_classes = 1000,
     .has_batch_norm = true,
     .build = build},
};
const snug_model_file snug_models_googlenet = {models, sizeof models / sizeof *models};
