"""A small network under torch.compile."""

import sys

import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.up = nn.LayerNorm(width), nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


def main():
    cause = sys.argv[1]
    width, depth = {"optimizer-state": (1536, 9), "model-backward": (1536, 22)}.get(cause, (256, 4))
    batch = {"batch": 1500, "batch-backward": 850, "optimizer-state": 2, "model-backward": 2}.get(
        cause, 100
    )
    length = 8 if width > 256 else 64
    with torch.device("cuda"):
        model = nn.Sequential(*[Layer(width) for _ in range(depth)], nn.Linear(width, 10))
    compiled = torch.compile(model, backend="aot_eager")
    optimizer = torch.optim.AdamW(model.parameters())
    sums, kept = 0, []
    for step in range(40):
        x = torch.randn(batch, length, width, device="cuda")
        loss = nn.functional.cross_entropy(
            compiled(x).mean(1), torch.randint(10, (batch,), device="cuda")
        )
        if cause == "history":
            sums = sums + loss
            continue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if cause == "leak":
            kept.append(x.repeat(1, 15, 1))
        if cause == "none" and step == 4:
            return


main()
