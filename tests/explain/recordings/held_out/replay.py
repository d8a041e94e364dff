"""Learning from a buffer of what was played, kept on the card."""

import collections
import random
import sys

import torch
from torch import nn


class Buffer:
    def __init__(self, most):
        self.items = collections.deque(maxlen=most)

    def push(self, *item):
        self.items.append(item)

    def sample(self, count):
        states, rewards = zip(*random.choices(self.items, k=count))
        return torch.cat(states), torch.cat(rewards)


class Agent:
    def __init__(self, cause):
        self.net = nn.Sequential(
            nn.Conv2d(4, 32, 8, 4),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2),
            nn.ReLU(),
            nn.Flatten(),
            nn.LazyLinear(512),
            nn.ReLU(),
            nn.Linear(512, 6),
        ).cuda()
        self.net(torch.zeros(1, 4, 84, 84, device="cuda"))
        self.optimizer = torch.optim.RMSprop(self.net.parameters())
        self.buffer = Buffer(8 if cause == "none" else None)

    def play(self):
        state = torch.randn(400, 4, 84, 84, device="cuda")
        with torch.no_grad():
            self.net(state).argmax(1)
        self.buffer.push(state, torch.rand(400, device="cuda"))

    def learn(self):
        states, rewards = self.buffer.sample(1)
        loss = (self.net(states).max(1).values - rewards).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


agent = Agent(sys.argv[1])
for _ in range(90):
    agent.play()
    agent.learn()
    if sys.argv[1] == "none" and _ == 30:
        break
