#include "standin/nccl/reduction.h"

#include "base/half.h"

size_t snug_nccl_size(ncclDataType_t type) {
    static const unsigned char sizes[ncclNumTypes] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};
    return (unsigned)type < ncclNumTypes ? sizes[type] : 0;
}

static int64_t reduce_integer(int64_t a, int64_t b, ncclRedOp_t op) {
    switch (op) {
    case ncclProd:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case ncclMax:
        return a > b ? a : b;
    case ncclMin:
        return a < b ? a : b;
    default:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    }
}

static uint64_t reduce_natural(uint64_t a, uint64_t b, ncclRedOp_t op) {
    switch (op) {
    case ncclProd:
        return a * b;
    case ncclMax:
        return a > b ? a : b;
    case ncclMin:
        return a < b ? a : b;
    default:
        return a + b;
    }
}

static double reduce_floating(double a, double b, ncclRedOp_t op) {
    switch (op) {
    case ncclProd:
        return a * b;
    case ncclMax:
        return a > b ? a : b;
    case ncclMin:
        return a < b ? a : b;
    default:
        return a + b;
    }
}

static double same(double value) {
    return value;
}
static double of_half(uint16_t value) {
    return snug_from_float16(value);
}
static uint16_t to_half(double value) {
    return snug_to_float16((float)value);
}
static double of_brain(uint16_t value) {
    return snug_from_bfloat16(value);
}
static uint16_t to_brain(double value) {
    return snug_to_bfloat16((float)value);
}

// Type, its C type, the kind of its arithmetic, from and to what that computes with.
#define TYPES(X)                                                                                   \
    X(ncclInt8, int8_t, integer, (int64_t), (int8_t))                                              \
    X(ncclUint8, uint8_t, natural, (uint64_t), (uint8_t))                                          \
    X(ncclInt32, int32_t, integer, (int64_t), (int32_t))                                           \
    X(ncclUint32, uint32_t, natural, (uint64_t), (uint32_t))                                       \
    X(ncclInt64, int64_t, integer, (int64_t), (int64_t))                                           \
    X(ncclUint64, uint64_t, natural, (uint64_t), (uint64_t))                                       \
    X(ncclFloat16, uint16_t, floating, of_half, to_half)                                           \
    X(ncclFloat32, float, floating, same, (float))                                                 \
    X(ncclFloat64, double, floating, same, same)                                                   \
    X(ncclBfloat16, uint16_t, floating, of_brain, to_brain)

#define REDUCE(name, number, kind, from, to)                                                       \
    case name: {                                                                                   \
        number *a = left;                                                                          \
        const number *b = right;                                                                   \
        for (size_t i = 0; i < count; i++)                                                         \
            a[i] = to(reduce_##kind(from(a[i]), from(b[i]), op));                                  \
        return true;                                                                               \
    }

bool snug_nccl_reduce(void *left, const void *right, size_t count, ncclDataType_t type,
                      ncclRedOp_t op) {
    if ((unsigned)op >= ncclNumOps) return false;
    switch (type) {
        TYPES(REDUCE)
    default:
        return false;
    }
}

static int64_t share_integer(int64_t sum, int ranks) {
    return sum / ranks;
}
static uint64_t share_natural(uint64_t sum, int ranks) {
    return sum / (uint64_t)ranks;
}
static double share_floating(double sum, int ranks) {
    return sum / ranks;
}
#define SHARE(name, number, kind, from, to)                                                        \
    case name: {                                                                                   \
        number *a = sum;                                                                           \
        for (size_t i = 0; i < count; i++)                                                         \
            a[i] = to(share_##kind(from(a[i]), ranks));                                            \
        return;                                                                                    \
    }

void snug_nccl_average(void *sum, size_t count, ncclDataType_t type, int ranks) {
    switch (type) {
        TYPES(SHARE)
    default:
        return;
    }
}
