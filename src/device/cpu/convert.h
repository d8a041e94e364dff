// Conversions between float32 and the 16-bit types, over ranges.
#ifndef SNUG_DEVICE_CPU_CONVERT_H
#define SNUG_DEVICE_CPU_CONVERT_H

#include "graph/type.h"

static inline bool snug_is_16_bit(snug_dtype dtype) {
    return dtype == SNUG_BF16 || dtype == SNUG_F16;
}

// |count| elements of |from| as float32. A 16-bit type or float32.
void snug_widen(const void *from, snug_dtype dtype, int64_t count, float *to);
// The other way, to nearest with ties to even.
void snug_narrow(const float *from, snug_dtype dtype, int64_t count, void *to);

// The same with |threads| threads.
void snug_widen_all(int threads, const void *from, snug_dtype dtype, int64_t count, float *to);
void snug_narrow_all(int threads, const float *from, snug_dtype dtype, int64_t count, void *to);

#endif
