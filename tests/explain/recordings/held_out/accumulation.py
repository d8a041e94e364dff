"""Gradients of several micro-batches, of a residual network of one dimension (sound)."""

import sys

import torch
from torch import nn


class Unit(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, 9, padding=4),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv1d(width, width, 9, padding=4),
        )

    def forward(self, x):
        return x + self.body(x)


class Net(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.begin = nn.Conv1d(1, width, 31, stride=4)
        self.units = nn.ModuleList(Unit(width) for _ in range(depth))
        self.end = nn.Linear(width, 35)

    def forward(self, sound):
        x = self.begin(sound)
        for unit in self.units:
            x = unit(x)
        return self.end(x.mean(-1))


def micro_batches(cause):
    for i in range(200):
        length = 16000
        if cause == "late-batch":
            length = 110000 if i == 37 else 12000 + 500 * (i % 7)
        yield torch.randn({"batch": 400}.get(cause, 24), 1, length).to("cuda", non_blocking=True)


def main(cause):
    width, depth = {"optimizer-state": (1024, 9)}.get(cause, (128, 8))
    net = Net(width, depth).cuda()
    optimizer = torch.optim.AdamW(net.parameters())
    reports = []
    for i, sound in enumerate(micro_batches(cause)):
        if cause == "optimizer-state":
            sound = sound[:1, :, :400]
        loss = net(sound).logsumexp(-1).mean() / 4
        loss.backward()
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
        if cause == "leak":
            reports.append({"loss": loss.item(), "sound": sound.expand(-1, 20, -1).clone()})
        if cause == "none" and i == 20:
            return


main(sys.argv[1])
