"""DCGAN: a generator and a discriminator with an optimizer each."""
import argparse

import torch
from torch import nn


def generator(latent, width):
    layers, channels = [], latent
    for factor in (8, 4, 2, 1):
        stride, padding = (1, 0) if factor == 8 else (2, 1)
        layers += [nn.ConvTranspose2d(channels, factor * width, 4, stride, padding, bias=False),
                   nn.BatchNorm2d(factor * width), nn.ReLU(True)]
        channels = factor * width
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(width):
    layers, channels = [], 3
    for factor in (1, 2, 4, 8):
        layers += [nn.Conv2d(channels, factor * width, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(factor * width)] if factor > 1 else []
        layers += [nn.LeakyReLU(0.2, inplace=True)]
        channels = factor * width
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, 1, 0, bias=False), nn.Flatten(0))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    latent, width = 100, 64
    maker, judge = generator(latent, width).cuda(), discriminator(width).cuda()
    maker_optimizer = torch.optim.Adam(maker.parameters(), lr=2e-4, betas=(0.5, 0.999))
    judge_optimizer = torch.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    for step in range(args.steps):
        real = torch.rand(args.batch_size, 3, 64, 64).cuda() * 2 - 1
        ones = torch.ones(args.batch_size, device="cuda")
        judge.zero_grad()
        made = maker(torch.randn(args.batch_size, latent, 1, 1, device="cuda"))
        loss_real = criterion(judge(real), ones)
        loss_real.backward()
        loss_made = criterion(judge(made.detach()), torch.zeros_like(ones))
        loss_made.backward()
        judge_optimizer.step()
        maker.zero_grad()
        loss = criterion(judge(made), ones)
        loss.backward()
        maker_optimizer.step()
        print(f"step {step}: judge {(loss_real + loss_made).item():.3f} maker {loss.item():.3f}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
