// JAX and XLA.
#include "explain/message.h"

static const snug_anchor anchors[] = {
    {"resource_exhausted:", 0, 0},
    {"resourceexhausted:outofmemory", 0, 0},
    {"outofmemorywhiletryingtoallocate", 0, 0},
    {"outofmemoryallocating", 0, 0},
    {"ranoutofmemoryinmemoryspace", 0, 0},
    {0},
};

const snug_format snug_format_jax = {
    .name = "jax",
    .family = "jax",
    .anchors = anchors,
    .together = 200,
    .other_framework = true,
};
