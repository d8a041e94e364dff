// PyTorch's and NumPy's allocations in host memory.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"defaultcpuallocator:", 0, 0},
    {"notenoughmemory:youtriedtoallocate", 0, 0},
    {"can'tallocatememory:youtriedtoallocate", 0, 0},
    {"numpy.core._exceptions._arraymemoryerror", 0, 0},
    {"memoryerror:unabletoallocate", 0, 0},
    {"outofmemory:killedprocess", 0, 0},
    {"oom-kill:constraint", 0, 0},
    {"iskilledbysignal:killed", 0, 0},
    {"std::bad_alloc", 0, 0},
    {0},
};

const snug_format snug_format_cpu = {
    .name = "cpu",
    .family = "cpu",
    .anchors = anchors,
    .together = 30,
    .host = true,
    .device = "CPU",
};
