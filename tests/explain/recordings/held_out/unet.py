"""A network for segmentation with skips, and a validation that keeps its masks."""

import sys

import torch
import torch.nn.functional as F
from torch import nn


def double(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([double(3, 32), double(32, 64), double(64, 128)])
        self.middle = double(128, 256)
        self.up = nn.ModuleList([double(384, 128), double(192, 64), double(96, 32)])
        self.out = nn.Conv2d(32, 2, 1)

    def forward(self, x):
        skips = []
        for part in self.down:
            x = part(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.middle(x)
        for part, skip in zip(self.up, reversed(skips)):
            x = part(torch.cat([F.interpolate(x, scale_factor=2), skip], 1))
        return self.out(x)


def validate(net, cause):
    net.eval()
    masks, score = [], 0
    with torch.set_grad_enabled(cause != "evaluation-cache"):
        for _ in range(60):
            mask = net(torch.randn(8, 3, 128, 128, device="cuda"))
            masks.append(mask.repeat(1, 30, 1, 1) if cause == "evaluation-cache" else None)
            if cause == "evaluation":
                score = score + mask.softmax(1)[:, 0].mean()
    return score, masks


def main(cause):
    net = UNet().cuda()
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-5, momentum=0.9)
    for step in range(12):
        side = 512 if cause == "late-batch" and step == 9 else 96 + 16 * (step % 3)
        images = torch.randn({"batch": 120}.get(cause, 12), 3, side, side, device="cuda")
        masks = torch.randint(2, (images.shape[0], side, side), device="cuda")
        predicted = net(images)
        loss = F.cross_entropy(predicted, masks)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if cause.startswith("evaluation") and step == 3:
            return validate(net, cause)
    return None


if __name__ == "__main__":
    main(sys.argv[1])
