// MobileNetV2 (Sandler et al., 2018) as in torchvision.
#include "models/layers.h"

// Expansion, output channels, blocks, stride of the first.
static const struct {
    int64_t expand, out, blocks, stride;
} stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
              {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
enum { STAGES = sizeof stages / sizeof stages[0] };

// Convolution, batch norm and ReLU6 as "<name>.0" and "<name>.1".
static snug_tensor_id conv_norm_relu6(snug_layers *layers, const char *name, snug_tensor_id x,
                                      snug_conv_shape shape) {
    return snug_layers_conv_norm(layers, snug_layers_name(layers, "%s.0", name),
                                 snug_layers_name(layers, "%s.1", name), x, shape, &snug_op_relu6);
}

static snug_tensor_id inverted_residual(snug_layers *layers, int index, snug_tensor_id x,
                                        int64_t expand, int64_t out, int64_t stride) {
    int64_t in = snug_layers_channels(layers, x), hidden = in * expand;
    snug_tensor_id y = x;
    int part = 0;
    if (expand != 1)
        y = conv_norm_relu6(layers, snug_layers_name(layers, "features.%d.conv.%d", index, part++),
                            y, (snug_conv_shape){.out = hidden, .kernel = 1, .stride = 1});
    y = conv_norm_relu6(
        layers, snug_layers_name(layers, "features.%d.conv.%d", index, part++), y,
        (snug_conv_shape){
            .out = hidden, .kernel = 3, .stride = stride, .padding = 1, .groups = hidden});
    y = snug_layers_conv_norm(layers, snug_layers_name(layers, "features.%d.conv.%d", index, part),
                              snug_layers_name(layers, "features.%d.conv.%d", index, part + 1), y,
                              (snug_conv_shape){.out = out, .kernel = 1, .stride = 1}, NULL);
    return stride == 1 && in == out ? snug_layers_add(layers, x, y) : y;
}

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    (void)model;
    snug_layers layers = snug_layers_begin(graph, options, training);
    layers.conv_init = SNUG_WEIGHTS_KAIMING;
    layers.linear_init = SNUG_WEIGHTS_NORMAL;
    double width = options->width_multiplier;
    int index = 0;
    x = conv_norm_relu6(
        &layers, "features.0", x,
        (snug_conv_shape){
            .out = snug_make_divisible(32 * width), .kernel = 3, .stride = 2, .padding = 1});
    for (int i = 0; i < STAGES; i++)
        for (int64_t j = 0; j < stages[i].blocks; j++)
            x = inverted_residual(&layers, ++index, x, stages[i].expand,
                                  snug_make_divisible((double)stages[i].out * width),
                                  j == 0 ? stages[i].stride : 1);
    // The last layer does not shrink with the others.
    int64_t last = snug_make_divisible(1280 * (width > 1 ? width : 1));
    x = conv_norm_relu6(&layers, "features.18", x,
                        (snug_conv_shape){.out = last, .kernel = 1, .stride = 1});
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 1));
    x = snug_layers_dropout(&layers, x, 0.2);
    return snug_layers_linear(&layers, "classifier.1", x, options->classes);
}

static const snug_model models[] = {
    {.name = "mobilenet_v2",
     .family = "mobilenet_v2",
     .summary = "inverted residuals with linear bottlenecks",
     .default_size = 224,
     .minimum_size = 1,
     .size_multiple = 1,
     .default_classes = 1000,
     .has_batch_norm = true,
     .build = build},
};
const snug_model_file snug_models_mobilenet_v2 = {models, sizeof models / sizeof *models};
