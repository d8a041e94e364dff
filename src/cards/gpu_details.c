// What follows from a card's architecture: cores, shared memory, clocks, and the part of its memory
// that a process takes before its first tensor.
//
// Figures by compute capability are those of the CUDA programming guide's tables of technical
// specifications. The context is modelled after what people have published. Its largest part is
// local memory: CUDA reserves a stack of 1 KiB for every thread that can be resident at once. To
// that come the driver's own structures and the code of the kernels that were loaded (lazily, since
// CUDA 11.7), whose size differs by architecture. Bare contexts told by nvidia-smi or as another
// process in PyTorch's errors: RTX 3090 256 MiB, A100 414, RTX 6000 Ada 426, RTX 4090 471. What
// PyTorch's errors tell of a process less what they tell of its allocator (which is the context
// with what was loaded later): T4 100 to 138 MiB, RTX 4080 350, RTX 6000 Ada 430, RTX 4090 470 to
// 500, A100 500, RTX 5090 590.
#include "base/text.h"
#include "cards/gpu_list.h"

typedef struct architecture {
    int capability;
    int cores, threads; // of a multiprocessor; threads that can be resident on it
    int shared, optin;  // KiB
    int loaded;         // MiB of the context beside local memory
} architecture;

static const architecture architectures[] = {
    {60, 64, 2048, 64, 48, 170},    {61, 128, 2048, 96, 48, 130},   {70, 64, 2048, 96, 96, 170},
    {75, 64, 1024, 64, 64, 100},    {80, 64, 2048, 164, 163, 280},  {86, 128, 1536, 100, 99, 200},
    {89, 128, 1536, 100, 99, 270},  {90, 128, 2048, 228, 227, 300}, {100, 128, 2048, 228, 227, 350},
    {120, 128, 1536, 100, 99, 340},
};
enum { ARCHITECTURES = sizeof architectures / sizeof architectures[0], STACK_KIB = 1 };

// The newest that is not newer than the card, which the list's own all are.
static const architecture *architecture_of(int capability) {
    const architecture *found = architectures;
    for (int i = 0; i < ARCHITECTURES; i++)
        if (architectures[i].capability <= capability) found = &architectures[i];
    return found;
}

snug_gpu_details snug_gpu_detail(const snug_gpu_info *gpu) {
    const architecture *kind = architecture_of(gpu->capability);
    snug_gpu_details details = {.cores = gpu->multiprocessors * kind->cores,
                                .shared_bytes = (size_t)kind->shared << 10,
                                .shared_optin_bytes = (size_t)kind->optin << 10};
    details.clock_khz = (int)(gpu->float32_rate / 2 / details.cores / 1e3);
    details.memory_clock_khz = (int)(gpu->memory_rate * 8 / gpu->bus_bits / 2 / 1e3);
    size_t stacks = (size_t)gpu->multiprocessors * (size_t)kind->threads * STACK_KIB << 10;
    details.context_bytes = stacks + ((size_t)kind->loaded << 20);
    return details;
}

size_t snug_gpu_usable_bytes(const snug_gpu_info *gpu) {
    size_t context = snug_gpu_detail(gpu).context_bytes;
    return gpu->total_bytes > context ? gpu->total_bytes - context : 0;
}

snug_status snug_gpu_standin_settings(const snug_gpu_info *gpu, char **out) {
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
