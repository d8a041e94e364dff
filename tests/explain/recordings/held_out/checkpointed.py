"""A deep network whose blocks are computed again in the backward pass."""

import sys

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        return x + self.inner(x)


class Deep(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))

    def forward(self, x):
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False)
        return x


def objective(deep, x):
    return deep(x).square().mean()


def loop(cause):
    deep = Deep(512, 16).cuda()
    optimizer = torch.optim.Adam(deep.parameters())
    sums = 0
    for step in range(40):
        rows = {"batch": 90000, "history": 10000}.get(cause, 16000)
        if cause == "not-freed" and step in (2, 3):
            rows = 90000 if step == 2 else 40000
        x = torch.randn(rows, 512, device="cuda")
        try:
            loss = objective(deep, x)
        except torch.cuda.OutOfMemoryError as error:
            if cause != "not-freed" or step != 2:
                raise
            kept = error  # noqa: F841
            continue
        if cause == "history":
            sums += loss
            continue
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if cause == "none" and step == 5:
            return


if __name__ == "__main__":
    loop(sys.argv[1])
