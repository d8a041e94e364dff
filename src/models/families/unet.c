// U-Net (Ronneberger et al., 2015) in its usual PyTorch form: padded convolutions with batch norm,
// bilinear up-sampling with aligned corners. Logits are (N, classes, H, W).
#include "models/layers.h"

static snug_tensor_id double_conv(snug_layers *layers, const char *name, snug_tensor_id x,
                                  int64_t middle, int64_t out) {
    for (int i = 0; i < 2; i++) {
        snug_conv_shape shape = {.out = i ? out : middle, .kernel = 3, .stride = 1, .padding = 1};
        x = snug_layers_conv_norm(layers,
                                  snug_layers_name(layers, "%s.double_conv.%d", name, 3 * i),
                                  snug_layers_name(layers, "%s.double_conv.%d", name, 3 * i + 1), x,
                                  shape, &snug_op_relu);
    }
    return x;
}

// Twice the size, beside the features of that size on the way down.
static snug_tensor_id up(snug_layers *layers, const char *name, snug_tensor_id x,
                         snug_tensor_id skip, int64_t out) {
    const snug_type *type = snug_graph_type(layers->graph, skip);
    snug_upsample2d_attributes twice = {
        .output = {type->dims[2], type->dims[3]}, .bilinear = 1, .align_corners = 1};
    snug_axis_attributes channels = {.axis = 1};
    x = SNUG_EMIT(layers->graph, &snug_op_upsample2d, &twice, x);
    x = SNUG_EMIT(layers->graph, &snug_op_concat, &channels, skip, x);
    return double_conv(layers, name, x, snug_layers_channels(layers, x) / 2, out);
}

static snug_tensor_id build(const snug_model *model, const snug_model_options *options,
                            snug_graph *graph, snug_tensor_id x, bool training) {
    (void)model;
    snug_layers layers = snug_layers_begin(graph, options, training);
    int64_t width = snug_layers_scale(&layers, 64);
    snug_tensor_id skips[4];
    x = double_conv(&layers, "inc", x, width, width);
    for (int i = 0; i < 4; i++) {
        skips[i] = x;
        // The lowest level has as many channels as the one above: up-sampling adds none.
        int64_t out = i < 3 ? width << (i + 1) : width << 3;
        x = snug_layers_max_pool(&layers, x, 2, 2, 0, false);
        x = double_conv(&layers, snug_layers_name(&layers, "down%d.maxpool_conv.1", i + 1), x, out,
                        out);
    }
    for (int i = 0; i < 4; i++) {
        int64_t out = i < 3 ? width << (2 - i) : width;
        x = up(&layers, snug_layers_name(&layers, "up%d.conv", i + 1), x, skips[3 - i], out);
    }
    snug_conv_shape logits = {.out = options->classes, .kernel = 1, .stride = 1};
    return snug_layers_conv(&layers, "outc.conv", x, logits, true);
}

static const snug_model models[] = {
    {.name = "unet",
     .family = "unet",
     .summary = "segmentation: a class for every pixel",
     .default_size = 256,
     .minimum_size = 16,
     .size_multiple = 16,
     .default_classes = 2,
     .per_pixel = true,
     .has_batch_norm = true,
     .build = build},
};
const snug_model_file snug_models_unet = {models, sizeof models / sizeof *models};
