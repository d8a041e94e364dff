"""A user's own Adam."""

import torch


class Adam:
    def __init__(self, parameters, lr=1e-3):
        self.parameters, self.lr = list(parameters), lr
        self.first, self.second = {}, {}

    @torch.no_grad()
    def step(self):
        for p in self.parameters:
            if p.grad is None:
                continue
            if p not in self.first:
                self.first[p] = torch.zeros_like(p)
                self.second[p] = torch.zeros_like(p)
            self.first[p].mul_(0.9).add_(p.grad, alpha=0.1)
            self.second[p].mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
            p.sub_(self.lr * self.first[p] / (self.second[p].sqrt() + 1e-8))

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None
