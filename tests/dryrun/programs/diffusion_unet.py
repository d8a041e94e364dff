"""Stable Diffusion 1.x's U-Net (859.5 M parameters): trained whole, with LoRA, or denoising."""
import argparse

import by_person
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from torch.nn import functional as F


def build(dtype):
    with torch.device("cuda"):
        unet = UNet2DConditionModel(
            sample_size=64, in_channels=4, out_channels=4, layers_per_block=2,
            block_out_channels=(320, 640, 1280, 1280), attention_head_dim=8,
            cross_attention_dim=768)
    return unet.to(dtype)


def infer(args):
    unet = build(torch.float16).eval()
    scheduler = DDIMScheduler(num_train_timesteps=1000, beta_schedule="scaled_linear")
    scheduler.set_timesteps(args.steps, device="cuda")
    latents = torch.randn(args.batch_size, 4, 64, 64, device="cuda", dtype=torch.float16)
    text = torch.randn(2 * args.batch_size, 77, 768, device="cuda", dtype=torch.float16)
    with torch.no_grad():
        for time in scheduler.timesteps:
            both = scheduler.scale_model_input(torch.cat([latents] * 2), time)
            free, guided = unet(both, time, encoder_hidden_states=text).sample.chunk(2)
            latents = scheduler.step(free + 7.5 * (guided - free), time, latents).prev_sample
    print(f"latents {tuple(latents.shape)}")


def train(args):
    unet = build(torch.float32).train()
    if args.mode == "lora":
        from peft import LoraConfig

        unet.requires_grad_(False).to(torch.float16)
        unet.add_adapter(LoraConfig(r=4, lora_alpha=4, init_lora_weights="gaussian",
                                    target_modules=["to_k", "to_q", "to_v", "to_out.0"]))
        for weight in unet.parameters():
            if weight.requires_grad:
                weight.data = weight.float()
    if args.checkpointing:
        unet.enable_gradient_checkpointing()
    unet = by_person.compiled(unet, args.budget)
    weights = [w for w in unet.parameters() if w.requires_grad]
    print(f"{sum(w.numel() for w in weights) / 1e6:.1f} M parameters to train")
    optimizer = torch.optim.AdamW(weights, lr=1e-5)
    scheduler = DDPMScheduler(num_train_timesteps=1000, beta_schedule="scaled_linear")
    scaler = torch.amp.GradScaler("cuda")
    for step in range(args.steps):
        latents = torch.randn(args.batch_size, 4, 64, 64).cuda()
        text = torch.randn(args.batch_size, 77, 768).cuda()
        noise = torch.randn_like(latents)
        times = torch.randint(1000, (args.batch_size,), device="cuda")
        noisy = scheduler.add_noise(latents, noise, times)
        for one, when, words, wanted in by_person.parts(args.accumulate, noisy, times, text, noise):
            with torch.autocast("cuda", dtype=torch.float16):
                predicted = unet(one, when, encoder_hidden_states=words).sample
                loss = F.mse_loss(predicted.float(), wanted)
            scaler.scale(loss / args.accumulate).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        print(f"step {step}: loss {loss.item():.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["train", "lora", "infer"], default="train")
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2)
    by_person.add_options(parser)
    args = parser.parse_args()
    infer(args) if args.mode == "infer" else train(args)
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
