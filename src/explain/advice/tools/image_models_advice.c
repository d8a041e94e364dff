// Programs that make images or videos, whichever.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch workspace late-batch",
     .fix = "Make smaller or fewer images (or frames) at once",
     .why = "attention and the VAE grow with the pixels, attention with their square",
     .source = "huggingface.co/docs/diffusers: Reduce memory usage"},
    {.causes = "model batch workspace",
     .fix = "Let the parts (text encoder, denoiser, VAE) take turns on the card: the "
            "program's low-VRAM or CPU-offload setting",
     .why = "only one of them is needed at a time",
     .source = "huggingface.co/docs/diffusers: Reduce memory usage"},
    {.causes = "model batch",
     .is_16_bit = true,
     .fix = "Load it in 16 bits, or take an fp8 or quantised file",
     .why = "half of what it takes now, or less",
     .source = "huggingface.co/docs/diffusers: Reduce memory usage"},
    {0},
};

const snug_tool snug_tool_image_models = {
    .name = "a maker of images",
    .rank = SNUG_TOOL_LIBRARY,
    .use = SNUG_USE_IMAGES,
    .words = "stable-diffusion|stablediffusion|/ldm/|\\ldm\\|latent-diffusion|ksampler|"
             "txt2img|img2img|sdxl|hunyuan|stable_diffusion|wan2.|flux.1|flux-dev|"
             "flux-schnell|black-forest-labs|flux2|infer_flux|/flux/|vae_decode|"
             "decode_first_stage|texttoimage|text-to-image",
    .levers = levers,
};
