// The 16-bit floating-point numbers: bfloat16 (float32's exponent, 8 significant bits) and IEEE
// float16 (11 significant bits, at most 65504). To 16 bits they round to nearest, ties to even;
// what is too large becomes infinite, a NaN stays one. Without branches, so that compilers make
// vector code of loops over them.
#ifndef SNUG_BASE_HALF_H
#define SNUG_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float snug_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t snug_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float snug_from_bfloat16(uint16_t value) {
    return snug_float_of_bits((uint32_t)value << 16);
}

static inline uint16_t snug_to_bfloat16(float value) {
    uint32_t bits = snug_bits_of_float(value);
    uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
    uint32_t quiet = bits >> 16 | 0x40;
    return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

static inline float snug_from_float16(uint16_t value) {
    uint32_t sign = (uint32_t)(value & 0x8000) << 16, rest = value & 0x7FFFu;
    // A subnormal is a whole number of 2^-24: through the integer, since a subnormal float32 in
    // between would be slow.
    uint32_t tiny = snug_bits_of_float((float)(int32_t)rest * 0x1p-24f);
    uint32_t normal = (rest << 13) + (112u << 23);
    uint32_t special = rest << 13 | 0x7F800000u;
    uint32_t bits = rest < 0x400 ? tiny : normal;
    return snug_float_of_bits(sign | (rest >= 0x7C00 ? special : bits));
}

static inline uint16_t snug_to_float16(float value) {
    uint32_t bits = snug_bits_of_float(value), sign = bits >> 16 & 0x8000;
    bits &= 0x7FFFFFFFu;
    // Below 2^-14 the float adder rounds at 2^-24.
    uint32_t tiny = snug_bits_of_float(snug_float_of_bits(bits) + 0.5f) - 0x3F000000u;
    uint32_t normal = (bits + 0xFFFu + (bits >> 13 & 1) - (112u << 23)) >> 13;
    uint32_t special = bits > 0x7F800000u ? 0x7E00 : 0x7C00;
    uint32_t half = bits < 0x38800000u ? tiny : normal;
    return (uint16_t)(sign | (bits >= 0x477FF000u ? special : half));
}

#endif
