// y = max(x, 0); a NaN stays one.
#include "ops/activation.h"

static double apply(double x) {
    return x < 0 ? 0 : x;
}

static double derivative(double y, double dy) {
    return y <= 0 ? 0 : dy;
}

SNUG_ACTIVATION(relu, outputs, 1, "Relu");
