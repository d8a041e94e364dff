// RAPIDS' memory manager (cuDF, cuML, XGBoost on the GPU): a bad_alloc of the device's memory.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "std::bad_alloc:cuda"},
    {.text = "std::bad_alloc:out_of_memory:cuda"},
    {.text = "std::bad_alloc:out_of_memory:rmm"},
    {.text = "std::bad_alloc:rmmfailure"},
    {.text = "rmm_error_out_of_memory"},
    {.text = "maximumpoolsizeexceeded"},
    {.text = "cudaerrormemoryallocation:outofmemory"},
    {.text = "memoryallocationerroronworker#:"},
    {0},
};

const snug_format snug_format_rapids = {
    .name = "rapids",
    .family = "rapids",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "RAPIDS",
    .device = "CUDA",
};
