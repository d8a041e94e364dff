// llama.cpp and other programs on ggml.
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

const snug_format snug_format_llama_cpp = {
    .name = "llama.cpp",
    .family = "llama.cpp",
    .anchors = anchors,
    .together = 40,
    .other_framework = true,
};
