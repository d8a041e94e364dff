// torch.cuda.memory_summary()'s table: what the allocator held, without an error.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "pytorchcudamemorysummary"},
    {0},
};

const snug_format snug_format_memory_summary = {
    .name = "memory-summary",
    .family = "pytorch",
    .anchors = anchors,
    .together = 80,
    .reach = 1500,
    .device = "CUDA",
};
