// Profilers ask CUPTI for what happens on the card. Nothing does, so no record ever comes, and no
// callback is called.
#include "standin/standin.h"

// Prototypes are the public interface's.
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define API SNUG_STANDIN_API

enum { CUPTI_SUCCESS = 0, CUPTI_ERROR_INVALID_PARAMETER = 1, CUPTI_ERROR_MAX_LIMIT_REACHED = 12 };

// Of the newest CUDA that PyTorch's builds of this major version had at first.
API int cuptiGetVersion(uint32_t *version) {
    if (!version) return CUPTI_ERROR_INVALID_PARAMETER;
    *version = SNUG_CUDA_MAJOR == 12 ? 18 : 130000;
    return CUPTI_SUCCESS;
}

API int cuptiActivityEnable(int kind) {
    (void)kind;
    snug_standin_note("A profiler asked what happens on the card: a dry run has nothing to record "
                      "there.");
    return CUPTI_SUCCESS;
}

// The end of a buffer's records.
API int cuptiActivityGetNextRecord(const uint8_t *buffer, size_t size, void **record) {
    (void)buffer, (void)size, (void)record;
    return CUPTI_ERROR_MAX_LIMIT_REACHED;
}

API int cuptiGetResultString(int result, const char **out) {
    if (!out) return CUPTI_ERROR_INVALID_PARAMETER;
    switch (result) {
    case CUPTI_SUCCESS:
        *out = "CUPTI_SUCCESS";
        break;
    case CUPTI_ERROR_INVALID_PARAMETER:
        *out = "CUPTI_ERROR_INVALID_PARAMETER";
        break;
    case CUPTI_ERROR_MAX_LIMIT_REACHED:
        *out = "CUPTI_ERROR_MAX_LIMIT_REACHED";
        break;
    default:
        *out = "CUPTI_ERROR_UNKNOWN";
        break;
    }
    return CUPTI_SUCCESS;
}

API int cuptiGetCallbackName(int domain, uint32_t callback, const char **out) {
    (void)domain, (void)callback;
    if (!out) return CUPTI_ERROR_INVALID_PARAMETER;
    *out = "unknown";
    return CUPTI_SUCCESS;
}

API int cuptiGetTimestamp(uint64_t *out) {
    if (!out) return CUPTI_ERROR_INVALID_PARAMETER;
    *out = 0;
    return CUPTI_SUCCESS;
}
