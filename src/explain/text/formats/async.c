// PyTorch on cudaMallocAsync, over several lines.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "wouldexceedallowedmemory"},
    {.text = "allocationondevice"},
    {0},
};

const snug_format snug_format_async = {
    .name = "async",
    .family = "pytorch",
    .anchors = anchors,
    .together = 30,
};
