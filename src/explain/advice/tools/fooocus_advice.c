// Fooocus.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model workspace",
     .unless = "--always-low-vram|--always-no-vram",
     .fix = "Start with --always-low-vram",
     .why = "models are on the card a part at a time",
     .source = "github.com/lllyasviel/Fooocus: readme, args_manager.py"},
    {.causes = "batch workspace",
     .fix = "Make smaller images, and one at a time",
     .why = "attention and the VAE grow with the pixels",
     .source = "github.com/lllyasviel/Fooocus: readme"},
    {0},
};

const snug_tool snug_tool_fooocus = {
    .name = "Fooocus",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_IMAGES,
    .words = "fooocus|entry_with_update",
    .levers = levers,
};
