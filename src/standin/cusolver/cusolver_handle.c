// cuSOLVER's handle and versions.
#include <stdlib.h>

#include "standin/answers.h"

// The newest that PyTorch's builds of the major version ask for.
#if SNUG_CUDA_MAJOR >= 13
enum { VERSION_MAJOR = 12, VERSION_MINOR = 2, VERSION_PATCH = 0 };
#else
enum { VERSION_MAJOR = 11, VERSION_MINOR = 7, VERSION_PATCH = 5 };
#endif

enum {
    STATUS_OK = 0,
    STATUS_NOT_INITIALIZED = 1,
    STATUS_ALLOC_FAILED = 2,
    STATUS_INVALID_VALUE = 3
};

typedef struct cusolver_handle {
    void *stream;
    int deterministic;
} cusolver_handle;

SNUG_STANDIN_FUNCTION(cusolverDnCreate, cusolver_handle **handle) {
    if (!handle) return STATUS_INVALID_VALUE;
    *handle = calloc(1, sizeof **handle);
    return *handle ? STATUS_OK : STATUS_ALLOC_FAILED;
}

SNUG_STANDIN_FUNCTION(cusolverDnDestroy, cusolver_handle *handle) {
    free(handle);
    return STATUS_OK;
}

#define SET_AND_GET(set, get, type, member)                                                        \
    SNUG_STANDIN_FUNCTION(set, cusolver_handle *handle, type value) {                              \
        if (!handle) return STATUS_NOT_INITIALIZED;                                                \
        handle->member = value;                                                                    \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(get, const cusolver_handle *handle, type *value) {                       \
        if (!handle) return STATUS_NOT_INITIALIZED;                                                \
        if (!value) return STATUS_INVALID_VALUE;                                                   \
        *value = handle->member;                                                                   \
        return STATUS_OK;                                                                          \
    }

SET_AND_GET(cusolverDnSetStream, cusolverDnGetStream, void *, stream)
SET_AND_GET(cusolverDnSetDeterministicMode, cusolverDnGetDeterministicMode, int, deterministic)

SNUG_STANDIN_FUNCTION(cusolverGetProperty, int type, int *value) {
    static const int version[] = {VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH};
    if (!value || type < 0 || type > 2) return STATUS_INVALID_VALUE;
    *value = version[type];
    return STATUS_OK;
}

SNUG_STANDIN_FUNCTION(cusolverGetVersion, int *version) {
    if (!version) return STATUS_INVALID_VALUE;
    *version = VERSION_MAJOR * 1000 + VERSION_MINOR * 100 + VERSION_PATCH;
    return STATUS_OK;
}
