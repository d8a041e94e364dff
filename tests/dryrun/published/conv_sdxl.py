"""Stable Diffusion XL by its published configuration with random weights, float16: images of 1024
pixels (diffusers' documentation, loading.md and memory figures), or the decoder of its autoencoder
alone (InvokeAI's figures; RTX 4090). Prompts are embeddings, so that no tokenizer is needed."""
import argparse

import diffusers
import torch
import transformers


def unet() -> diffusers.UNet2DConditionModel:
    return diffusers.UNet2DConditionModel(
        sample_size=128, in_channels=4, out_channels=4, layers_per_block=2,
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10), attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048, use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816)


def autoencoder() -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(128, 256, 512, 512),
        layers_per_block=2, latent_channels=4, sample_size=1024, scaling_factor=0.13025,
        force_upcast=True)


def text_encoders() -> tuple[torch.nn.Module, torch.nn.Module]:
    small = transformers.CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        projection_dim=768)
    large = transformers.CLIPTextConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
        hidden_act="gelu", projection_dim=1280)
    return transformers.CLIPTextModel(small), transformers.CLIPTextModelWithProjection(large)


def generate(images: int, steps: int) -> None:
    torch.set_default_dtype(torch.float16)
    with torch.device("cuda"):
        first, second = text_encoders()
        decoder, denoiser = autoencoder(), unet()
    torch.set_default_dtype(torch.float32)
    pipeline = diffusers.StableDiffusionXLPipeline(
        vae=decoder, text_encoder=first, text_encoder_2=second, tokenizer=None, tokenizer_2=None,
        unet=denoiser,
        scheduler=diffusers.EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
            timestep_spacing="leading", steps_offset=1))
    # What is scaled on the host in one precision stays there.
    embeddings = [torch.zeros(1, 77, 2048, dtype=torch.float16).cuda() for _ in range(2)]
    pooled = [torch.zeros(1, 1280, dtype=torch.float16).cuda() for _ in range(2)]
    pipeline(prompt_embeds=embeddings[0], negative_prompt_embeds=embeddings[1],
             pooled_prompt_embeds=pooled[0], negative_pooled_prompt_embeds=pooled[1],
             num_images_per_prompt=images, num_inference_steps=steps, output_type="pt")


def decode(images: int, size: int) -> None:
    with torch.device("cuda"):
        decoder = autoencoder().half().eval()
        latents = torch.zeros(images, 4, size // 8, size // 8, dtype=torch.float16)
    with torch.no_grad():
        decoder.decode(latents)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--decoder", action="store_true", help="of latents alone")
    args = parser.parse_args()
    if args.decoder:
        decode(args.images, args.size)
    else:
        generate(args.images, args.steps)
    torch.cuda.synchronize()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
