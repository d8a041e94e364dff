#include "models/published.h"

#include <stddef.h>
#include <string.h>

// torchvision's own weights (the first ones of each, "IMAGENET1K_V1"), at the size each was trained
// for; MobileNetV2's widths from its authors' table (tensorflow/models, slim/nets/mobilenet).
static const struct {
    const char *name;
    double width, accuracy;
} table[] = {
    {"efficientnet_b0", 1, 77.692},
    {"efficientnet_b1", 1, 78.642},
    {"efficientnet_b2", 1, 80.608},
    {"efficientnet_b3", 1, 82.008},
    {"efficientnet_b4", 1, 83.384},
    {"efficientnet_b5", 1, 83.444},
    {"efficientnet_b6", 1, 84.008},
    {"efficientnet_b7", 1, 84.122},
    {"googlenet", 1, 69.778},
    {"mobilenet_v2", 1, 71.878},
    {"mobilenet_v2", 0.75, 69.8},
    {"mobilenet_v2", 0.5, 65.4},
    {"mobilenet_v2", 0.35, 60.3},
    {"mobilenet_v3_large", 1, 74.042},
    {"mobilenet_v3_small", 1, 67.668},
    {"resnet18", 1, 69.758},
    {"resnet34", 1, 73.314},
    {"resnet50", 1, 76.130},
    {"resnet101", 1, 77.374},
    {"resnet152", 1, 78.312},
    {"vgg11", 1, 69.020},
    {"vgg11_bn", 1, 70.370},
    {"vgg13", 1, 69.928},
    {"vgg13_bn", 1, 71.586},
    {"vgg16", 1, 71.592},
    {"vgg16_bn", 1, 73.360},
    {"vgg19", 1, 72.376},
    {"vgg19_bn", 1, 74.218},
};

double snug_published_accuracy(const char *name, double width) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0 && table[i].width == width) return table[i].accuracy;
    return 0;
}
