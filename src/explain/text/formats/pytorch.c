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

static const snug_anchor anchors[] = {
    {"outofmemory.triedtoallocate", 0, 0},
    {"outofmemory!triedtoallocate", 0, 0},
    {"outofmemory:triedtoallocate", 0, 0},
    {"outofmemorytriedtoallocate", 0, 0},
    {"outofmemoryerror:cudaoutofmem", 0, 0},
    {"cudaoutofmemory", 0, 0},
    {"hipoutofmemory", 0, 0},
    {"xpuoutofmemory", 0, 0},
    {"npuoutofmemory", 0, 0},
    {"mluoutofmemory", 0, 0},
    {"musaoutofmemory", 0, 0},
    {"hpuoutofmemory", 0, 0},
    {0},
};

const snug_format snug_format_pytorch = {
    .name = "pytorch",
    .family = "pytorch",
    .anchors = anchors,
    .together = 30,
    .refine = refine,
};
