// kohya's scripts, which train adapters and whole models of Stable Diffusion.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch late-batch",
     .unless = "train_batch_size=1|train_batch_size1",
     .fix = "Set --train_batch_size 1 with --gradient_accumulation_steps",
     .why = "fewer images at once",
     .source = "github.com/kohya-ss/sd-scripts: docs"},
    {.causes = "batch late-batch model",
     .unless = "gradient_checkpointing",
     .fix = "Take --gradient_checkpointing",
     .why = "activations are computed again in the backward pass",
     .source = "github.com/kohya-ss/sd-scripts: docs"},
    {.causes = "batch model",
     .unless = "cache_latents",
     .fix = "Take --cache_latents (and --cache_text_encoder_outputs) and "
            "--network_train_unet_only",
     .why = "VAE and text encoders leave the card",
     .source = "github.com/kohya-ss/sd-scripts: docs"},
    {.causes = "batch model optimizer-state",
     .unless = "adamw8bit|adafactor",
     .fix = "Take --optimizer_type AdamW8bit or Adafactor",
     .why = "a quarter of the optimizer state",
     .source = "github.com/kohya-ss/sd-scripts: docs"},
    {.causes = "batch",
     .is_16_bit = true,
     .fix = "Take --mixed_precision bf16 and --xformers or --sdpa",
     .why = "16-bit activations; attention without its matrix of scores",
     .source = "github.com/kohya-ss/sd-scripts: docs"},
    {.causes = "batch model",
     .fix = "Lower --resolution, such as 512,512, and --network_dim",
     .why = "activations grow with the pixels",
     .source = "github.com/kohya-ss/sd-scripts: docs"},
    {0},
};

const snug_tool snug_tool_kohya = {
    .name = "sd-scripts",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_TRAINING,
    .words = "sd-scripts|kohya|train_network.py|sdxl_train|train_db.py|flux_train",
    .levers = levers,
};
