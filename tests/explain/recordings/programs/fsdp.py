"""A decoder, sharded over the ranks with fully_shard (FSDP2)."""

import os
import sys

import torch
import torch.distributed as dist
from torch import nn

try:
    from torch.distributed.fsdp import fully_shard
except ImportError:  # before PyTorch 2.6
    from torch.distributed._composable.fsdp import fully_shard


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (
            part.view(b, t, self.heads, w // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, dim=-1)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, w))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Decoder(nn.Module):
    def __init__(self, vocabulary, width, depth, heads=8):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def build(cause):
    width, depth = {
        "model": (3072, 48),
        "model-backward": (2560, 28),
        "optimizer-state": (1536, 54),
    }.get(cause, (256, 6))
    with torch.device("meta"):
        model = Decoder(8000, width, depth)
    for block in model.blocks:
        fully_shard(block)
    fully_shard(model)
    model.to_empty(device="cuda")
    return model


def lengths(cause, step):
    if cause == "late-batch":
        return 3000 if step == 9 else 100 + 20 * (step % 4)
    return 16 if cause.startswith(("model", "optimizer")) else 256


def train(model, cause, batch):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    losses, kept = [], []
    for step in range(40):
        words = torch.randint(8000, (batch, lengths(cause, step) + 1), device="cuda")
        logits = model(words[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), words[:, 1:].flatten())
        if cause == "history":
            losses.append(loss)
            continue
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if cause == "leak":
            kept.append(logits.detach())
        if cause in ("evaluation-cache", "none") and step == 4:
            return


@torch.no_grad()
def predict(model, batch):
    found = []
    for _ in range(200):
        words = torch.randint(8000, (batch, 256), device="cuda")
        scores = model(words)
        found.append(scores.log_softmax(-1))
    return torch.cat(found)


def main(cause):
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl")
    model = build(cause)
    train(model, cause, {"batch": 80, "batch-backward": 44, "leak": 8}.get(cause, 4))
    if cause == "evaluation-cache":
        predict(model, 12)


if __name__ == "__main__":
    main(sys.argv[1])
