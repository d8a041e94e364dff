"""A convolutional classifier; everything at the module's level."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

cause = sys.argv[1]
width = {"model": 1024, "model-backward": 720, "optimizer-state": 600}.get(cause, 64)
depth = {"model": 80, "model-backward": 80, "optimizer-state": 56}.get(cause, 6)
batch = {
    "batch": 300,
    "batch-backward": 168,
    "model": 1,
    "model-backward": 1,
    "optimizer-state": 1,
    "workspace": 4,
    "leak": 48,
}.get(cause, 8)
side = {"model": 8, "model-backward": 8, "optimizer-state": 8}.get(cause, 64)


def block(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]


with torch.device("meta" if width > 64 else "cpu"):
    layers = block(3, width)
    for _ in range(depth):
        layers += block(width, width)
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))
model = model.to_empty(device="cuda") if width > 64 else model.cuda()
if cause == "optimizer-state":
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
else:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
kept = []
error = None
total = 0
for step in range(40):
    n, side_now = batch, side
    if cause == "late-batch":
        side_now = 320 if step == 9 else 32 + 8 * (step % 5)
    if cause == "not-freed" and step == 2:
        n = 300
    if cause == "not-freed" and step > 2:
        n = 120
    if cause == "fragmentation":
        n, side_now = (130, 64) if step != 2 else (125, 64)
    x = torch.randn(n, 3, side_now, side_now, device="cuda")
    y = torch.randint(10, (n,), device="cuda")
    try:
        if cause == "fragmentation" and step == 2:
            h = x
            for layer in model:
                h = layer(h)
                if h.dim() == 4 and h.shape[-1] > 1:
                    kept.append(h.detach()[:5].clone())
            out = h
        else:
            out = model(x)
        loss = F.cross_entropy(out, y)
        if cause == "history":
            total = total + loss
            continue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    except torch.cuda.OutOfMemoryError as caught:
        if cause != "not-freed" or error is not None:
            raise
        error = caught
    if cause == "leak":
        with torch.no_grad():
            kept.append(model[:4](x))
    if cause == "none" and step == 12:
        break
