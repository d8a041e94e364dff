// Megatron-LM, and what is made from it.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .fix = "Lower --micro-batch-size",
     .why = "fewer sequences at once",
     .source = "github.com/NVIDIA/Megatron-LM: arguments.py"},
    {.causes = "batch late-batch",
     .unless = "recompute-granularityfull",
     .fix = "Take --recompute-granularity full --recompute-method uniform "
            "--recompute-num-layers 1",
     .why = "activations are computed again in the backward pass",
     .source = "github.com/NVIDIA/Megatron-LM: arguments.py"},
    {.causes = "model optimizer-state",
     .fix = "Take --use-distributed-optimizer, and raise --tensor-model-parallel-size or "
            "--pipeline-model-parallel-size",
     .why = "each card holds a part",
     .source = "github.com/NVIDIA/Megatron-LM: README"},
    {0},
};

const snug_tool snug_tool_megatron = {
    .name = "Megatron",
    .rank = SNUG_TOOL_TRAINER,
    .use = SNUG_USE_TRAINING,
    .words = "megatron",
    .levers = levers,
};
