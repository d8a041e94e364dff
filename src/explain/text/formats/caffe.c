// Caffe, MXNet and others whose checks print CUDA's status beside the number 2.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "error==cudasuccess(2vs.0)outofmemory"},
    {.text = "error==cudasuccess.2vs0"},
    {.text = "cudamallocretryfailed:outofmemory"},
    {0},
};

const snug_format snug_format_caffe = {
    .name = "caffe",
    .family = "caffe",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .device = "CUDA",
};
