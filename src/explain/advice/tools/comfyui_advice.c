// ComfyUI, which moves models by itself.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch workspace late-batch",
     .fix = "Make the latent image smaller (width, height, frames) and batch_size 1",
     .why = "attention and the VAE grow with the pixels, attention with their square",
     .source = "github.com/comfyanonymous/ComfyUI: comfy/cli_args.py; docs.comfy.org"},
    {.causes = "batch workspace late-batch",
     .unless = "vaedecodetiled|decode_tiled",
     .fix = "Use the node VAE Decode (Tiled) in place of VAE Decode",
     .why = "the VAE at the end takes the most for large images and videos",
     .source = "github.com/comfyanonymous/ComfyUI: comfy/cli_args.py; docs.comfy.org"},
    {.causes = "batch model workspace fragmentation late-batch",
     .unless = "--lowvram|--novram|mpsbackend",
     .fix = "Start with --lowvram",
     .why = "the diffusion model is on the card a part at a time",
     .source = "github.com/comfyanonymous/ComfyUI: comfy/cli_args.py; docs.comfy.org"},
    {.causes = "model batch",
     .unless = "fp8|gguf",
     .fix = "Take an fp8 or GGUF file of the model, or start with --fp8_e4m3fn-unet",
     .why = "a half or less of 16-bit weights",
     .source = "github.com/comfyanonymous/ComfyUI: comfy/cli_args.py; docs.comfy.org"},
    {.causes = "batch model",
     .unless = "--reserve-vram|mpsbackend",
     .fix = "Leave some of the card to others: --reserve-vram 1.0",
     .why = "the models are kept to what is left; the desktop and other programs share "
            "the card",
     .source = "github.com/comfyanonymous/ComfyUI: comfy/cli_args.py; docs.comfy.org"},
    {.causes = "host-memory",
     .fix = "Start with --disable-smart-memory or take an fp8 or GGUF file, and more swap",
     .why = "models that are not on the card wait in the host",
     .source = "github.com/comfyanonymous/ComfyUI: comfy/cli_args.py; docs.comfy.org"},
    {.causes = "other-process unknown",
     .unless = "--lowvram|--novram|mpsbackend",
     .fix = "Start with --lowvram, and close what else uses the card",
     .why = "the diffusion model is on the card a part at a time",
     .source = "github.com/comfyanonymous/ComfyUI: comfy/cli_args.py; docs.comfy.org"},
    {0},
};

const snug_tool snug_tool_comfyui = {
    .name = "ComfyUI",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_IMAGES,
    .words = "comfyui|/comfy/|\\comfy\\|comfy_extras|"
             "thiserrormeansyouranoutofmemoryonyourgpu",
    .levers = levers,
};
