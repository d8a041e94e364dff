// Hugging Face's text-generation-inference, which warms up with the largest batch of prompts.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "kv-cache batch",
     .fix = "Lower --max-batch-prefill-tokens",
     .why = "the warm-up reads that many tokens of prompts at once",
     .source = "huggingface.co/docs/text-generation-inference: launcher arguments"},
    {.causes = "kv-cache batch",
     .fix = "Lower --max-input-tokens and --max-total-tokens (formerly "
            "--max-input-length)",
     .why = "a request can be no longer",
     .source = "huggingface.co/docs/text-generation-inference: launcher arguments"},
    {.causes = "kv-cache batch model",
     .fix = "Spread over more cards: --num-shard 2",
     .why = "each holds a part of the weights and of the cache",
     .source = "huggingface.co/docs/text-generation-inference: launcher arguments"},
    {.causes = "kv-cache batch model",
     .unless = "--quantize|quantize:some",
     .fix = "Quantise: --quantize bitsandbytes-nf4, eetq or an AWQ/GPTQ model",
     .why = "weights take a half or a quarter",
     .source = "huggingface.co/docs/text-generation-inference: launcher arguments"},
    {0},
};

const snug_tool snug_tool_tgi = {
    .name = "text-generation-inference",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_SERVER,
    .words =
        "text_generation_server|text-generation-launcher|max-batch-prefill-tokens|"
        "text-generation-inference|text_generation_client|text_generation_router|text_generation_launcher",
    .levers = levers,
};
