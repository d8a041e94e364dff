// y = tanh(x).
#include <math.h>

#include "ops/activation.h"

static double apply(double x) {
    return tanh(x);
}

static double derivative(double y, double dy) {
    return dy * (1 - y * y);
}

SNUG_ACTIVATION(tanh, outputs, 4, "Tanh");
