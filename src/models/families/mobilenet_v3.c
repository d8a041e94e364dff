// MobileNetV3 (Howard et al., 2019) as in torchvision.
#include "models/layers.h"

typedef struct stage_row {
    int64_t kernel, expanded, out;
    bool squeeze, hard_swish;
    int64_t stride;
} stage_row;

typedef struct mobilenet_v3_config {
    const stage_row *stages;
    int count;
    int64_t last; // channels of the hidden linear layer
} mobilenet_v3_config;

static const stage_row large_stages[] = {
    {3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
    {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
    {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
    {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
    {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1},
};
static const stage_row small_stages[] = {
    {3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
    {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
    {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
    {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1},
};

static int64_t scaled(const snug_layers *layers, int64_t channels) {
    return snug_make_divisible((double)channels * layers->options->width_multiplier);
}

static snug_tensor_id conv_norm(snug_layers *layers, const char *name, snug_tensor_id x,
                                snug_conv_shape shape, snug_activation activation) {
    return snug_layers_conv_norm(layers, snug_layers_name(layers, "%s.0", name),
                                 snug_layers_name(layers, "%s.1", name), x, shape, activation);
}

static snug_tensor_id add_stage(snug_layers *layers, int index, snug_tensor_id x,
                                const stage_row *stage) {
    snug_activation activation = stage->hard_swish ? &snug_op_hardswish : &snug_op_relu;
    int64_t in = snug_layers_channels(layers, x), out = scaled(layers, stage->out);
    int64_t hidden = scaled(layers, stage->expanded);
    const char *name = snug_layers_name(layers, "features.%d.block", index);
    snug_tensor_id y = x;
    int part = 0;
    if (hidden != in)
        y = conv_norm(layers, snug_layers_name(layers, "%s.%d", name, part++), y,
                      (snug_conv_shape){.out = hidden, .kernel = 1, .stride = 1}, activation);
    y = conv_norm(layers, snug_layers_name(layers, "%s.%d", name, part++), y,
                  (snug_conv_shape){.out = hidden,
                                    .kernel = stage->kernel,
                                    .stride = stage->stride,
                                    .padding = (stage->kernel - 1) / 2,
                                    .groups = hidden},
                  activation);
    int64_t quarter = hidden / 4; // torchvision divides whole numbers
    if (stage->squeeze)
        y = snug_layers_squeeze(layers, snug_layers_name(layers, "%s.%d", name, part++), y,
                                snug_make_divisible((double)quarter), &snug_op_relu,
                                &snug_op_hardsigmoid);
    y = conv_norm(layers, snug_layers_name(layers, "%s.%d", name, part), y,
                  (snug_conv_shape){.out = out, .kernel = 1, .stride = 1}, NULL);
    return stage->stride == 1 && in == out ? snug_layers_add(layers, y, x) : y;
}

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    const mobilenet_v3_config *config = model->config;
    snug_layers layers = snug_layers_begin(graph, options, training);
    layers.conv_init = SNUG_WEIGHTS_KAIMING;
    layers.linear_init = SNUG_WEIGHTS_NORMAL;
    layers.norm_eps = 0.001;
    layers.norm_momentum = 0.01;
    snug_conv_shape stem = {.out = scaled(&layers, 16), .kernel = 3, .stride = 2, .padding = 1};
    x = conv_norm(&layers, "features.0", x, stem, &snug_op_hardswish);
    for (int i = 0; i < config->count; i++)
        x = add_stage(&layers, i + 1, x, &config->stages[i]);
    snug_conv_shape last = {.out = 6 * snug_layers_channels(&layers, x), .kernel = 1, .stride = 1};
    x = conv_norm(&layers, snug_layers_name(&layers, "features.%d", config->count + 1), x, last,
                  &snug_op_hardswish);
    x = snug_layers_flatten(&layers, snug_layers_adaptive_pool(&layers, x, 1));
    x = snug_layers_linear(&layers, "classifier.0", x, scaled(&layers, config->last));
    x = snug_layers_activate(&layers, &snug_op_hardswish, x);
    x = snug_layers_dropout(&layers, x, 0.2);
    return snug_layers_linear(&layers, "classifier.3", x, options->classes);
}

static const mobilenet_v3_config small = {small_stages, sizeof small_stages / sizeof *small_stages,
                                          1024},
                                 large = {large_stages, sizeof large_stages / sizeof *large_stages,
                                          1280};

#define MOBILENET_V3(which)                                                                        \
    {                                                                                              \
        .name = "mobilenet_v3_" #which, .family = "mobilenet_v3",                                  \
        .summary = "searched inverted residuals, " #which, .default_size = 224, .minimum_size = 1, \
        .size_multiple = 1, .default_classes = 1000, .has_batch_norm = true, .build = build,       \
        .config = &which                                                                           \
    }
static const snug_model models[] = {MOBILENET_V3(small), MOBILENET_V3(large)};
const snug_model_file snug_models_mobilenet_v3 = {models, sizeof models / sizeof *models};
