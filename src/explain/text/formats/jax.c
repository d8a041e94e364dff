// JAX and XLA.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"resource_exhausted:", 0, 0},
    {"resourceexhausted:outofmemory", 0, 0},
    {"outofmemorywhiletryingtoallocate", 0, 0},
    {"outofmemoryallocating", 0, 0},
    {"ranoutofmemoryinmemoryspace", 0, 0},
    {0},
};

static const snug_fix_found fixes[] = {
    {"Set XLA_PYTHON_CLIENT_PREALLOCATE=false, or another XLA_PYTHON_CLIENT_MEM_FRACTION",
     "JAX takes three quarters of what is free at its start; beside another program that is too much or too little"},
    {"Use jax.checkpoint (remat) around the largest blocks",
     "their activations are computed again in the backward pass"},
    {"Donate what a step replaces: jax.jit(step, donate_argnums=...)",
     "old and new weights and optimizer state are not both held"},
    {0},
};

const snug_format snug_format_jax = {
    .name = "jax",
    .family = "jax",
    .anchors = anchors,
    .together = 200,
    .other_framework = true,
    .fixes = fixes,
};
