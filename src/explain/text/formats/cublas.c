// cuBLAS: its handle's workspace is the first to find no memory.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "cublas_status_alloc_failed", .shown = "CUBLAS_STATUS_ALLOC_FAILED", .share = 0.85},
    {.text = "cublas_status_not_initialized",
     .shown = "CUBLAS_STATUS_NOT_INITIALIZED",
     .share = 0.5},
    {.text = "cublas_status_internal_error", .shown = "CUBLAS_STATUS_INTERNAL_ERROR", .share = 0.3},
    {.text = "rocblas_status_memory_error", .shown = "rocblas_status_memory_error", .share = 0.8},
    {.text = "hipblas_status_alloc_failed", .shown = "HIPBLAS_STATUS_ALLOC_FAILED", .share = 0.85},
    {.text = "cusolver_status_alloc_failed",
     .shown = "CUSOLVER_STATUS_ALLOC_FAILED",
     .share = 0.85},
    {.text = "cusolver_status_not_initialized",
     .shown = "CUSOLVER_STATUS_NOT_INITIALIZED",
     .share = 0.5},
    {.text = "cusparse_status_alloc_failed",
     .shown = "CUSPARSE_STATUS_ALLOC_FAILED",
     .share = 0.85},
    {.text = "cufft_alloc_failed", .shown = "CUFFT_ALLOC_FAILED", .share = 0.85},
    {0},
};

const snug_format snug_format_cublas = {
    .name = "masked",
    .family = "cublas",
    .anchors = anchors,
    .masks = true,
    .library = "cuBLAS",
};
