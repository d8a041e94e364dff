// PyTorch on cudaMallocAsync, over several lines.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"wouldexceedallowedmemory", 0, 0},
    {"allocationondevice", 0, 0},
    {0},
};

const snug_format snug_format_async = {
    .name = "async",
    .family = "pytorch",
    .anchors = anchors,
    .together = 30,
};
