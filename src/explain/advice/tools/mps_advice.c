// PyTorch on Apple's GPUs, which share the memory of the machine.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown late-batch",
     .use = SNUG_USE_TRAINING,
     .fix = "Halve the batch, and add up the gradients of two before the optimizer's step",
     .why = "activations grow with it",
     .source = "docs.pytorch.org: MPS environment variables; torch.mps"},
    {.causes = "batch model unknown late-batch",
     .not_training = true,
     .unless = ".backward(|optimizer.step(",
     .fix = "Make the image, the batch or the context smaller",
     .why = "activations grow with them",
     .source = "docs.pytorch.org: MPS environment variables; torch.mps"},
    {.causes = "batch model unknown late-batch not-freed",
     .fix = "Close other programs, and call torch.mps.empty_cache() between steps",
     .why = "the GPU shares the machine's memory with all of them; the cache is given "
            "back",
     .source = "docs.pytorch.org: MPS environment variables; torch.mps"},
    {.causes = "batch model unknown late-batch",
     .unless = "ratio=0.0python",
     .fix = "Set PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0",
     .why = "lifts the limit that PyTorch keeps; the system may swap, and become slow or "
            "fail",
     .source = "docs.pytorch.org: MPS environment variables; torch.mps"},
    {.causes = "batch model",
     .is_16_bit = true,
     .fix = "Load weights in 16 bits (torch.float16, or bfloat16 on macOS 14)",
     .why = "half of 32-bit ones",
     .source = "docs.pytorch.org: MPS environment variables; torch.mps"},
    {.causes = "allocation-size",
     .fix = "Make what is asked for at once smaller: a smaller image or batch, a shorter "
            "sequence, or attention slicing",
     .why = "Metal gives no single buffer so large; attention's scores grow with the "
            "square of the pixels or tokens",
     .source = "docs.pytorch.org: MPS environment variables; torch.mps"},
    {0},
};

const snug_tool snug_tool_mps = {
    .name = "MPS",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "mpsbackend|mps_high_watermark|torch.mps",
    .levers = levers,
};
