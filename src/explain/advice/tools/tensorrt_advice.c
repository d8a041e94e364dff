// TensorRT: while an engine is built, or made ready to run.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown workspace",
     .fix = "Lower the workspace: --memPoolSize=workspace:1024 (set_memory_pool_limit; "
            "formerly --workspace)",
     .why = "tactics that need more are left out",
     .source = "docs.nvidia.com/deeplearning/tensorrt: trtexec; IBuilderConfig"},
    {.causes = "batch model unknown workspace late-batch",
     .fix = "Lower the largest shapes of the profile: --maxShapes",
     .why = "activations are planned for the largest batch and image",
     .source = "docs.nvidia.com/deeplearning/tensorrt: trtexec; IBuilderConfig"},
    {.causes = "batch model unknown",
     .is_16_bit = true,
     .fix = "Build with --fp16",
     .why = "half of 32-bit weights and activations",
     .source = "docs.nvidia.com/deeplearning/tensorrt: trtexec; IBuilderConfig"},
    {.causes = "batch model unknown other-process",
     .fix = "Free the card before (nvidia-smi): the program that exported the network "
            "may still hold it",
     .why = "building needs room for weights twice and for trials",
     .source = "docs.nvidia.com/deeplearning/tensorrt: trtexec; IBuilderConfig"},
    {0},
};

const snug_tool snug_tool_tensorrt = {
    .name = "TensorRT",
    .rank = SNUG_TOOL_PLATFORM,
    .use = SNUG_USE_INFERENCE,
    .other_framework = true,
    .words = "tensorrt|trtexec|[trt]|trt_runtime",
    .levers = levers,
};
