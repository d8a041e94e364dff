// cuDNN's version, handles and texts.
#include "standin/cudnn/cudnn_interface.h"

#include <stdio.h>
#include <stdlib.h>

// The newest that PyTorch's builds for each of CUDA's majors ask for; programs built with an older
// minor version take it. A dry run names the program's own in the environment. Version 9.26.0 is
// told as 92600, 8.9.2 as 8902.
#if SNUG_SONAME_VERSION >= 9
#define NEWEST_VERSION (SNUG_CUDA_MAJOR >= 13 ? 92600 : 91002)
#define MAJOR 10000
#else
#define NEWEST_VERSION 8902
#define MAJOR 1000
#endif

SNUG_STANDIN_API size_t cudnnGetVersion(void);
SNUG_STANDIN_API size_t cudnnGetCudartVersion(void);
SNUG_STANDIN_API int cudnnGetProperty(int property, int *value);
SNUG_STANDIN_API int cudnnCreate(void **handle);
SNUG_STANDIN_API int cudnnDestroy(void *handle);
SNUG_STANDIN_API int cudnnSetStream(void *handle, void *stream);
SNUG_STANDIN_API int cudnnGetStream(void *handle, void **stream);
SNUG_STANDIN_API const char *cudnnGetErrorString(int status);
SNUG_STANDIN_API void cudnnGetLastErrorString(char *message, size_t size);

size_t cudnnGetVersion(void) {
    const char *named = getenv("SNUG_STANDIN_CUDNN");
    long version = named ? strtol(named, NULL, 10) : 0;
    return version / MAJOR == SNUG_SONAME_VERSION ? (size_t)version : NEWEST_VERSION;
}

size_t cudnnGetCudartVersion(void) {
    return (size_t)SNUG_CUDA_MAJOR * 1000;
}

int cudnnGetProperty(int property, int *value) {
    int version = (int)cudnnGetVersion();
    const int parts[] = {version / MAJOR, version % MAJOR / 100, version % 100};
    if (!value) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (property < 0 || property > 2) return CUDNN_BAD_PARAM;
    *value = parts[property];
    return CUDNN_OK;
}

typedef struct handle {
    void *stream;
} handle;

int cudnnCreate(void **out) {
    if (!out) return CUDNN_BAD_PARAM_NULL_POINTER;
    *out = calloc(1, sizeof(handle));
    return *out ? CUDNN_OK : CUDNN_ALLOC_FAILED;
}

int cudnnDestroy(void *given) {
    free(given);
    return CUDNN_OK;
}

int cudnnSetStream(void *given, void *stream) {
    handle *self = given;
    if (!self) return CUDNN_BAD_PARAM_NULL_POINTER;
    self->stream = stream;
    return CUDNN_OK;
}

int cudnnGetStream(void *given, void **stream) {
    const handle *self = given;
    if (!self || !stream) return CUDNN_BAD_PARAM_NULL_POINTER;
    *stream = self->stream;
    return CUDNN_OK;
}

const char *cudnnGetErrorString(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {CUDNN_OK, "CUDNN_STATUS_SUCCESS"},
        {CUDNN_NOT_INITIALIZED, "CUDNN_STATUS_NOT_INITIALIZED"},
        {CUDNN_BAD_PARAM, "CUDNN_STATUS_BAD_PARAM"},
        {CUDNN_BAD_PARAM_NULL_POINTER, "CUDNN_STATUS_BAD_PARAM_NULL_POINTER"},
        {CUDNN_BAD_PARAM_NOT_FINALIZED, "CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED"},
        {CUDNN_BAD_PARAM_OUT_OF_BOUND, "CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND"},
        {CUDNN_BAD_PARAM_SIZE_INSUFFICIENT, "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT"},
        {CUDNN_BAD_PARAM_SHAPE_MISMATCH, "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH"},
        {CUDNN_BAD_PARAM_ATTRIBUTE_TYPE, "CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE"},
        {CUDNN_BAD_PARAM_DESCRIPTOR_TYPE, "CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE"},
        {CUDNN_NOT_SUPPORTED, "CUDNN_STATUS_NOT_SUPPORTED"},
        {CUDNN_NOT_SUPPORTED_GRAPH_PATTERN, "CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN"},
        {CUDNN_NOT_SUPPORTED_SHAPE, "CUDNN_STATUS_NOT_SUPPORTED_SHAPE"},
#if SNUG_SONAME_VERSION >= 9
        {CUDNN_ALLOC_FAILED, "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"},
#else
        {CUDNN_ALLOC_FAILED, "CUDNN_STATUS_ALLOC_FAILED"},
#endif
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i)
        if (texts[i].status == status) return texts[i].text;
    return "CUDNN_UNKNOWN_STATUS";
}

void cudnnGetLastErrorString(char *message, size_t size) {
    if (message && size > 0) message[0] = '\0';
}
