// Errors of the driver and of PyTorch's own checks that a full card sets off.
#include "explain/message.h"

static const snug_anchor anchors[] = {
    {"nvml_success==r", "NVML_SUCCESS == r INTERNAL ASSERT FAILED"},
    {"handles_.at(i)internalassert", "!handles_.at(i) INTERNAL ASSERT FAILED"},
    {"cudadrivererror:devicenotready", "CUDA driver error: device not ready"},
    {"cudaerror:devicenotready", "CUDA error: device not ready"},
    {"cudadrivererror:invalidargument", "CUDA driver error: invalid argument"},
    {"nccl_error_unhandledcuda", "ncclUnhandledCudaError"},
    {"ncclunhandledcudaerror", "ncclUnhandledCudaError"},
    {"cudaerror:unspecifiedlaunchfailure", "CUDA error: unspecified launch failure"},
    {0},
};

const snug_format snug_format_driver = {
    .name = "masked",
    .family = "driver",
    .anchors = anchors,
    .masks = true,
};
