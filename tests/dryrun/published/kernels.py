"""Losses and layers alone, forward and backward, in the sizes of the benchmarks of a collection of
Triton kernels, which measured PyTorch's own beside its. Each says the peak of a repeated step."""
import argparse

import torch
from torch import nn


class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-6):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        kind = x.dtype
        x = x.to(torch.float32)
        variance = x.pow(2).mean(-1, keepdim=True)
        x = x * torch.rsqrt(variance + self.eps)
        return self.weight * x.to(kind)


class GatedMLP(nn.Module):
    def __init__(self, act, width=4096, inner=11008):
        super().__init__()
        self.gate, self.up = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down, self.act = nn.Linear(inner, width, bias=False), act

    def forward(self, x):
        return self.down(self.act(self.gate(x)) * self.up(x))


def cross_entropy(size):
    loss = nn.CrossEntropyLoss()
    logits = torch.randn(8 * 2048, size, requires_grad=True, device="cuda")
    target = torch.randint(size, (8 * 2048, 1), device="cuda").squeeze(1)
    return lambda: loss(logits, target).backward()


def kl_div(size):
    loss = nn.KLDivLoss(reduction="batchmean")
    guess = torch.randn(8 * 2048, size, requires_grad=True, device="cuda").log_softmax(dim=-1)
    target = torch.randn(8 * 2048, size, device="cuda").softmax(dim=-1)
    return lambda: loss(guess, target).backward(retain_graph=True)


def norm(layer, rows, kind):
    def make(size):
        # The benchmark held its own kernel's layer beside the one it measured.
        other, mine = layer(size).cuda(), layer(size).cuda()
        x = torch.randn(rows, size, dtype=kind, device="cuda")
        gradient = torch.randn_like(x)
        x.requires_grad_(True)

        def step(_=other):
            y = mine(x)
            y.backward(gradient, retain_graph=True)
        return step
    return make


def gated(batch, act):
    def make(size):
        x = torch.randn(batch, size, 4096, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        layer = GatedMLP(act).cuda().to(torch.bfloat16)

        def step():
            y = layer(x)
            y.backward(torch.randn_like(y), retain_graph=True)
        return step
    return make


def head_and_loss(size):
    with torch.device("cuda"):
        head, other = (nn.Linear(4096, 128256, bias=False, dtype=torch.bfloat16)
                       for _ in range(2))
    x = torch.randn(size, 4096, requires_grad=True, dtype=torch.bfloat16, device="cuda")
    target = torch.randint(128256, (size, 1), device="cuda").squeeze(1)
    loss = nn.CrossEntropyLoss()

    def step(_=other):
        loss(head(x), target).backward()
    return step


PARTS = {
    "cross-entropy": cross_entropy,
    "kl-div": kl_div,
    "layer-norm": norm(lambda n: nn.LayerNorm(n, eps=1e-6), 4096, torch.float32),
    "rms-norm": norm(RMSNorm, 2048, torch.bfloat16),
    "swiglu": gated(4, nn.SiLU()),
    "geglu": gated(8, nn.GELU(approximate="tanh")),
    "head-and-loss": head_and_loss,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("size", type=int)
    args = parser.parse_args()
    step = PARTS[args.part](args.size)
    for _ in range(3):
        torch.cuda.reset_peak_memory_stats()
        step()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
