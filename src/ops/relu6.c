// y = min(max(x, 0), 6); a NaN stays one.
#include "ops/activation.h"

static double apply(double x) {
    return x < 0 ? 0 : x > 6 ? 6 : x;
}

static double derivative(double y, double dy) {
    return y <= 0 || y >= 6 ? 0 : dy;
}

SNUG_ACTIVATION(relu6, outputs, 2, "Clip");
