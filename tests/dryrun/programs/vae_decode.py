"""The decoder of Stable Diffusion 1.x's autoencoder: latents to images of 1024 pixels, float16."""
import argparse

import torch
from diffusers import AutoencoderKL


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--slicing", action="store_true")
    args = parser.parse_args()
    with torch.device("cuda"):
        vae = AutoencoderKL(
            in_channels=3, out_channels=3, latent_channels=4, layers_per_block=2,
            block_out_channels=(128, 256, 512, 512), norm_num_groups=32, sample_size=512,
            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
    vae = vae.half().eval()
    if args.slicing:
        vae.enable_slicing()
    latents = torch.randn(args.batch_size, 4, args.size // 8, args.size // 8)
    with torch.no_grad():
        images = vae.decode(latents.cuda().half() / 0.18215).sample
        images = ((images / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    print(f"images {tuple(images.shape)}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
