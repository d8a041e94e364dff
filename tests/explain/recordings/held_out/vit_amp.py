"""A vision transformer in mixed precision with a validation after each epoch."""

import sys

import torch
import torch.nn as nn


class ViT(nn.Module):
    def __init__(self, width=384, depth=6):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 16, 16)
        self.position = nn.Parameter(torch.zeros(1, 196, width))
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm": nn.LayerNorm(width),
                    "qkv": nn.Linear(width, 3 * width),
                    "out": nn.Linear(width, width),
                    "norm2": nn.LayerNorm(width),
                    "up": nn.Linear(width, 4 * width),
                    "down": nn.Linear(4 * width, width),
                }
            )
            for _ in range(depth)
        )
        self.head = nn.Linear(width, 100)

    def attend(self, block, x):
        b, t, w = x.shape
        q, k, v = block["qkv"](x).view(b, t, 3, 6, w // 6).permute(2, 0, 3, 1, 4)
        out = nn.functional.scaled_dot_product_attention(q, k, v)
        return block["out"](out.transpose(1, 2).reshape(b, t, w))

    def forward(self, images):
        x = self.patch(images).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            x = x + self.attend(block, block["norm"](x))
            x = x + block["down"](nn.functional.gelu(block["up"](block["norm2"](x))))
        return self.head(x.mean(1))


class Runner:
    def __init__(self, cause):
        self.cause = cause
        self.model = ViT().to("cuda")
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.scaler = torch.amp.GradScaler("cuda")
        self.best = []

    def train_one_epoch(self, batch):
        self.model.train()
        for _ in range(5):
            images = torch.randn(batch, 3, 224, 224).cuda()
            labels = torch.randint(100, (batch,)).cuda()
            with torch.autocast("cuda", dtype=torch.float16):
                loss = nn.functional.cross_entropy(self.model(images), labels)
            self.optimizer.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()

    def validate(self, batch):
        self.model.eval()
        logits = []
        for _ in range(6):
            logits.append(self.model(torch.randn(batch, 3, 224, 224).cuda()))
        return torch.cat(logits).argmax(1)

    def fit(self):
        for _ in range(2):
            self.train_one_epoch({"batch": 320}.get(self.cause, 32))
            if self.cause == "evaluation":
                self.validate(64)


Runner(sys.argv[1]).fit()
