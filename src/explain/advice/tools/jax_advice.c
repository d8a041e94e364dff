// JAX and XLA.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .use = SNUG_USE_TRAINING,
     .is_batch = true,
     .fix = "Halve the batch, and add up the gradients of two (optax.MultiSteps, or "
            "lax.scan over micro-batches)",
     .why = "halves the temporaries of a step",
     .source = "docs.jax.dev: GPU memory allocation; gradient checkpointing"},
    {.causes = "batch late-batch",
     .not_training = true,
     .unless = "alphafold|colabfold",
     .fix = "Make the batch, the sequence or the image smaller; where it trains, add up "
            "the gradients of two (optax.MultiSteps)",
     .why = "temporaries of a step grow with them",
     .source = "docs.jax.dev: GPU memory allocation; gradient checkpointing"},
    {.causes = "batch late-batch",
     .use = SNUG_USE_TRAINING,
     .fix = "Use jax.checkpoint (remat) around the largest blocks",
     .why = "their activations are computed again in the backward pass",
     .source = "docs.jax.dev: GPU memory allocation; gradient checkpointing"},
    {.causes = "batch model optimizer-state",
     .fix = "Donate what a step replaces: jax.jit(step, donate_argnums=...)",
     .why = "old and new weights and optimizer state are not both held",
     .source = "docs.jax.dev: GPU memory allocation; gradient checkpointing"},
    {.causes = "other-process unknown",
     .fix = "Set XLA_PYTHON_CLIENT_PREALLOCATE=false, or a lower "
            "XLA_PYTHON_CLIENT_MEM_FRACTION",
     .why = "JAX takes three quarters of what is free at its start; beside another "
            "program that is too much or too little",
     .source = "docs.jax.dev: GPU memory allocation; gradient checkpointing"},
    {.causes = "batch model",
     .unless = "hbm|tpu",
     .fix = "Set XLA_PYTHON_CLIENT_MEM_FRACTION=0.95 where nobody else uses the card",
     .why = "JAX takes only three quarters of the card unless told",
     .source = "docs.jax.dev: GPU memory allocation; gradient checkpointing"},
    {.causes = "model optimizer-state",
     .fix = "Shard weights and state over the devices (jax.sharding), and keep them in "
            "bfloat16",
     .why = "each holds a part",
     .source = "docs.jax.dev: GPU memory allocation; gradient checkpointing"},
    {0},
};

const snug_tool snug_tool_jax = {
    .name = "JAX",
    .rank = SNUG_TOOL_LIBRARY,
    .other_framework = true,
    .words = "jaxlib|/jax/_src|jax._src|xla_python_client|xlaruntimeerror|xla_extension|"
             "jax.errors",
    .levers = levers,
};
