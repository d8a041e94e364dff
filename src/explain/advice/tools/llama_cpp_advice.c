// llama.cpp and other programs on ggml.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "model",
     .unless = "ollama",
     .fix = "Keep fewer layers on the GPU: a lower -ngl (--n-gpu-layers; n_gpu_layers, "
            "--gpulayers)",
     .why = "each layer that stays with the CPU gives back its share of the weights and "
            "of the cache",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {.causes = "model",
     .unless = "ollama",
     .fix = "Take a file with fewer bits, such as Q4_K_M",
     .why = "about 4.8 bits a weight in place of 8 or 16",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {.causes = "kv-cache batch allocation-size",
     .unless = "ollama",
     .when = "-ub|--ubatch-size|n_ubatch=4096|n_ubatch=8192|n_ubatch=2048",
     .fix = "Lower -ub (--ubatch-size; 512 unless set)",
     .why = "the compute buffer grows with it",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {.causes = "kv-cache batch",
     .unless = "ollama",
     .fix = "Shorten the context: a lower -c (--ctx-size; n_ctx)",
     .why = "keys and values grow with its length",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {.causes = "kv-cache batch",
     .unless = "ollama",
     .fix = "Keep fewer layers on the GPU: a lower -ngl (--n-gpu-layers; n_gpu_layers)",
     .why = "each layer that stays with the CPU gives back its share of the weights and "
            "of the cache",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {.causes = "kv-cache batch",
     .unless = "ollama",
     .fix = "Take -ctk q8_0 -ctv q8_0 with flash attention (-fa)",
     .why = "8-bit keys and values take half of 16-bit ones",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {.causes = "kv-cache batch",
     .unless = "ollama",
     .fix = "Lower -ub (physical batch) and -np (slots)",
     .why = "compute buffers grow with both",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {.causes = "host-memory",
     .unless = "ollama",
     .fix = "Take a file with fewer bits (Q4_K_M) or a smaller model, and a lower -c",
     .why = "weights and cache that the GPU does not hold lie in the host",
     .source = "github.com/ggml-org/llama.cpp: tools/server/README.md"},
    {0},
};

const snug_tool snug_tool_llama_cpp = {
    .name = "llama.cpp",
    .rank = SNUG_TOOL_ENGINE,
    .use = SNUG_USE_SERVER,
    .other_framework = true,
    .words = "ggml_|ggml-cuda|ggml.c|ggml.cu|llama_model|llama.cpp|llama_load|"
             "alloc_tensor_range|llama_init|llama_cpp|llama-server|llama-cli|"
             "llama_new_context|llama_kv_cache|koboldcpp|whisper_init|whisper.cpp",
    .levers = levers,
};
