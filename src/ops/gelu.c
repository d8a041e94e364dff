// y = x * P(Z <= x) for a standard normal Z: the exact form, through erf.
#include <math.h>

#include "ops/activation.h"

// erfc keeps the digits of the lower tail that 1 + erf would cancel.
static double normal_cdf(double x) {
    return 0.5 * erfc(-x * M_SQRT1_2);
}

static double apply(double x) {
    return x * normal_cdf(x);
}

static double derivative(double x, double dy) {
    double density = exp(-0.5 * x * x) * 0.5 * M_SQRT1_2 * M_2_SQRTPI;
    return dy * (normal_cdf(x) + x * density);
}

SNUG_ACTIVATION(gelu, inputs, 8, "Gelu");
