// Elementary functions that the compiler can turn into vector code: no branches, no calls.
#ifndef SNUG_DEVICE_CPU_KERNELS_VECTOR_MATH_H
#define SNUG_DEVICE_CPU_KERNELS_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float snug_bits_to_float(int32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// e^x within 2 units in the last place; arguments beyond the float range are cut to its ends, a NaN
// stays one. e^x = 2^n * e^r with |r| <= log(2) / 2 and a Taylor polynomial for e^r.
static inline float snug_exp(float x) {
    const float shifter = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    float cut = x > 88.0f ? 88.0f : x;
    cut = cut < -87.0f ? -87.0f : cut;
    float n = (cut * 1.44269504f + shifter) - shifter;
    float r = cut - n * 0.693145752f;
    r = r - n * 1.42860677e-6f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t exponent = (uint32_t)(int32_t)n + 127; // of a NaN: any, p is NaN
    return p * snug_bits_to_float((int32_t)(exponent << 23));
}

// e^x - 1, near 0 by its Taylor series, where the difference would cancel.
static inline float snug_expm1(float x) {
    float p = 1.0f / 720;
    p = p * x + 1.0f / 120;
    p = p * x + 1.0f / 24;
    p = p * x + 1.0f / 6;
    p = p * x + 0.5f;
    float near = x + x * x * p;
    float far = snug_exp(x) - 1.0f;
    return (x < 0 ? -x : x) < 0.25f ? near : far;
}

// The natural logarithm within 2 units in the last place; x = 2^n * m with sqrt(1/2) <= m < sqrt(2)
// and the polynomial of the Cephes library for log(m).
static inline float snug_log(float x) {
    float scaled = x < 1.17549435e-38f ? x * 8388608.0f : x; // a subnormal number by 2^23
    int32_t bits;
    memcpy(&bits, &scaled, sizeof bits);
    float n = (float)((bits >> 23 & 255) - 126) - (x < 1.17549435e-38f ? 23.0f : 0.0f);
    float m = snug_bits_to_float((bits & 0x7FFFFF) | 0x3F000000);
    int low = m < 0.707106781f;
    n -= low ? 1.0f : 0.0f;
    float r = (low ? m + m : m) - 1.0f, square = r * r;
    float p = 7.0376836292e-2f;
    p = p * r - 1.1514610310e-1f;
    p = p * r + 1.1676998740e-1f;
    p = p * r - 1.2420140846e-1f;
    p = p * r + 1.4249322787e-1f;
    p = p * r - 1.6668057665e-1f;
    p = p * r + 2.0000714765e-1f;
    p = p * r - 2.4999993993e-1f;
    p = p * r + 3.3333331174e-1f;
    p = p * r * square - 2.12194440e-4f * n - 0.5f * square;
    float result = r + p + 0.693359375f * n;
    result = x > 3.4e38f ? (x > 3.40282347e38f ? x : result) : result;
    result = x == 0 ? -INFINITY : result;
    return x < 0 ? NAN : x != x ? x : result;
}

// log(1 + x) for x >= 0: what 1 + x rounds away is put right.
static inline float snug_log1p(float x) {
    float sum = 1.0f + x;
    float right = snug_log(sum) * (x / (sum - 1.0f));
    return sum == 1.0f ? x : right;
}

static inline float snug_sigmoid(float x) {
    return 1.0f / (1.0f + snug_exp(-x));
}

// (1 - e) / (1 + e) with e = exp(-2 |x|), and near 0, where that cancels, the odd Taylor series.
static inline float snug_tanh(float x) {
    float magnitude = x < 0 ? -x : x;
    float e = snug_exp(-2.0f * magnitude);
    float far = (1.0f - e) / (1.0f + e);
    float square = x * x;
    float p = 62.0f / 2835 - square * (1382.0f / 155925);
    p = p * square - 17.0f / 315;
    p = p * square + 2.0f / 15;
    p = p * square - 1.0f / 3;
    float near = x + x * square * p;
    far = x < 0 ? -far : far;
    return magnitude < 0.3f ? near : far;
}

// The share of a standard normal distribution below x, within 2e-7: for z = |x| / sqrt(2), half of
// erfc(z) by Abramowitz and Stegun, 7.1.26, which keeps the lower tail's digits.
static inline float snug_normal_cdf(float x) {
    float z = (x < 0 ? -x : x) * 0.707106781f;
    float t = 1.0f / (1.0f + 0.3275911f * z);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float tail = 0.5f * p * t * snug_exp(-z * z);
    return x < 0 ? tail : 1.0f - tail;
}

// erf within 3e-7; near 0 by its Taylor series, which keeps the digits of small results.
static inline float snug_erf(float x) {
    float square = x * x;
    float p = 1.0f / 9360;
    p = p * square - 1.0f / 1320;
    p = p * square + 1.0f / 216;
    p = p * square - 1.0f / 42;
    p = p * square + 0.1f;
    p = p * square - 1.0f / 3;
    float near = 1.12837917f * (x + x * square * p);
    float far = 2.0f * snug_normal_cdf(1.41421356f * x) - 1.0f;
    return (x < 0 ? -x : x) < 0.5f ? near : far;
}

static inline float snug_normal_density(float x) {
    return 0.398942280f * snug_exp(-0.5f * x * x);
}

#endif
