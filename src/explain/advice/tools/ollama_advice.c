// ollama, which puts what fits on the GPU and the rest into the memory of the host.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "host-memory",
     .shortage = SNUG_SHORTAGE_HOST,
     .fix = "Take a smaller model, or one with fewer bits (a tag with q4_K_M or q4_0)",
     .why = "the weights have to fit into free memory and the GPU together",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {.causes = "host-memory",
     .shortage = SNUG_SHORTAGE_KILLED,
     .fix = "Take a smaller model, or one with fewer bits (a tag with q4_K_M or q4_0)",
     .why = "what the GPU does not hold lies in the host",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {.causes = "kv-cache batch",
     .fix = "Shorten the context: a lower num_ctx (/set parameter num_ctx 2048, or "
            "OLLAMA_CONTEXT_LENGTH)",
     .why = "keys and values and the buffers grow with it",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {.causes = "kv-cache batch host-memory",
     .fix = "Set OLLAMA_NUM_PARALLEL=1 and OLLAMA_MAX_LOADED_MODELS=1, and unload "
            "others: ollama ps, ollama stop MODEL",
     .why = "every request at once has a context of its own; models stay loaded for five "
            "minutes",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {.causes = "host-memory",
     .fix = "Shorten the context: a lower num_ctx (/set parameter num_ctx 2048, or "
            "OLLAMA_CONTEXT_LENGTH)",
     .why = "keys and values grow with it",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {.causes = "kv-cache batch model",
     .fix = "Keep fewer layers on the GPU: a lower num_gpu (/set parameter num_gpu 20)",
     .why = "the rest is done by the CPU",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {.causes = "kv-cache batch",
     .fix = "Set OLLAMA_FLASH_ATTENTION=1 and OLLAMA_KV_CACHE_TYPE=q8_0",
     .why = "8-bit keys and values take half",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {.causes = "model",
     .fix = "Take a model with fewer bits (a tag with q4_K_M), or a smaller one",
     .why = "4 bits a weight in place of 8 or 16",
     .source = "github.com/ollama/ollama: docs/faq, docs/modelfile"},
    {0},
};

const snug_tool snug_tool_ollama = {
    .name = "ollama",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_SERVER,
    .other_framework = true,
    .words = "ollama",
    .levers = levers,
};
