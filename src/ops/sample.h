// Constant expressions for the samples of descriptors; the types are float32 unless they say so.
#ifndef SNUG_OPS_SAMPLE_H
#define SNUG_OPS_SAMPLE_H

#include "graph/op.h"

#define SNUG_SAMPLE_SCALAR                                                                         \
    { .dtype = SNUG_F32 }
#define SNUG_SAMPLE_TENSOR(element, order, ...)                                                    \
    {                                                                                              \
        .dtype = (element), .layout = (order),                                                     \
        .rank = (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .dims = {         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define SNUG_SAMPLE_ROW_MAJOR(...) SNUG_SAMPLE_TENSOR(SNUG_F32, SNUG_ROW_MAJOR, __VA_ARGS__)
#define SNUG_SAMPLE_IMAGE(n, c, h, w) SNUG_SAMPLE_TENSOR(SNUG_F32, SNUG_CHANNELS_LAST, n, c, h, w)
#define SNUG_SAMPLE_INT32(...) SNUG_SAMPLE_TENSOR(SNUG_I32, SNUG_ROW_MAJOR, __VA_ARGS__)

// The two fields of a descriptor for an array of samples.
#define SNUG_SAMPLES(array)                                                                        \
    .samples = (array), .sample_count = (int)(sizeof(array) / sizeof *(array))

#endif
