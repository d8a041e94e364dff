// ONNX Runtime's arena.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"failedtoallocatememoryforrequestedbuffer", 0, 0},
    {"failedtoallocatedmemoryforrequestedbuffer", 0, 0},
    {"bfcarena::allocaterawinternal", 0, 0},
    {"issmallerthanrequestedbytesof", 0, 0},
    {"availablememoryof#issmaller", 0, 0},
    {0},
};

static const snug_fix_found fixes[] = {
    {"Set the CUDA provider's arena_extend_strategy to kSameAsRequested, and gpu_mem_limit",
     "the arena otherwise grows in powers of two, up to twice what is needed"},
    {"Set cudnn_conv_algo_search to HEURISTIC",
     "an exhaustive search tries algorithms with the largest workspaces"},
    {0},
};

const snug_format snug_format_onnxruntime = {
    .name = "onnxruntime",
    .family = "onnxruntime",
    .anchors = anchors,
    .together = 30,
    .other_framework = true,
    .fixes = fixes,
};
