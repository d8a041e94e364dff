// bitsandbytes' own check of CUDA's status.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "erroroutofmemoryatline#infile"},
    {.text = "cudaerroroutofmemoryatline#"},
    {0},
};

const snug_format snug_format_bitsandbytes = {
    .name = "bitsandbytes",
    .tool = "bitsandbytes",
    .family = "cuda",
    .anchors = anchors,
    .together = 30,
    .device = "CUDA",
};
