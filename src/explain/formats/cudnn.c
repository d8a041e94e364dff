// cuDNN: a convolution that finds no algorithm within the memory left says so in other words.
#include "explain/message.h"

static const snug_anchor anchors[] = {
    {"cudnn_status_alloc_failed", "CUDNN_STATUS_ALLOC_FAILED"},
    {"cudnn_status_not_supported", "CUDNN_STATUS_NOT_SUPPORTED"},
    {"cudnn_status_not_initialized", "CUDNN_STATUS_NOT_INITIALIZED"},
    {"cudnn_status_execution_failed", "CUDNN_STATUS_EXECUTION_FAILED"},
    {"cudnn_status_internal_error", "CUDNN_STATUS_INTERNAL_ERROR"},
    {"unabletofindavalidcudnnalgorithm", "Unable to find a valid cuDNN algorithm"},
    {"getwasunabletofindanengine", "GET was unable to find an engine"},
    {"findwasunabletofindanengine", "FIND was unable to find an engine"},
    {"miopenstatusallocfailed", "miopenStatusAllocFailed"},
    {0},
};

const snug_format snug_format_cudnn = {
    .name = "masked",
    .family = "cudnn",
    .anchors = anchors,
    .masks = true,
    .library = "cuDNN",
};
