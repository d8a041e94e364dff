// cuDNN: a convolution that finds no algorithm within the memory left says so in other words.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "cudnn_status_alloc_failed", .shown = "CUDNN_STATUS_ALLOC_FAILED", .share = 0.85},
    {.text = "cudnn_status_not_supported", .shown = "CUDNN_STATUS_NOT_SUPPORTED", .share = 0.4},
    {.text = "cudnn_status_not_initialized", .shown = "CUDNN_STATUS_NOT_INITIALIZED", .share = 0.5},
    {.text = "cudnn_status_internal_error", .shown = "CUDNN_STATUS_INTERNAL_ERROR", .share = 0.4},
    {.text = "unabletofindavalidcudnnalgorithm",
     .shown = "Unable to find a valid cuDNN algorithm",
     .share = 0.7},
    {.text = "getwasunabletofindanengine",
     .shown = "GET was unable to find an engine",
     .share = 0.55},
    {.text = "findwasunabletofindanengine",
     .shown = "FIND was unable to find an engine",
     .share = 0.6},
    {.text = "miopenstatusallocfailed", .shown = "miopenStatusAllocFailed", .share = 0.85},
    {0},
};

const snug_format snug_format_cudnn = {
    .name = "masked",
    .family = "cudnn",
    .anchors = anchors,
    .masks = true,
    .library = "cuDNN",
};
