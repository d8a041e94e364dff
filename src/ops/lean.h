// Numbers in 8 bits relative to the largest of their block, after the dynamic quantisation of
// Dettmers et al. (2022, "8-bit Optimizers via Block-wise Quantization"): decades of growing
// resolution up to 1. Code 0 is 0; code j >= 1, with i = floor(log2 j) and |bits| bits for the
// magnitude, is 10^(i - bits + 1) * (0.1 + 0.9 (j - 2^i + 1) / 2^i), which rises with j and ends at
// exactly 1. Signed numbers have 7 bits and the sign in bit 7, others 8 bits.
#ifndef SNUG_OPS_LEAN_H
#define SNUG_OPS_LEAN_H

#include <math.h>
#include <stdint.h>

enum { SNUG_LEAN_SIGNED_BITS = 7, SNUG_LEAN_BITS = 8 };

static inline double snug_lean_magnitude(int code, int bits) {
    if (code == 0) return 0;
    int decade = 31 - __builtin_clz((unsigned)code);
    double steps = (double)(1 << decade);
    return pow(10, decade - bits + 1) * (0.1 + 0.9 * (code - steps + 1) / steps);
}

static inline double snug_lean_decode_signed(uint8_t code) {
    double magnitude = snug_lean_magnitude(code & 127, SNUG_LEAN_SIGNED_BITS);
    return code & 128 ? -magnitude : magnitude;
}

static inline double snug_lean_decode(uint8_t code) {
    return snug_lean_magnitude(code, SNUG_LEAN_BITS);
}

// The code nearest to |value| in [0, 1], the higher of two.
static inline int snug_lean_nearest(double value, int bits) {
    int low = 0, high = (1 << bits) - 1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (snug_lean_magnitude(middle, bits) <= value)
            low = middle;
        else
            high = middle;
    }
    double below = value - snug_lean_magnitude(low, bits);
    return snug_lean_magnitude(high, bits) - value <= below ? high : low;
}

static inline uint8_t snug_lean_encode_signed(double value) {
    int code = snug_lean_nearest(fabs(value), SNUG_LEAN_SIGNED_BITS);
    return (uint8_t)(value < 0 && code ? code | 128 : code);
}

// A mean of squares that is not zero stays so: its root is divided by.
static inline uint8_t snug_lean_encode(double value) {
    int code = snug_lean_nearest(value, SNUG_LEAN_BITS);
    return (uint8_t)(value > 0 && code == 0 ? 1 : code);
}

#endif
