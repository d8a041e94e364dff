"""An encoder in DistributedDataParallel, one rank."""

import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Classifier(nn.Module):
    def __init__(self, width, depth, classes):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        layer = nn.TransformerEncoderLayer(width, 8, 4 * width, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        return self.head(self.encoder(x).mean(1))


def train_epoch(model, optimizer, criterion, cause, batch, history):
    model.train()
    cache = []
    for step in range(30):
        side = 224
        if cause == "late-batch":
            side = 1280 if step == 8 else 96 + 32 * (step % 3)
        images = torch.randn(batch, 3, side, side, device="cuda")
        labels = torch.randint(10, (batch,), device="cuda")
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=cause.endswith("-amp")):
            outputs = model(images)
            loss = criterion(outputs, labels)
        if cause == "history":
            history += [loss]
            continue
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if cause == "leak":
            cache.append({"images": images, "labels": labels})
        if cause in ("none", "evaluation") and step == 4:
            return


def validate(model, batch):
    model.eval()
    right = 0
    for _ in range(4):
        images = torch.randn(batch, 3, 224, 224, device="cuda")
        right += (model(images).argmax(1) == 0).sum()
    return right


def main(cause):
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29531")
    dist.init_process_group("nccl", rank=0, world_size=1)
    torch.cuda.set_device(0)
    width, depth = {
        "model": (2048, 16),
        "model-backward": (1024, 28),
        "optimizer-state": (1024, 15),
    }.get(cause, (256, 6))
    batch = {
        "batch": 128,
        "batch-amp": 256,
        "batch-backward": 120,
        "model-backward": 1,
        "optimizer-state": 1,
        "late-batch": 6,
        "leak": 100,
    }.get(cause, 8)
    with torch.device("cuda"):
        model = Classifier(width, depth, 10)
    model = DistributedDataParallel(model, device_ids=[0], gradient_as_bucket_view=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    history = []
    train_epoch(model, optimizer, nn.CrossEntropyLoss(), cause, batch, history)
    if cause == "evaluation":
        validate(model, 180)


if __name__ == "__main__":
    main(sys.argv[1])
