// y = min(max(x / 6 + 1 / 2, 0), 1).
#include "ops/activation.h"

static double apply(double x) {
    double y = x / 6 + 0.5;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double derivative(double y, double dy) {
    return y <= 0 || y >= 1 ? 0 : dy / 6;
}

SNUG_ACTIVATION(hardsigmoid, outputs, 4, "HardSigmoid");
