"""A generator and a discriminator that take turns."""

import sys

import torch
from torch import nn

cause = sys.argv[1]
batch = {"batch": 700}.get(cause, 64)


def generator():
    layers, width = [], 512
    for _ in range(4):
        layers += [
            nn.ConvTranspose2d(width, width // 2, 4, 2, 1),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(True),
        ]
        width //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh())


def discriminator():
    layers, width = [nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2, True)], 32
    for _ in range(3):
        layers += [
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2, True),
        ]
        width *= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1))


g, d = generator().cuda(), discriminator().cuda()
g_step = torch.optim.Adam(g.parameters(), 2e-4, betas=(0.5, 0.999))
d_step = torch.optim.Adam(d.parameters(), 2e-4, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()
seen, totals = [], 0
for step in range(60):
    real = torch.randn(batch, 3, 128, 128, device="cuda")
    for _ in range(2):
        fake = g(torch.randn(batch, 512, 4, 4, device="cuda"))
        d_loss = criterion(d(real), torch.ones(batch, 1, device="cuda"))
        d_loss = d_loss + criterion(d(fake.detach()), torch.zeros(batch, 1, device="cuda"))
        d_step.zero_grad()
        d_loss.backward()
        d_step.step()
    g_loss = criterion(
        d(g(torch.randn(batch, 512, 4, 4, device="cuda"))), torch.ones(batch, 1, device="cuda")
    )
    g_step.zero_grad()
    g_loss.backward()
    g_step.step()
    if cause == "leak":
        seen.append(fake.detach().repeat(4, 1, 1, 1))
    if cause == "history":
        totals = totals + criterion(
            d(g(torch.randn(16, 512, 4, 4, device="cuda"))), torch.ones(16, 1, device="cuda")
        )
    if cause == "none" and step == 6:
        break
