// PyTorch on Apple's GPUs.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "mpsbackendoutofmemory"},
    {.text = "(mpsallocated"},
    {.text = "mpsoutofmemory"},
    {.text = "invalidbuffersize:", .shortage = SNUG_SHORTAGE_BLOCK},
    {0},
};

const snug_format snug_format_mps = {
    .name = "mps",
    .family = "mps",
    .anchors = anchors,
    .together = 30,
    .tool = "MPS",
    .device = "MPS",
};
