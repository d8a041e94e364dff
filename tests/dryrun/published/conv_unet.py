"""A U-Net of four levels with batch norm, as MONeT measured it (utsaslab/MONeT, models/unet; P100,
torch 1.5.1): 416 x 608, adaptive pooling on the way up, the sum of the outputs as loss, cuDNN's
benchmark mode, the peak from the first step."""
import argparse

import torch
from torch import nn


def double(inputs: int, middle: int, outputs: int) -> nn.Sequential:
    layers = []
    for a, b in ((inputs, middle), (middle, outputs)):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, height: int, width: int, widths: tuple[int, ...] = (64, 128, 256, 512, 512)):
        super().__init__()
        ins = (3, *widths)
        self.down = nn.ModuleList(double(ins[i], widths[i], widths[i]) for i in range(len(widths)))
        self.pool = nn.MaxPool2d(2)
        self.grow = nn.ModuleList()
        self.up = nn.ModuleList()
        for i in reversed(range(len(widths) - 1)):
            self.grow.append(nn.AdaptiveAvgPool2d((height >> i, width >> i)))
            both = 2 * widths[i]
            self.up.append(double(both, both // 2, widths[max(i - 1, 0)]))
        self.out = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for i, down in enumerate(self.down):
            x = down(self.pool(x) if i else x)
            kept.append(x)
        for grow, up, beside in zip(self.grow, self.up, reversed(kept[:-1]), strict=True):
            x = up(torch.cat([beside, grow(x)], 1))
        return self.out(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=11)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    height, width = 416, 608
    model = UNet(height, width).cuda()
    images = torch.randn(args.batch_size, 3, height, width).cuda()
    torch.cuda.reset_peak_memory_stats()
    torch.backends.cudnn.benchmark = True
    for _ in range(args.steps):
        outputs = model(images)
        outputs.sum().backward()
        del outputs
    torch.cuda.synchronize()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
