// Easy Diffusion.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model workspace other-process unknown late-batch",
     .fix = "Set \"GPU Memory Usage\" to low in the settings",
     .why = "models are on the card a part at a time",
     .source = "github.com/easydiffusion/easydiffusion/wiki: Troubleshooting"},
    {.causes = "batch workspace late-batch",
     .fix = "Make smaller images, and fewer at once",
     .why = "attention and the VAE grow with the pixels",
     .source = "github.com/easydiffusion/easydiffusion/wiki: Troubleshooting"},
    {0},
};

const snug_tool snug_tool_easy_diffusion = {
    .name = "Easy Diffusion",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_IMAGES,
    .words = "stable-diffusion-ui|easydiffusion|easy-diffusion|sd_internal",
    .levers = levers,
};
