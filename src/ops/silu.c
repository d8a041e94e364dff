// y = x * sigmoid(x), also called swish.
#include <math.h>

#include "ops/activation.h"

static double apply(double x) {
    return x / (1 + exp(-x));
}

static double derivative(double x, double dy) {
    double sigmoid = 1 / (1 + exp(-x));
    return dy * sigmoid * (1 + x * (1 - sigmoid));
}

SNUG_ACTIVATION(silu, inputs, 5, NULL);
