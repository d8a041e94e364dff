"""A decoder that predicts the next word, in functions and classes."""

import math
import random
import sys

import torch
import torch.nn as nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (
            part.view(b, t, self.heads, w // self.heads).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(w // self.heads)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, w))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Decoder(nn.Module):
    def __init__(self, vocabulary, width, depth, heads=8):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Data:
    """Random words; lengths as the cause wants them."""

    def __init__(self, cause, batch, length, vocabulary):
        self.cause, self.batch, self.length, self.vocabulary = cause, batch, length, vocabulary

    def __iter__(self):
        lengths = random.Random(1)
        for i in range(40):
            length = self.length
            if self.cause == "late-batch":
                length = 2200 if i == 11 else lengths.randint(100, 200)
            ids = torch.randint(self.vocabulary, (self.batch, length + 1))
            yield ids[:, :-1].cuda(), ids[:, 1:].cuda()


def compute_loss(model, ids, targets):
    logits = model(ids)
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()), logits


def evaluate(model, data):
    model.eval()
    losses = []
    for ids, targets in data:
        loss, _ = compute_loss(model, ids, targets)
        losses.append(loss)
    return sum(losses) / len(losses)


@torch.no_grad()
def predict(model, data):
    found = []
    for ids, _ in data:
        found.append(model(ids).softmax(-1))
    return found


def train(model, data, optimizer, cause):
    losses, kept = [], {}
    failed = None
    for step, (ids, targets) in enumerate(data):
        if cause == "not-freed" and step == 2:
            try:
                compute_loss(model, ids.repeat(24, 1), targets.repeat(24, 1))
            except RuntimeError as error:
                failed = error
                continue
        if cause == "not-freed" and failed is not None:
            ids, targets = ids.repeat(3, 1), targets.repeat(3, 1)
        loss, logits = compute_loss(model, ids, targets)
        if cause == "history":
            losses.append(loss)
            if len(losses) < 100:
                continue
            loss = sum(losses)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if cause == "leak":
            kept[step] = logits.detach().softmax(-1)
        if cause in ("evaluation", "evaluation-cache", "none") and step == 5:
            break
    return losses


def main():
    cause = sys.argv[1]
    big = {"model": (1536, 40), "model-backward": (1280, 18), "optimizer-state": (1024, 17)}
    width, depth = big.get(cause, (256, 6))
    batch = {
        "batch": 48,
        "batch-backward": 38,
        "leak": 8,
        "late-batch": 2,
        "not-freed-logits": 15,
    }.get(cause, 4)
    length = 16 if cause in big else 256
    vocabulary = 40000 if cause == "not-freed-logits" else 8000
    with torch.device("cuda" if cause in big else "cpu"):
        model = Decoder(vocabulary, width, 1 if cause == "not-freed-logits" else depth)
    model.to("cuda")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    train(model, Data(cause, batch, length, vocabulary), optimizer, cause)
    if cause == "evaluation":
        evaluate(model, Data(cause, 24, length, vocabulary))
    if cause == "evaluation-cache":
        predict(model, Data(cause, 12, length, vocabulary))


if __name__ == "__main__":
    main()
