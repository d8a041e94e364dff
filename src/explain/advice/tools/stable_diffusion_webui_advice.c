// AUTOMATIC1111's web interface and those made from it.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model workspace fragmentation late-batch unknown",
     .not_training = true,
     .when = "forge|distilled_cfg",
     .fix = "Lower \"GPU Weights (MB)\" at the top of Forge's page",
     .why = "less of the model stays on the card, which leaves the rest to the computation",
     .source = "github.com/lllyasviel/stable-diffusion-webui-forge: discussions/981"},
    {.causes = "batch model workspace fragmentation late-batch",
     .not_training = true,
     .unless = "--medvram|--lowvram|forge|distilled_cfg",
     .fix = "Start with --medvram (set COMMANDLINE_ARGS=--medvram in webui-user)",
     .why = "text encoder, U-Net and VAE take turns on the card",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {.causes = "batch model workspace late-batch",
     .not_training = true,
     .unless = "--lowvram|forge|distilled_cfg",
     .fix = "Start with --lowvram in place of --medvram",
     .why = "the U-Net, too, is on the card a part at a time; slow",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {.causes = "batch workspace late-batch fragmentation",
     .not_training = true,
     .fix = "Make smaller or fewer images: width and height, batch size 1, a lower "
            "Hires. fix scale",
     .why = "attention and the VAE grow with the pixels, attention with their square",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {.causes = "batch workspace late-batch",
     .not_training = true,
     .unless = "--xformers|--opt-sdp|xformersattention",
     .fix = "Take --opt-sdp-attention or --xformers",
     .why = "attention without its matrix of scores",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {.causes = "batch workspace late-batch",
     .not_training = true,
     .fix = "Decode in pieces: the Tiled VAE extension (multidiffusion-upscaler)",
     .why = "the VAE at the end takes the most for large images",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {.causes = "batch model workspace",
     .not_training = true,
     .when = "--no-half|--precisionfull|use_full_precision:true",
     .fix = "Leave out --no-half, --no-half-vae and --precision full",
     .why = "32-bit weights and activations take twice as much",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {.causes = "host-memory",
     .fix = "Take fewer and smaller checkpoints: .safetensors pruned to fp16, and "
            "\"Maximum number of checkpoints loaded\" 1 in the settings",
     .why = "each checkpoint is read into the host first",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {.causes = "other-process unknown",
     .not_training = true,
     .unless = "--medvram|--lowvram",
     .fix = "Start with --medvram, and close what else uses the card",
     .why = "text encoder, U-Net and VAE take turns on the card",
     .source = "github.com/AUTOMATIC1111/stable-diffusion-webui/wiki: Optimizations; "
               "Command Line Arguments"},
    {0},
};

const snug_tool snug_tool_stable_diffusion_webui = {
    .name = "Stable Diffusion web UI",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_IMAGES,
    .words = "stable-diffusion-webui|modules/sd_models.py|modules\\sd_models.py|webui-user|"
             "modules/processing.py|modules\\processing.py|modules/call_queue.py|"
             "modules\\call_queue.py|sysvram:|torchactive/reserved|modules\\sd_samplers|"
             "modules/sd_samplers|--medvram|gb,sys:|automatic1111|sdnext|"
             "stable-diffusion-webui-forge|modules_forge|distilled_cfg|totargetloadmodel|"
             "toloadtargetmodel",
    .levers = levers,
};
