"""A student learns from a teacher, whose answers are remembered for later epochs."""

import sys
from dataclasses import dataclass, field

import torch
from torch import nn


def mlp(width, depth):
    return nn.Sequential(
        *[
            nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.ELU())
            for _ in range(depth)
        ]
    )


@dataclass
class Session:
    cause: str
    answers: dict = field(default_factory=dict)

    def __post_init__(self):
        width = {"model": 8192, "model-backward": 4096}.get(self.cause, 512)
        depth = {"model": 13, "model-backward": 16}.get(self.cause, 6)
        with torch.device("cuda"):
            self.teacher, self.student = mlp(width, depth), mlp(width, depth // 2)
        self.teacher.requires_grad_(self.cause == "model-backward").eval()
        self.width = width
        self.optimizer = torch.optim.NAdam(self.student.parameters())

    def ask(self, key, x):
        if self.cause == "model-backward":
            return self.teacher(x)
        with torch.inference_mode():
            answer = self.teacher(x)
        if self.cause == "leak":
            self.answers[key] = answer
        return answer.clone()

    def run(self):
        rows = {"batch": 300000, "leak": 25000}.get(self.cause, 8 if self.width > 512 else 20000)
        for key in range(50):
            x = torch.randn(rows, self.width, device="cuda")
            loss = nn.functional.mse_loss(self.student(x), self.ask(key, x))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if self.cause == "none" and key == 7:
                return


Session(sys.argv[1]).run()
