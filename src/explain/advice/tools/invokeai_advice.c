// InvokeAI.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model workspace",
     .unless = "enable_partial_loading:true",
     .fix = "Set enable_partial_loading: true in invokeai.yaml",
     .why = "models are on the card a part at a time",
     .source = "invoke.ai/docs: Low-VRAM mode"},
    {.causes = "batch model workspace",
     .fix = "Set device_working_mem_gb: 4 (3 unless set), and make smaller images",
     .why = "that much is kept free for decoding images",
     .source = "invoke.ai/docs: Low-VRAM mode"},
    {0},
};

const snug_tool snug_tool_invokeai = {
    .name = "InvokeAI",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_IMAGES,
    .words = "invokeai",
    .levers = levers,
};
