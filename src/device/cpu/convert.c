#include "device/cpu/convert.h"

#include <stdatomic.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "base/half.h"
#include "device/cpu/threads.h"

enum { grain = 16384 };

SNUG_MULTIARCH static void widen_bfloat16(const uint16_t *from, int64_t count, float *to) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] = snug_from_bfloat16(from[i]);
}

SNUG_MULTIARCH static void narrow_bfloat16(const float *from, int64_t count, uint16_t *to) {
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        to[i] = snug_to_bfloat16(from[i]);
}

static void widen_float16_plain(const uint16_t *from, int64_t count, float *to) {
    for (int64_t i = 0; i < count; i++)
        to[i] = snug_from_float16(from[i]);
}

static void narrow_float16_plain(const float *from, int64_t count, uint16_t *to) {
    for (int64_t i = 0; i < count; i++)
        to[i] = snug_to_float16(from[i]);
}

// Most processors with AVX2 have instructions for it, which round by the same rule.
#ifdef __x86_64__
#define SNUG_F16C __attribute__((target("avx2,f16c")))

SNUG_F16C static void widen_float16_f16c(const uint16_t *from, int64_t count, float *to) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(
            to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + i))));
    widen_float16_plain(from + i, count - i, to + i);
}

SNUG_F16C static void narrow_float16_f16c(const float *from, int64_t count, uint16_t *to) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(to + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    narrow_float16_plain(from + i, count - i, to + i);
}

// Leaf 1, bit 29 of ecx: clang does not know the feature by name. Asked once, since a virtual
// machine answers slowly.
static bool has_f16c(void) {
    enum { UNKNOWN, ABSENT, PRESENT };
    static atomic_int known;
    unsigned a, b, c, d;
    if (known == UNKNOWN)
        known = __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) && c >> 29 & 1
                    ? PRESENT
                    : ABSENT;
    return known == PRESENT;
}
#define HAS_F16C has_f16c()
#else
#define HAS_F16C false
#define widen_float16_f16c widen_float16_plain
#define narrow_float16_f16c narrow_float16_plain
#endif

static void widen_float16(const uint16_t *from, int64_t count, float *to) {
    if (HAS_F16C)
        widen_float16_f16c(from, count, to);
    else
        widen_float16_plain(from, count, to);
}

static void narrow_float16(const float *from, int64_t count, uint16_t *to) {
    if (HAS_F16C)
        narrow_float16_f16c(from, count, to);
    else
        narrow_float16_plain(from, count, to);
}

void snug_widen(const void *from, snug_dtype dtype, int64_t count, float *to) {
    if (dtype == SNUG_BF16)
        widen_bfloat16(from, count, to);
    else if (dtype == SNUG_F16)
        widen_float16(from, count, to);
    else if (count > 0)
        memcpy(to, from, (size_t)count * sizeof *to);
}

void snug_narrow(const float *from, snug_dtype dtype, int64_t count, void *to) {
    if (dtype == SNUG_BF16)
        narrow_bfloat16(from, count, to);
    else if (dtype == SNUG_F16)
        narrow_float16(from, count, to);
    else if (count > 0)
        memcpy(to, from, (size_t)count * sizeof *from);
}

typedef struct work {
    const void *from;
    float *wide; // one of these receives
    void *narrow;
    snug_dtype dtype;
} work;

static void widen_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    snug_widen((const char *)self->from + (size_t)begin * snug_dtype_bytes(self->dtype),
               self->dtype, end - begin, self->wide + begin);
}

static void narrow_part(const void *context, int part, int64_t begin, int64_t end) {
    (void)part;
    const work *self = context;
    snug_narrow((const float *)self->from + begin, self->dtype, end - begin,
                (char *)self->narrow + (size_t)begin * snug_dtype_bytes(self->dtype));
}

void snug_widen_all(int threads, const void *from, snug_dtype dtype, int64_t count, float *to) {
    work self = {.from = from, .dtype = dtype};
    self.wide = to;
    snug_parallel(threads, count, grain, widen_part, &self);
}

void snug_narrow_all(int threads, const float *from, snug_dtype dtype, int64_t count, void *to) {
    work self = {.from = from, .narrow = to, .dtype = dtype};
    snug_parallel(threads, count, grain, narrow_part, &self);
}
