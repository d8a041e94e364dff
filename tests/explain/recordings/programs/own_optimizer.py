"""A recurrent network over series, with an optimizer of its own in optimizers.py."""

import sys

import torch
from optimizers import Adam
from torch import nn


class Forecast(nn.Module):
    def __init__(self, inputs, width, layers):
        super().__init__()
        self.cells = nn.ModuleList(
            nn.GRUCell(inputs if i == 0 else width, width) for i in range(layers)
        )
        self.head = nn.Linear(width, inputs)

    def forward(self, series):
        states = [None] * len(self.cells)
        outputs = []
        for t in range(series.shape[1]):
            x = series[:, t]
            for i, cell in enumerate(self.cells):
                states[i] = x = cell(x, states[i])
            outputs.append(self.head(x))
        return torch.stack(outputs, dim=1)


class Learner:
    def __init__(self, cause):
        self.cause = cause
        big = {"model": (4096, 9), "model-backward": (4096, 4), "optimizer-state": (3072, 4)}
        width, layers = big.get(cause, (256, 2))
        with torch.device("cuda"):
            self.net = Forecast(32, width, layers)
        self.optimizer = Adam(self.net.parameters())
        self.batch = {"batch": 24000, "batch-backward": 10600}.get(
            cause, 8 if cause in big else 2000
        )
        self.memory = []
        self.running = 0

    def fit_batch(self, series):
        predicted = self.net(series[:, :-1])
        loss = (predicted - series[:, 1:]).square().mean()
        if self.cause == "history":
            self.running = self.running + loss
            return
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.cause == "leak":
            self.memory.append((predicted - series[:, 1:]).detach().repeat(1, 1, 24))

    def length(self, step):
        if self.cause == "late-batch":
            return 260 if step == 8 else 7 + step % 4
        return 3 if self.batch == 8 else 12

    def run(self):
        for step in range(30):
            series = torch.randn(self.batch, self.length(step), 32, device="cuda")
            self.fit_batch(series)
            if self.cause in ("none", "evaluation") and step == 5:
                break
        if self.cause == "evaluation":
            self.validate()

    def validate(self):
        series = torch.randn(24000, 12, 32, device="cuda")
        return (self.net(series[:, :-1]) - series[:, 1:]).abs().mean().item()


learner = Learner(sys.argv[1])
learner.run()
