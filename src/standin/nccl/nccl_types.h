// NCCL's public types, as far as its functions here need them. Numbers and layouts are the
// interface's and have not changed since NCCL 2.18, but for members that were added at ends.
#ifndef SNUG_STANDIN_NCCL_TYPES_H
#define SNUG_STANDIN_NCCL_TYPES_H

#include "standin/standin.h"

// Prototypes of what is exported are the public interface's.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

typedef enum ncclResult_t {
    ncclSuccess = 0,
    ncclUnhandledCudaError = 1,
    ncclSystemError = 2,
    ncclInternalError = 3,
    ncclInvalidArgument = 4,
    ncclInvalidUsage = 5,
    ncclRemoteError = 6,
    ncclInProgress = 7,
    ncclTimeout = 8,
} ncclResult_t;

typedef enum ncclDataType_t {
    ncclInt8 = 0,
    ncclUint8 = 1,
    ncclInt32 = 2,
    ncclUint32 = 3,
    ncclInt64 = 4,
    ncclUint64 = 5,
    ncclFloat16 = 6,
    ncclFloat32 = 7,
    ncclFloat64 = 8,
    ncclBfloat16 = 9,
    ncclFloat8e4m3 = 10,
    ncclFloat8e5m2 = 11,
    ncclNumTypes = 12,
} ncclDataType_t;

// Numbers from ncclNumOps on are those that ncclRedOpCreatePreMulSum gives.
typedef enum ncclRedOp_t {
    ncclSum = 0,
    ncclProd = 1,
    ncclMax = 2,
    ncclMin = 3,
    ncclAvg = 4,
    ncclNumOps = 5,
    ncclMaxRedOp = 0x7fffffff,
} ncclRedOp_t;

typedef struct ncclUniqueId {
    char internal[128];
} ncclUniqueId;

// Of the configuration only what every version has at its beginning.
typedef struct ncclConfig_t {
    size_t size;
    unsigned int magic, version;
    int blocking;
} ncclConfig_t;

typedef struct ncclComm *ncclComm_t;
typedef void *cudaStream_t;

#endif
