// Apple's GPUs by Metal: MLX, llama.cpp, whisper.cpp.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "model batch kv-cache unknown late-batch",
     .fix = "Take a model with fewer bits (4-bit) or a smaller one, and a shorter context",
     .why = "weights and keys and values have to fit into what the system lets the GPU "
            "have",
     .source = "github.com/ml-explore/mlx: docs, Metal memory; Apple: iogpu.wired_limit_mb"},
    {.causes = "model batch kv-cache unknown late-batch",
     .fix = "Let the GPU have more: sudo sysctl iogpu.wired_limit_mb=N",
     .why = "macOS keeps it to about two thirds to three quarters of the memory; leave "
            "some GiB to the system",
     .source = "github.com/ml-explore/mlx: docs, Metal memory; Apple: iogpu.wired_limit_mb"},
    {.causes = "model batch kv-cache unknown",
     .fix = "Close other programs",
     .why = "the GPU shares the memory with them",
     .source = "github.com/ml-explore/mlx: docs, Metal memory; Apple: iogpu.wired_limit_mb"},
    {.causes = "allocation-size batch",
     .fix = "Make what is asked for at once smaller: a shorter context, a smaller batch "
            "or image",
     .why = "no single buffer may be larger than the device's limit",
     .source = "github.com/ml-explore/mlx: docs, Metal memory; Apple: iogpu.wired_limit_mb"},
    {0},
};

const snug_tool snug_tool_metal = {
    .name = "Metal",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "kiogpucommandbuffer|[metal]|[metal::malloc]|mlx.core|mlx_lm|/mlx/|ggml_metal",
    .levers = levers,
};
