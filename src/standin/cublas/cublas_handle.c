// cuBLAS's handles: each its own, since PyTorch keeps a workspace for each, with what was set of
// it to be read back; and versions and names of statuses.
#include <stdlib.h>

#include "standin/answers.h"

// The newest that PyTorch's builds of the major version ask for.
#if SNUG_CUDA_MAJOR >= 13
enum { VERSION_MAJOR = 13, VERSION_MINOR = 4, VERSION_PATCH = 1 };
#else
enum { VERSION_MAJOR = 12, VERSION_MINOR = 9, VERSION_PATCH = 1 };
#endif

enum {
    STATUS_OK = 0,
    STATUS_NOT_INITIALIZED = 1,
    STATUS_ALLOC_FAILED = 3,
    STATUS_INVALID_VALUE = 7
};

typedef struct cublas_handle {
    void *stream;
    int math_mode, pointer_mode, atomics_mode, multiprocessors;
} cublas_handle;

SNUG_STANDIN_FUNCTION(cublasCreate_v2, cublas_handle **handle) {
    if (!handle) return STATUS_INVALID_VALUE;
    *handle = calloc(1, sizeof **handle);
    return *handle ? STATUS_OK : STATUS_ALLOC_FAILED;
}

SNUG_STANDIN_FUNCTION(cublasDestroy_v2, cublas_handle *handle) {
    if (!handle) return STATUS_NOT_INITIALIZED;
    free(handle);
    return STATUS_OK;
}

// A pair of functions that set and tell a member of the handle.
#define SET_AND_GET(set, get, type, member)                                                        \
    SNUG_STANDIN_FUNCTION(set, cublas_handle *handle, type value) {                                \
        if (!handle) return STATUS_NOT_INITIALIZED;                                                \
        handle->member = value;                                                                    \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(get, const cublas_handle *handle, type *value) {                         \
        if (!handle) return STATUS_NOT_INITIALIZED;                                                \
        if (!value) return STATUS_INVALID_VALUE;                                                   \
        *value = handle->member;                                                                   \
        return STATUS_OK;                                                                          \
    }

SET_AND_GET(cublasSetStream_v2, cublasGetStream_v2, void *, stream)
SET_AND_GET(cublasSetMathMode, cublasGetMathMode, int, math_mode)
SET_AND_GET(cublasSetPointerMode_v2, cublasGetPointerMode_v2, int, pointer_mode)
SET_AND_GET(cublasSetAtomicsMode, cublasGetAtomicsMode, int, atomics_mode)
SET_AND_GET(cublasSetSmCountTarget, cublasGetSmCountTarget, int, multiprocessors)

SNUG_STANDIN_FUNCTION(cublasGetVersion_v2, const cublas_handle *handle, int *version) {
    (void)handle;
    if (!version) return STATUS_INVALID_VALUE;
    *version = VERSION_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCH;
    return STATUS_OK;
}

SNUG_STANDIN_FUNCTION(cublasGetProperty, int type, int *value) {
    static const int version[] = {VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH};
    if (!value || type < 0 || type > 2) return STATUS_INVALID_VALUE;
    *value = version[type];
    return STATUS_OK;
}

SNUG_STANDIN_API size_t cublasGetCudartVersion(void);
size_t cublasGetCudartVersion(void) {
    return SNUG_CUDA_MAJOR * 1000;
}

SNUG_STANDIN_API const char *cublasGetStatusName(int status);
const char *cublasGetStatusName(int status) {
    switch (status) {
    case STATUS_OK:
        return "CUBLAS_STATUS_SUCCESS";
    case STATUS_NOT_INITIALIZED:
        return "CUBLAS_STATUS_NOT_INITIALIZED";
    case STATUS_ALLOC_FAILED:
        return "CUBLAS_STATUS_ALLOC_FAILED";
    case STATUS_INVALID_VALUE:
        return "CUBLAS_STATUS_INVALID_VALUE";
    default:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    }
}

SNUG_STANDIN_API const char *cublasGetStatusString(int status);
const char *cublasGetStatusString(int status) {
    return cublasGetStatusName(status);
}
