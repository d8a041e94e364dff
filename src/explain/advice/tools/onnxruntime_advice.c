// ONNX Runtime: its arena.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown late-batch",
     .unless = "ksameasrequested",
     .fix = "Set the CUDA provider's arena_extend_strategy to kSameAsRequested, and "
            "gpu_mem_limit",
     .why = "the arena otherwise grows in powers of two, up to twice what is needed",
     .source = "onnxruntime.ai/docs: CUDA Execution Provider"},
    {.causes = "batch model unknown",
     .unless = "heuristic",
     .fix = "Set cudnn_conv_algo_search to HEURISTIC",
     .why = "an exhaustive search tries algorithms with the largest workspaces",
     .source = "onnxruntime.ai/docs: CUDA Execution Provider"},
    {.causes = "batch late-batch",
     .fix = "Give it fewer samples, or smaller inputs, at once",
     .why = "activations grow with them",
     .source = "onnxruntime.ai/docs: CUDA Execution Provider"},
    {0},
};

const snug_tool snug_tool_onnxruntime = {
    .name = "ONNX Runtime",
    .rank = SNUG_TOOL_LIBRARY,
    .use = SNUG_USE_INFERENCE,
    .other_framework = true,
    .words = "onnxruntime",
    .levers = levers,
};
