// cuSPARSE's handle with what is read back of it, versions and names of statuses.
#include <stdlib.h>

#include "standin/cusparse/cusparse_matrices.h"

// The newest that PyTorch's builds of the major version ask for.
#if SNUG_CUDA_MAJOR >= 13
enum { VERSION_MAJOR = 12, VERSION_MINOR = 7, VERSION_PATCH = 10 };
#else
enum { VERSION_MAJOR = 12, VERSION_MINOR = 5, VERSION_PATCH = 10 };
#endif

typedef struct cusparse_handle {
    void *stream;
    int pointer_mode;
} cusparse_handle;

SNUG_STANDIN_FUNCTION(cusparseCreate, cusparse_handle **handle) {
    if (!handle) return CUSPARSE_INVALID_VALUE;
    *handle = calloc(1, sizeof **handle);
    return *handle ? CUSPARSE_OK : CUSPARSE_ALLOC_FAILED;
}

SNUG_STANDIN_FUNCTION(cusparseDestroy, cusparse_handle *handle) {
    free(handle);
    return CUSPARSE_OK;
}

#define SET_AND_GET(set, get, type, member)                                                        \
    SNUG_STANDIN_FUNCTION(set, cusparse_handle *handle, type value) {                              \
        if (!handle) return CUSPARSE_NOT_INITIALIZED;                                              \
        handle->member = value;                                                                    \
        return CUSPARSE_OK;                                                                        \
    }                                                                                              \
    SNUG_STANDIN_FUNCTION(get, const cusparse_handle *handle, type *value) {                       \
        if (!handle) return CUSPARSE_NOT_INITIALIZED;                                              \
        if (!value) return CUSPARSE_INVALID_VALUE;                                                 \
        *value = handle->member;                                                                   \
        return CUSPARSE_OK;                                                                        \
    }

SET_AND_GET(cusparseSetStream, cusparseGetStream, void *, stream)
SET_AND_GET(cusparseSetPointerMode, cusparseGetPointerMode, int, pointer_mode)

SNUG_STANDIN_FUNCTION(cusparseGetVersion, const cusparse_handle *handle, int *version) {
    (void)handle;
    if (!version) return CUSPARSE_INVALID_VALUE;
    *version = VERSION_MAJOR * 1000 + VERSION_MINOR * 100 + VERSION_PATCH;
    return CUSPARSE_OK;
}

SNUG_STANDIN_FUNCTION(cusparseGetProperty, int type, int *value) {
    static const int version[] = {VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH};
    if (!value || type < 0 || type > 2) return CUSPARSE_INVALID_VALUE;
    *value = version[type];
    return CUSPARSE_OK;
}

SNUG_STANDIN_API const char *cusparseGetErrorName(int status);
const char *cusparseGetErrorName(int status) {
    switch (status) {
    case CUSPARSE_OK:
        return "CUSPARSE_STATUS_SUCCESS";
    case CUSPARSE_NOT_INITIALIZED:
        return "CUSPARSE_STATUS_NOT_INITIALIZED";
    case CUSPARSE_ALLOC_FAILED:
        return "CUSPARSE_STATUS_ALLOC_FAILED";
    case CUSPARSE_INVALID_VALUE:
        return "CUSPARSE_STATUS_INVALID_VALUE";
    default:
        return "CUSPARSE_STATUS_NOT_SUPPORTED";
    }
}

SNUG_STANDIN_API const char *cusparseGetErrorString(int status);
const char *cusparseGetErrorString(int status) {
    return cusparseGetErrorName(status);
}

// -1: no pivot is zero.
static int no_zero_pivot(int *position) {
    const int none = -1;
    if (!position) return CUSPARSE_INVALID_VALUE;
    if (snug_answer_on_card((uintptr_t)position))
        snug_known_write((uintptr_t)position, &none, sizeof none);
    else
        *position = none;
    return CUSPARSE_OK;
}

#define ZERO_PIVOT(name)                                                                           \
    SNUG_STANDIN_FUNCTION(name, void *handle, void *info, int *position) {                         \
        (void)handle, (void)info;                                                                  \
        return no_zero_pivot(position);                                                            \
    }

ZERO_PIVOT(cusparseXbsrsv2_zeroPivot)
ZERO_PIVOT(cusparseXbsrsm2_zeroPivot)
ZERO_PIVOT(cusparseXcsric02_zeroPivot)
ZERO_PIVOT(cusparseXcsrilu02_zeroPivot)
