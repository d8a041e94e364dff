// Errors of the driver and of PyTorch's own checks that a full card sets off.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "nvml_success==driverapi",
     .shown = "NVML_SUCCESS == ... INTERNAL ASSERT FAILED",
     .share = 0.5},
    {.text = "nvml_success==r", .shown = "NVML_SUCCESS == r INTERNAL ASSERT FAILED", .share = 0.8},
    {.text = "handles_.at(i)internalassert",
     .shown = "!handles_.at(i) INTERNAL ASSERT FAILED",
     .share = 0.75},
    {.text = "cudadrivererror:devicenotready",
     .shown = "CUDA driver error: device not ready",
     .share = 0.5},
    {.text = "cudaerror:devicenotready", .shown = "CUDA error: device not ready", .share = 0.45},
    {.text = "cudadrivererror:invalidargument",
     .shown = "CUDA driver error: invalid argument",
     .share = 0.4},
    {.text = "nccl_error_unhandledcuda", .shown = "ncclUnhandledCudaError", .share = 0.4},
    {.text = "ncclunhandledcudaerror", .shown = "ncclUnhandledCudaError", .share = 0.4},
    {.text = "cudaerror:unspecifiedlaunchfailure",
     .shown = "CUDA error: unspecified launch failure",
     .share = 0.15},
    {0},
};

const snug_format snug_format_driver = {
    .name = "masked",
    .family = "driver",
    .anchors = anchors,
    .masks = true,
};
