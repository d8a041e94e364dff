// y = x * relu6(x + 3) / 6. The derivative at the kinks is that of the flat or straight side.
#include "ops/activation.h"

static double apply(double x) {
    return x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6;
}

static double derivative(double x, double dy) {
    return x <= -3 ? 0 : x >= 3 ? dy : dy * (x / 3 + 0.5);
}

SNUG_ACTIVATION(hardswish, inputs, 5, "HardSwish");
