// llama.cpp and other programs on ggml.
#include <string.h>

#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"alloc_buffer:allocating", 0, 0},
    {"buffer_type_alloc_buffer:", 0, 0},
    {"alloc_tensor_range:failed", 0, 0},
    {"ggml_gallocr_reserve_n:failed", 0, 0},
    {"ggml_gallocr_reserve_n_impl:failed", 0, 0},
    {"ggml_cuda_host_malloc:failed", 0, 0},
    {"failedtoallocatecuda#buffer", 0, 0},
    {"failedtoallocaterocm#buffer", 0, 0},
    {"failedtoallocatevulkan#buffer", 0, 0},
    {"unabletoallocatecuda#buffer", 0, 0},
    {"unabletoallocatebackendbuffer", 0, 0},
    {"failedtoallocatecomputebuffers", 0, 0},
    {"ggml_backend_metal_buffer_type_alloc_buffer", 0, 0},
    {0},
};

static bool has(const char *message, size_t length, const char *words) {
    return memmem(message, length, words, strlen(words)) != NULL;
}

// Weights come first; then the cache of keys and values and the compute buffers, which grow with
// the context's length and the batch.
static snug_run_phase tell_phase(const char *message, size_t length) {
    if (has(message, length, "alloc_tensor_range") || has(message, length, "loadingmodel"))
        return SNUG_PHASE_LOAD;
    return SNUG_PHASE_FORWARD;
}

static const snug_fix_found fixes[] = {
    {"Keep fewer layers on the GPU: a lower -ngl (--n-gpu-layers)",
     "each layer that stays with the CPU gives back its share of the weights and of the cache"},
    {"Shorten the context: a lower -c, and -ctk q8_0 -ctv q8_0",
     "keys and values grow with its length; 8-bit ones take half of 16-bit ones"},
    {"Lower -ub (physical batch), and use -fa (flash attention)",
     "compute buffers grow with both; flash attention's do not grow with the context's square"},
    {0},
};

const snug_format snug_format_llama_cpp = {
    .name = "llama.cpp",
    .family = "llama.cpp",
    .anchors = anchors,
    .together = 40,
    .phase = tell_phase,
    .other_framework = true,
    .fixes = fixes,
};
