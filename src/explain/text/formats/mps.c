// PyTorch on Apple's GPUs.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"mpsbackendoutofmemory", 0, 0},
    {"(mpsallocated", 0, 0},
    {"mpsoutofmemory", 0, 0},
    {0},
};

const snug_format snug_format_mps = {
    .name = "mps",
    .family = "mps",
    .anchors = anchors,
    .together = 30,
    .device = "MPS",
};
