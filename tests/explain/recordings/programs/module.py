"""A mixer through Lightning."""

import sys

import lightning
import torch
from torch import nn


class Mixer(nn.Module):
    def __init__(self, tokens, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens = nn.Sequential(
            nn.Linear(tokens, 2 * tokens), nn.GELU(), nn.Linear(2 * tokens, tokens)
        )
        self.channels = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class Module(lightning.LightningModule):
    def __init__(self, cause, width, depth):
        super().__init__()
        self.cause, self.kept, self.total = cause, [], 0
        self.net = nn.Sequential(*[Mixer(64, width) for _ in range(depth)])
        self.head = nn.Linear(width, 10)
        self.automatic_optimization = cause != "history"

    def training_step(self, batch, index):
        x, y = batch
        found = self.head(self.net(x).mean(1))
        loss = nn.functional.cross_entropy(found, y)
        if self.cause == "history":
            self.total = self.total + loss
            return None
        if self.cause == "leak":
            self.kept.append(x.repeat(1, 1, 24))
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


class Data(torch.utils.data.Dataset):
    def __init__(self, cause, batch, width):
        self.cause, self.batch, self.width = cause, batch, width

    def __len__(self):
        return 5 if self.cause == "none" else 40

    def __getitem__(self, index):
        batch = self.batch
        if self.cause == "late-batch":
            batch = 600 if index == 8 else 30 + 10 * (index % 4)
        return torch.zeros(batch, 64, self.width), torch.zeros(batch, dtype=torch.long)


def main():
    cause = sys.argv[1]
    width, depth = {"optimizer-state": (1536, 9), "model-backward": (1536, 21)}.get(cause, (192, 6))
    batch = {"batch": 900, "batch-backward": 480}.get(cause, 2 if width > 192 else 60)
    with torch.device("cuda" if width > 192 else "cpu"):
        module = Module(cause, width, depth)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="gpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(Data(cause, batch, width), batch_size=None))


if __name__ == "__main__":
    main()
