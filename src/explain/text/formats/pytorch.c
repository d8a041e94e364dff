// PyTorch's caching allocator on any accelerator: from 0.4's "cached" to today's "has a total
// capacity of".
#include <string.h>

#include "explain/text/message.h"

static bool has(const char *message, size_t length, const char *words) {
    return memmem(message, length, words, strlen(words)) != NULL;
}

// The versions tell themselves by their words.
static const char *refine(const char *message, size_t length) {
    if (has(message, length, "totalcapactyof")) return "capacty";
    if (has(message, length, "totalcapacityof")) return "capacity";
    if (has(message, length, "unallocated") || has(message, length, "memoryinuse"))
        return "capacity";
    if (has(message, length, "reservedintotal")) return "reserved";
    if (has(message, length, "cached")) return "cached";
    return NULL;
}

// Whose device it is, by the word before "out of memory".
static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    static const struct {
        const char *word, *device;
    } devices[] = {{"hipoutofmemory", "HIP"}, {"xpuoutofmemory", "XPU"}};
    size_t from = message->start < 3 ? 0 : message->start - 3;
    size_t length = message->end - from < 40 ? message->end - from : 40;
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        if (has(clean->squeezed + from, length, devices[i].word)) facts->device = devices[i].device;
}

static const snug_anchor anchors[] = {
    {.text = "outofmemory.triedtoallocate"},
    {.text = "outofmemory!triedtoallocate"},
    {.text = "outofmemory:triedtoallocate"},
    {.text = "outofmemorytriedtoallocate"},
    {.text = "outofmemoryerror:cudaoutofmem"},
    {.text = "cudaoutofmemory"},
    {.text = "hipoutofmemory"},
    {.text = "xpuoutofmemory"},
    {.text = "npuoutofmemory"},
    {.text = "mluoutofmemory"},
    {.text = "musaoutofmemory"},
    {.text = "hpuoutofmemory"},
    {0},
};

const snug_format snug_format_pytorch = {
    .name = "pytorch",
    .family = "pytorch",
    .anchors = anchors,
    .together = 30,
    .tell = tell,
    .refine = refine,
};
