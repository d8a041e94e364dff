// LMDeploy: the cache takes a share of what the weights leave free.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "kv-cache batch",
     .fix = "Lower --cache-max-entry-count (0.8 unless set), such as 0.4",
     .why = "the share of the free memory that keys and values take",
     .source = "lmdeploy.readthedocs.io: TurbomindEngineConfig"},
    {.causes = "kv-cache batch late-batch",
     .fix = "Lower --session-len and --max-batch-size",
     .why = "shorter and fewer requests at once",
     .source = "lmdeploy.readthedocs.io: TurbomindEngineConfig"},
    {.causes = "kv-cache batch",
     .fix = "Quantise keys and values: --quant-policy 8",
     .why = "half of what 16-bit ones take",
     .source = "lmdeploy.readthedocs.io: TurbomindEngineConfig"},
    {.causes = "kv-cache model",
     .fix = "Take a 4-bit (AWQ) model, or more cards: --tp 2",
     .why = "less of the card for the weights",
     .source = "lmdeploy.readthedocs.io: TurbomindEngineConfig"},
    {0},
};

const snug_tool snug_tool_lmdeploy = {
    .name = "LMDeploy",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_SERVER,
    .words = "lmdeploy|turbomind|cache_max_entry_count",
    .levers = levers,
};
