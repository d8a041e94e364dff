// ResNet (He et al., 2016) as in torchvision: the stride of a bottleneck is in its 3x3 convolution.
#include "models/layers.h"

typedef struct resnet_config {
    int blocks[4];
    bool bottleneck;
} resnet_config;

static snug_tensor_id conv_norm(snug_layers *layers, const char *block, int part, snug_tensor_id x,
                                snug_conv_shape shape, snug_activation activation) {
    return snug_layers_conv_norm(layers, snug_layers_name(layers, "%s.conv%d", block, part),
                                 snug_layers_name(layers, "%s.bn%d", block, part), x, shape,
                                 activation);
}

static snug_tensor_id add_block(snug_layers *layers, const char *name, bool bottleneck,
                                snug_tensor_id x, int64_t planes, int64_t stride) {
    int64_t out = bottleneck ? 4 * planes : planes;
    snug_conv_shape point = {.out = planes, .kernel = 1, .stride = 1};
    snug_conv_shape first = {.out = planes, .kernel = 3, .stride = stride, .padding = 1};
    snug_conv_shape second = {.out = planes, .kernel = 3, .stride = 1, .padding = 1};
    snug_conv_shape widen = {.out = out, .kernel = 1, .stride = 1};
    snug_conv_shape skip = {.out = out, .kernel = 1, .stride = stride};
    snug_tensor_id y = x;
    if (bottleneck) {
        y = conv_norm(layers, name, 1, y, point, &snug_op_relu);
        y = conv_norm(layers, name, 2, y, first, &snug_op_relu);
        y = conv_norm(layers, name, 3, y, widen, NULL);
    } else {
        y = conv_norm(layers, name, 1, y, first, &snug_op_relu);
        y = conv_norm(layers, name, 2, y, second, NULL);
    }
    if (stride != 1 || snug_layers_channels(layers, x) != out)
        x = snug_layers_conv_norm(layers, snug_layers_name(layers, "%s.downsample.0", name),
                                  snug_layers_name(layers, "%s.downsample.1", name), x, skip, NULL);
    return snug_layers_activate(layers, &snug_op_relu, snug_layers_add(layers, y, x));
}

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    const resnet_config *config = model->config;
    snug_layers layers = snug_layers_begin(graph, options, training);
    layers.conv_init = SNUG_WEIGHTS_KAIMING;
    int64_t planes = snug_layers_scale(&layers, 64);
    snug_conv_shape stem = {.out = planes, .kernel = 7, .stride = 2, .padding = 3};
    x = snug_layers_conv_norm(&layers, "conv1", "bn1", x, stem, &snug_op_relu);
    x = snug_layers_max_pool(&layers, x, 3, 2, 1, false);
    for (int i = 0; i < 4; i++, planes *= 2)
        for (int j = 0; j < config->blocks[i]; j++)
            x = add_block(&layers, snug_layers_name(&layers, "layer%d.%d", i + 1, j),
                          config->bottleneck, x, planes, i > 0 && j == 0 ? 2 : 1);
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 1));
    return snug_layers_linear(&layers, "fc", x, options->classes);
}

static const resnet_config resnet18 = {{2, 2, 2, 2}, false}, resnet34 = {{3, 4, 6, 3}, false},
                           resnet50 = {{3, 4, 6, 3}, true}, resnet101 = {{3, 4, 23, 3}, true},
                           resnet152 = {{3, 8, 36, 3}, true};

#define RESNET(depth)                                                                              \
    {                                                                                              \
        .name = "resnet" #depth, .family = "resnet",                                               \
        .summary = "residual network, " #depth " layers", .default_size = 224, .minimum_size = 1,  \
        .size_multiple = 1, .default_classes = 1000, .has_batch_norm = true, .build = build,       \
        .config = &resnet##depth                                                                   \
    }
static const snug_model models[] = {RESNET(18), RESNET(34), RESNET(50), RESNET(101), RESNET(152)};
const snug_model_file snug_models_resnet = {models, sizeof models / sizeof *models};
