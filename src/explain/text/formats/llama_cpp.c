// llama.cpp and other programs on ggml.
#include <string.h>

#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "alloc_buffer:allocating"},
    {.text = "buffer_type_alloc_buffer:"},
    {.text = "alloc_tensor_range:failed"},
    {.text = "ggml_gallocr_reserve_n:failed"},
    {.text = "ggml_gallocr_reserve_n_impl:failed"},
    {.text = "failedtoallocatecuda#buffer"},
    {.text = "failedtoallocaterocm#buffer"},
    {.text = "failedtoallocatevulkan#buffer"},
    {.text = "unabletoallocatecuda#buffer"},
    {.text = "unabletoallocatebackendbuffer"},
    {.text = "failedtoallocatecomputebuffers"},
    {.text = "ggml_backend_metal_buffer_type_alloc_buffer"},
    {.text = "failedtoallocatebufferforkvcache"},
    {.text = "failedtoallocatemetal"},
    {.text = "ggml_metal_buffer_type_alloc"},
    {.text = "failedtoallocatebuffer,size="},
    {.text = "cudaerror2atggml"},
    {.text = "cudaerror2at/"},
    {.text = "cublaserror3atggml"},
    {.text = "vk::device::allocatememory:erroroutof"},
    {.text = "devicememoryallocationofsize#failed"},
    {.text = "erroroutofdevicememory"},
    {.text = "ggml_cuda_device_malloc"},
    {.text = "failedtoallocatecomputeppbuffers"},
    {.text = "failedtocreatecontextwithmodel"},
    {.text = "ggml_aligned_malloc:insufficientmemory"},
    {0},
};

static bool has(const char *message, size_t length, const char *words) {
    return memmem(message, length, words, strlen(words)) != NULL;
}

// Weights come first; then the cache of keys and values and the compute buffers, which grow with
// the context's length and the batch.
static snug_run_phase tell_phase(const char *message, size_t length) {
    if (has(message, length, "alloc_tensor_range") || has(message, length, "loadingmodel") ||
        has(message, length, "unabletoallocatebackendbuffer"))
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
    .tool = "llama.cpp",
};
