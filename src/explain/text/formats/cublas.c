// cuBLAS: its handle's workspace is the first to find no memory.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"cublas_status_alloc_failed", "CUBLAS_STATUS_ALLOC_FAILED", 0.85},
    {"cublas_status_not_initialized", "CUBLAS_STATUS_NOT_INITIALIZED", 0.5},
    {"cublas_status_internal_error", "CUBLAS_STATUS_INTERNAL_ERROR", 0.3},
    {"rocblas_status_memory_error", "rocblas_status_memory_error", 0.8},
    {"hipblas_status_alloc_failed", "HIPBLAS_STATUS_ALLOC_FAILED", 0.85},
    {"cusolver_status_alloc_failed", "CUSOLVER_STATUS_ALLOC_FAILED", 0.85},
    {"cusolver_status_not_initialized", "CUSOLVER_STATUS_NOT_INITIALIZED", 0.5},
    {"cusparse_status_alloc_failed", "CUSPARSE_STATUS_ALLOC_FAILED", 0.85},
    {"cufft_alloc_failed", "CUFFT_ALLOC_FAILED", 0.85},
    {0},
};

const snug_format snug_format_cublas = {
    .name = "masked",
    .family = "cublas",
    .anchors = anchors,
    .masks = true,
    .library = "cuBLAS",
};
