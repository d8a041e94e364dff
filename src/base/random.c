#include "base/random.h"

#include <math.h>

void snug_random_normal(uint32_t word_a, uint32_t word_b, double out[2]) {
    const double two_pi = 6.283185307179586476925;
    double radius = sqrt(-2.0 * log(((double)word_a + 1.0) * 0x1p-32));
    double angle = two_pi * (double)word_b * 0x1p-32;
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}
