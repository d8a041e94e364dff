// Real-ESRGAN and other upscalers.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model late-batch unknown",
     .use = SNUG_USE_INFERENCE,
     .fix = "Work in tiles: --tile 400 (-t), smaller where it is not enough",
     .why = "the image is upscaled in pieces",
     .source = "github.com/xinntao/Real-ESRGAN: README"},
    {.causes = "batch late-batch",
     .use = SNUG_USE_INFERENCE,
     .when = "--fp32",
     .fix = "Let 16 bits stand (no --fp32)",
     .why = "half of the activations",
     .source = "github.com/xinntao/Real-ESRGAN: README"},
    {0},
};

const snug_tool snug_tool_real_esrgan = {
    .name = "Real-ESRGAN",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_INFERENCE,
    .words = "esrgan|basicsr|swinir|gfpgan",
    .levers = levers,
};
