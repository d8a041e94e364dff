// oobabooga's web interface for language models.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "model",
     .unless = "load-in-4bit",
     .fix = "Load it in 4 bits (--load-in-4bit), or take a GPTQ, EXL2 or GGUF file",
     .why = "a quarter of what 16-bit weights take",
     .source = "github.com/oobabooga/text-generation-webui: README"},
    {.causes = "model",
     .fix = "Leave a part with the CPU: --gpu-memory 7 (GiB), or --n-gpu-layers for GGUF",
     .why = "only that much of the weights is put on the card",
     .source = "github.com/oobabooga/text-generation-webui: README"},
    {.causes = "batch kv-cache late-batch",
     .fix = "Shorten the context: a lower --max_seq_len or --ctx-size, and truncate the "
            "prompt to less",
     .why = "keys and values and attention grow with it",
     .source = "github.com/oobabooga/text-generation-webui: README"},
    {.causes = "batch kv-cache late-batch",
     .fix = "Take 8-bit or 4-bit keys and values (--cache_8bit, --cache_4bit)",
     .why = "half or a quarter",
     .source = "github.com/oobabooga/text-generation-webui: README"},
    {0},
};

const snug_tool snug_tool_text_generation_webui = {
    .name = "text-generation-webui",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_SERVER,
    .words = "text-generation-webui|oobabooga|modules/text_generation.py|"
             "modules\\text_generation.py",
    .levers = levers,
};
