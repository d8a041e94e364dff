// TensorRT: building an engine, or making what runs it.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "errorcode2:outofmemory"},
    {.text = "errorcode1:cudaruntime(outofmemory)"},
    {.text = "requestedamountofgpumemory("},
    {.text = "requestedamountofmemory("},
    {.text = "defaultallocator.cpp::allocate"},
    {.text = "defaultallocator::allocate::"},
    {.text = "defaultallocator::allocate:2(outofmemory)"},
    {.text = "cudaerrorinallocate:2"},
    {.text = "outofmemoryerrorduringgetbesttactic"},
    {.text = "outofmemoryerrorinallocate"},
    {0},
};

const snug_format snug_format_tensorrt = {
    .name = "tensorrt",
    .family = "tensorrt",
    .anchors = anchors,
    .together = 40,
    .other_framework = true,
    .tool = "TensorRT",
    .device = "CUDA",
};
