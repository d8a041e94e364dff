"""A mixture of experts."""

import sys

import torch
from torch import nn


class Experts(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        self.gate = nn.Linear(width, count)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
            for _ in range(count)
        )

    def forward(self, x):
        choice = torch.arange(x.shape[0], device=x.device) % len(self.experts)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            part = x[i :: len(self.experts)]
            out[i :: len(self.experts)] = expert(part)
        return out + self.gate(x).sum() * 0 + choice.sum() * 0


class Network(nn.Module):
    def __init__(self, width, depth, count):
        super().__init__()
        self.layers = nn.ModuleList(Experts(width, count) for _ in range(depth))

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x)
        return x


def main():
    cause = sys.argv[1]
    width, depth, count = {"model-backward": (768, 11, 8), "optimizer-state": (768, 5, 8)}.get(
        cause, (256, 4, 4)
    )
    tokens = {"batch": 300000, "history": 20000}.get(cause, 512 if width > 256 else 40000)
    with torch.device("cuda"):
        network = Network(width, depth, count)
    optimizer = torch.optim.Adam(network.parameters())
    losses = []
    for step in range(30):
        x = torch.randn(tokens, width, device="cuda")
        loss = network(x).pow(2).mean()
        if cause == "history":
            losses.append(loss)
            if len(losses) == 30:
                torch.stack(losses).mean().backward()
            continue
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if cause == "none" and step == 5:
            return


if __name__ == "__main__":
    main()
