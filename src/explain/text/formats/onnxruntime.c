// ONNX Runtime's arena.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "failedtoallocatememoryforrequestedbuffer"},
    {.text = "failedtoallocatedmemoryforrequestedbuffer"},
    {.text = "bfcarena::allocaterawinternal"},
    {.text = "issmallerthanrequestedbytesof"},
    {.text = "availablememoryof#issmaller"},
    {0},
};

const snug_format snug_format_onnxruntime = {
    .name = "onnxruntime",
    .family = "onnxruntime",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .tool = "ONNX Runtime",
};
