// ONNX Runtime's arena.
#include "explain/message.h"

static const snug_anchor anchors[] = {
    {"failedtoallocatememoryforrequestedbuffer", 0, 0},
    {"failedtoallocatedmemoryforrequestedbuffer", 0, 0},
    {"bfcarena::allocaterawinternal", 0, 0},
    {"issmallerthanrequestedbytesof", 0, 0},
    {"availablememoryof#issmaller", 0, 0},
    {0},
};

const snug_format snug_format_onnxruntime = {
    .name = "onnxruntime",
    .family = "onnxruntime",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
};
