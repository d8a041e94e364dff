// Allocations in the host's memory that were refused: PyTorch's, NumPy's and others'.
#include <ctype.h>
#include <string.h>

#include "explain/text/message.h"

// Python's `MemoryError` alone, or at the end of a traceback.
static bool is_python(const snug_clean *clean, size_t at, size_t length) {
    const char *after = clean->squeezed + at + length;
    return snug_clean_begins_line(clean, at) && strncmp(after, ":std::bad_alloc", 15) != 0 &&
           strncmp(after, ":badallocation:cuda", 19) != 0 &&
           (*after == ':' || snug_clean_ends_line(clean, at + length));
}

// RAPIDS' memory manager throws the same for the device's memory.
static bool is_host(const snug_clean *clean, size_t at, size_t length) {
    enum { BEFORE = 600 };
    const char *after = clean->squeezed + at + length;
    size_t before = at < BEFORE ? at : BEFORE;
    if (memmem(clean->squeezed + at - before, before, "rmm_error_out", 13)) return false;
    return strncmp(after, ":cuda", 5) != 0 && strncmp(after, ":rmmfailure", 11) != 0 &&
           strncmp(after, ":out_of_memory:cuda", 19) != 0 &&
           strncmp(after, ":out_of_memory:rmm", 18) != 0;
}

static const snug_anchor anchors[] = {
    {.text = "defaultcpuallocator:"},
    {.text = "notenoughmemory:youtriedtoallocate"},
    {.text = "can'tallocatememory:youtriedtoallocate"},
    {.text = "_arraymemoryerror"},
    {.text = "memoryerror:unabletoallocate"},
    {.text = "memoryerror", .fits = is_python},
    {.text = "std::bad_alloc", .fits = is_host},
    {.text = "error:badallocation", .fits = is_host}, // the same in Microsoft's words
    {.text = "outofhostmemory"},
    {.text = "[errno12]cannotallocatememory"},
    {.text = "errorcode12(cannotallocatememory)"},
    {.text = "cannotallocatememory(12)"},
    {.text = "cannotallocatememory(oserror12)"},
    {.text = "memoryallocationof#bytesfailed"},
    {.text = "arrowmemoryerror:"},
    {0},
};

const snug_format snug_format_cpu = {
    .name = "cpu",
    .family = "cpu",
    .anchors = anchors,
    .together = 30,
    .host = true,
    .shortage = SNUG_SHORTAGE_HOST,
    .device = "CPU",
};
