// cuRAND: generators hold nothing, and the numbers they would make are unknown.
#include "standin/answers.h"

enum { OK = 0, OUT_OF_RANGE = 104 };

SNUG_STANDIN_FUNCTION(curandGetVersion, int *version) {
    if (!version) return OUT_OF_RANGE;
    *version = SNUG_CUDA_MAJOR >= 13 ? 10402 : 10310;
    return OK;
}

SNUG_STANDIN_FUNCTION(curandGetProperty, int type, int *value) {
    int version = 0;
    if (!value || type < 0 || type > 2) return OUT_OF_RANGE;
    curandGetVersion(&version);
    *value = type == 0 ? version / 1000 : type == 1 ? version / 100 % 10 : version % 100;
    return OK;
}

// |type|s by the card, or in host memory for a generator of the host.
#define GENERATE(name, type)                                                                       \
    SNUG_STANDIN_FUNCTION(name, void *generator, type *out, size_t count) {                        \
        (void)generator;                                                                           \
        snug_answer_unknown((uintptr_t)out, count * sizeof *out);                                  \
        return OK;                                                                                 \
    }

GENERATE(curandGenerate, unsigned)
GENERATE(curandGenerateLongLong, unsigned long long)
GENERATE(curandGenerateUniform, float)
GENERATE(curandGenerateUniformDouble, double)

#define GENERATE_BY(name, type, parameter)                                                         \
    SNUG_STANDIN_FUNCTION(name, void *generator, type *out, size_t count, parameter a,             \
                          parameter b) {                                                           \
        (void)generator, (void)a, (void)b;                                                         \
        snug_answer_unknown((uintptr_t)out, count * sizeof *out);                                  \
        return OK;                                                                                 \
    }

GENERATE_BY(curandGenerateNormal, float, float)
GENERATE_BY(curandGenerateNormalDouble, double, double)
GENERATE_BY(curandGenerateLogNormal, float, float)
GENERATE_BY(curandGenerateLogNormalDouble, double, double)

SNUG_STANDIN_FUNCTION(curandGeneratePoisson, void *generator, unsigned *out, size_t count,
                      double mean) {
    (void)mean;
    return curandGenerate(generator, out, count);
}
