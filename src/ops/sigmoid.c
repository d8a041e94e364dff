// y = 1 / (1 + exp(-x)).
#include <math.h>

#include "ops/activation.h"

static double apply(double x) {
    return 1 / (1 + exp(-x));
}

static double derivative(double y, double dy) {
    return dy * y * (1 - y);
}

SNUG_ACTIVATION(sigmoid, outputs, 4, "Sigmoid");
