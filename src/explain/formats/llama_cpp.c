// llama.cpp and other programs on ggml.
#include <string.h>

#include "explain/message.h"

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
static snug_phase tell_phase(const char *message, size_t length) {
    if (has(message, length, "alloc_tensor_range") || has(message, length, "loadingmodel"))
        return SNUG_PHASE_LOAD;
    return SNUG_PHASE_FORWARD;
}

const snug_format snug_format_llama_cpp = {
    .name = "llama.cpp",
    .family = "llama.cpp",
    .anchors = anchors,
    .together = 40,
    .phase = tell_phase,
    .other_framework = true,
};
