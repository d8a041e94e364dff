// Real-ESRGAN and other upscalers.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .use = SNUG_USE_INFERENCE,
     .is_16_bit = true,
     .fix = "Let 16 bits stand (no --fp32)",
     .why = "half of the activations",
     .source = "github.com/xinntao/Real-ESRGAN: README"},
    {0},
};

const snug_tool snug_tool_real_esrgan = {
    .name = "Real-ESRGAN",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_INFERENCE,
    .words = "realesrgan|real-esrgan|basicsr|swinir|gfpgan",
    .levers = levers,
};
