// cuDNN: a convolution that finds no algorithm within the memory left says so in other words.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"cudnn_status_alloc_failed", "CUDNN_STATUS_ALLOC_FAILED", 0.85},
    {"cudnn_status_not_supported", "CUDNN_STATUS_NOT_SUPPORTED", 0.4},
    {"cudnn_status_not_initialized", "CUDNN_STATUS_NOT_INITIALIZED", 0.5},
    {"cudnn_status_execution_failed", "CUDNN_STATUS_EXECUTION_FAILED", 0.35},
    {"cudnn_status_internal_error", "CUDNN_STATUS_INTERNAL_ERROR", 0.4},
    {"unabletofindavalidcudnnalgorithm", "Unable to find a valid cuDNN algorithm", 0.7},
    {"getwasunabletofindanengine", "GET was unable to find an engine", 0.55},
    {"findwasunabletofindanengine", "FIND was unable to find an engine", 0.6},
    {"miopenstatusallocfailed", "miopenStatusAllocFailed", 0.85},
    {0},
};

const snug_format snug_format_cudnn = {
    .name = "masked",
    .family = "cudnn",
    .anchors = anchors,
    .masks = true,
    .library = "cuDNN",
};
