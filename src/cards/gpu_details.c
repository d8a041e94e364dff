// What follows from a card's architecture: cores, shared memory, clocks, and the part of its memory
// that a process takes before its first tensor.
//
// Figures by compute capability are those of the CUDA programming guide's tables of technical
// specifications.
//
// The context is a line through what people have published: of a process as nvidia-smi or another
// process's out-of-memory error has it (T4 110 to 150 MiB, RTX 2080 Ti 186, RTX 4060 113, RTX 3080
// 256, RTX 4090 470 to 500, RTX 6000 Ada 426, L40S 420, L40 507, RTX 5090 594, V100 380 to 400,
// A100 414 to 502, H200 680, B200 712), less what PyTorch's allocator had of it. It grows with the
// threads that can be resident at once: for each, CUDA reserves a stack of 1 KiB, and as much again
// goes to what else is kept for each multiprocessor and to the code of kernels, which is loaded
// lazily since CUDA 11.7. The line lies at the upper side; NCCL's buffers are not in it.
#include "base/sized.h"
#include "base/text.h"
#include "cards/gpu_list.h"

typedef struct architecture {
    int capability;
    int cores, threads; // of a multiprocessor; threads that can be resident on it
    int shared, optin;  // KiB
} architecture;

static const architecture architectures[] = {
    {60, 64, 2048, 64, 48},    {61, 128, 2048, 96, 48},   {70, 64, 2048, 96, 96},
    {75, 64, 1024, 64, 64},    {80, 64, 2048, 164, 163},  {86, 128, 1536, 100, 99},
    {89, 128, 1536, 100, 99},  {90, 128, 2048, 228, 227}, {100, 128, 2048, 228, 227},
    {120, 128, 1536, 100, 99},
};
enum {
    ARCHITECTURES = sizeof architectures / sizeof architectures[0],
    CONTEXT_BYTES = 40 << 20,
    CONTEXT_THREAD_BYTES = 2304,
};

// The newest that is not newer than the card, which the list's own all are.
static const architecture *architecture_of(int capability) {
    const architecture *found = architectures;
    for (int i = 0; i < ARCHITECTURES; i++)
        if (architectures[i].capability <= capability) found = &architectures[i];
    return found;
}

static snug_gpu_details details_of(const snug_gpu_info *gpu) {
    const architecture *kind = architecture_of(gpu->capability);
    snug_gpu_details details = {.cores = gpu->multiprocessors * kind->cores,
                                .shared_bytes = (size_t)kind->shared << 10,
                                .shared_optin_bytes = (size_t)kind->optin << 10};
    details.clock_khz = (int)(gpu->float32_rate / 2 / details.cores / 1e3);
    details.memory_clock_khz = (int)(gpu->memory_rate * 8 / gpu->bus_bits / 2 / 1e3);
    details.context_bytes =
        CONTEXT_BYTES + (size_t)gpu->multiprocessors * (size_t)kind->threads * CONTEXT_THREAD_BYTES;
    return details;
}

void snug_gpu_detail_sized(const snug_gpu_info *gpu, snug_gpu_details *out, size_t out_bytes) {
    snug_gpu_details details = {0};
    if (gpu) details = details_of(gpu);
    snug_sized_give(out, out_bytes, &details, sizeof details);
}

size_t snug_gpu_usable_bytes(const snug_gpu_info *gpu) {
    if (!gpu) return 0;
    size_t context = snug_gpu_detail(gpu).context_bytes;
    return gpu->total_bytes > context ? gpu->total_bytes - context : 0;
}

snug_status snug_gpu_standin_settings(const snug_gpu_info *gpu, char **out) {
    SNUG_REQUIRE(gpu && out, "a card and a place for the text");
    snug_text text = {0};
    snug_gpu_details details = snug_gpu_detail(gpu);
    *out = NULL;
    snug_text_append(&text, "card=%s;memory=%zu;context=%zu;capability=%d;multiprocessors=%d;",
                     gpu->reported, gpu->total_bytes, details.context_bytes, gpu->capability,
                     gpu->multiprocessors);
    snug_text_append(&text, "cores=%d;shared-sm=%zu;shared-optin=%zu;l2=%zu;bus-width=%d;",
                     details.cores, details.shared_bytes, details.shared_optin_bytes, gpu->l2_bytes,
                     gpu->bus_bits);
    snug_text_append(&text, "clock=%d;memory-clock=%d", details.clock_khz,
                     details.memory_clock_khz);
    snug_status status = snug_text_status(&text);
    if (status != SNUG_OK)
        snug_text_clear(&text);
    else
        *out = text.data;
    return status;
}
