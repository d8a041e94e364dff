// Intel's GPUs.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "allocation-size",
     .fix = "Make what is asked for at once smaller: a smaller image or batch, a shorter "
            "sequence, or attention slicing",
     .why = "no allocation above 4 GB is given unless asked for",
     .source = "docs.pytorch.org: Getting Started on Intel GPU; "
               "github.com/intel/compute-runtime: "
               "programmers-guide/ALLOCATIONS_GREATER_THAN_4GB"},
    {.causes = "allocation-size",
     .unless = "relaxed_allocation_limits=1",
     .fix = "Set UR_L0_ENABLE_RELAXED_ALLOCATION_LIMITS=1",
     .why = "allows allocations above 4 GB, where driver and program were made for it",
     .source = "docs.pytorch.org: Getting Started on Intel GPU; "
               "github.com/intel/compute-runtime: "
               "programmers-guide/ALLOCATIONS_GREATER_THAN_4GB"},
    {.causes = "batch model unknown late-batch workspace",
     .fix = "Make the batch, the image or the context smaller",
     .why = "activations grow with them",
     .source = "docs.pytorch.org: Getting Started on Intel GPU; "
               "github.com/intel/compute-runtime: "
               "programmers-guide/ALLOCATIONS_GREATER_THAN_4GB"},
    {.causes = "batch model unknown late-batch",
     .fix = "Call torch.xpu.empty_cache() between steps, and look at xpu-smi",
     .why = "gives back what PyTorch keeps",
     .source = "docs.pytorch.org: Getting Started on Intel GPU; "
               "github.com/intel/compute-runtime: "
               "programmers-guide/ALLOCATIONS_GREATER_THAN_4GB"},
    {.causes = "batch model",
     .is_16_bit = true,
     .fix = "Load weights in 16 bits (torch.bfloat16, or ipex.optimize(dtype=...))",
     .why = "half of 32-bit ones",
     .source = "docs.pytorch.org: Getting Started on Intel GPU; "
               "github.com/intel/compute-runtime: "
               "programmers-guide/ALLOCATIONS_GREATER_THAN_4GB"},
    {0},
};

const snug_tool snug_tool_intel = {
    .name = "Intel GPU",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "ur_result_error|pi_error_|xpuoutofmemory|intel_extension_for_pytorch|"
             "level_zero|ipex|torch.xpu",
    .levers = levers,
};
