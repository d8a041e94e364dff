"""A residual network in DataParallel over two cards; the loop over its layers is in forward()."""

import sys

import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.stem(x)
        for layer in self.layers:
            x = x + torch.relu(layer(x))
        return self.head(x.mean((2, 3)))


def run(cause):
    width, depth = {"optimizer-state": (512, 80), "model-backward": (512, 160)}.get(cause, (64, 12))
    with torch.device("cuda"):
        net = Residual(width, depth)
    model = nn.DataParallel(net, device_ids=[0, 1])
    optimizer = torch.optim.Adam(net.parameters())
    batch = {"batch": 320, "late-batch": 12, "optimizer-state": 2, "model-backward": 2}.get(
        cause, 32
    )
    losses, features = [], []
    for step in range(30):
        side = 16 if width > 64 else 64
        if cause == "late-batch":
            side = 260 if step == 6 else 32 + 8 * (step % 4)
        images = torch.randn(batch, 3, side, side, device="cuda")
        loss = nn.functional.cross_entropy(
            model(images), torch.randint(10, (batch,), device="cuda")
        )
        if cause == "history":
            losses.append(loss)
            continue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if cause == "leak":
            features.append(images.repeat(1, 60, 1, 1))
        if cause == "none" and step == 4:
            return


if __name__ == "__main__":
    run(sys.argv[1])
