// JAX and XLA.
#include <string.h>

#include "explain/text/message.h"

// The same status tells of quotas elsewhere.
static bool is_memory(const snug_clean *clean, size_t at, size_t length) {
    const char *after = clean->squeezed + at + length;
    size_t left = strnlen(after, 200);
    return memmem(after, left, "memory", 6) || memmem(after, left, "alloc", 5);
}

static const snug_anchor anchors[] = {
    {.text = "resource_exhausted:", .fits = is_memory},
    {.text = "resourceexhausted:", .fits = is_memory},
    {.text = "outofmemorywhiletryingtoallocate"},
    {.text = "outofmemoryallocating"},
    {.text = "ranoutofmemoryinmemoryspace"},
    {.text = "bufferassignmentoomdebugging"},
    {.text = "errorloadingprogram:attemptingtoallocate"},
    {.text = "attemptingtoreserve"},
    {.text = "failedtoallocate#bytesfornewconstant"},
    {0},
};

const snug_format snug_format_jax = {
    .name = "jax",
    .family = "jax",
    .anchors = anchors,
    .together = 200,
    .other_framework = true,
    .tool = "JAX",
};
