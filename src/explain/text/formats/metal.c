// Apple's GPUs without PyTorch's own words: Metal's command buffers and MLX.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "kiogpucommandbuffercallbackerroroutofmemory"},
    {.text = "[metal]commandbufferexecutionfailed:insufficientmemory"},
    {.text = "[malloc_or_wait]unabletoallocate"},
    {.text = "[metal::malloc]"},
    {.text = "islargerthanbuffermaximumof", .shortage = SNUG_SHORTAGE_BLOCK},
    {.text = "greaterthanthemaximumallowedbuffersizeof", .shortage = SNUG_SHORTAGE_BLOCK},
    {0},
};

const snug_format snug_format_metal = {
    .name = "metal",
    .family = "metal",
    .anchors = anchors,
    .together = 40,
    .other_framework = true,
    .tool = "Metal",
    .device = "MPS",
};
