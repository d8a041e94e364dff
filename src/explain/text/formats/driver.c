// Errors of the driver and of PyTorch's own checks that a full card sets off.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"nvml_success==driverapi", "NVML_SUCCESS == ... INTERNAL ASSERT FAILED", 0.5},
    {"nvml_success==r", "NVML_SUCCESS == r INTERNAL ASSERT FAILED", 0.8},
    {"handles_.at(i)internalassert", "!handles_.at(i) INTERNAL ASSERT FAILED", 0.75},
    {"cudadrivererror:devicenotready", "CUDA driver error: device not ready", 0.5},
    {"cudaerror:devicenotready", "CUDA error: device not ready", 0.45},
    {"cudadrivererror:invalidargument", "CUDA driver error: invalid argument", 0.4},
    {"nccl_error_unhandledcuda", "ncclUnhandledCudaError", 0.4},
    {"ncclunhandledcudaerror", "ncclUnhandledCudaError", 0.4},
    {"cudaerror:unspecifiedlaunchfailure", "CUDA error: unspecified launch failure", 0.15},
    {0},
};

const snug_format snug_format_driver = {
    .name = "masked",
    .family = "driver",
    .anchors = anchors,
    .masks = true,
};
