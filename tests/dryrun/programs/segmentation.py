"""Semantic segmentation with torchvision's networks, as its reference script trains them."""
import argparse

import torch
import torchvision
from torch import nn


def criterion(outputs, target):
    losses = {name: nn.functional.cross_entropy(x, target, ignore_index=255)
              for name, x in outputs.items()}
    return losses["out"] + 0.5 * losses["aux"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="fcn_resnet50")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=2)
    args = parser.parse_args()
    model = torchvision.models.get_model(args.model, weights=None, weights_backbone=None,
                                         num_classes=21, aux_loss=True).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, args.steps, power=0.9)
    confusion = torch.zeros(21, 21, dtype=torch.int64, device="cuda")
    model.train()
    for step in range(args.steps):
        images = torch.rand(args.batch_size, 3, args.size, args.size).cuda()
        target = torch.randint(21, (args.batch_size, args.size, args.size)).cuda()
        loss = criterion(model(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        print(f"step {step}: loss {loss.item():.3f}, rate {scheduler.get_last_lr()[0]:.4f}")
    model.eval()
    with torch.inference_mode():
        found = model(images)["out"].argmax(1).flatten()
        wanted = target.flatten()
        known = wanted < 21
        confusion += torch.bincount(21 * wanted[known] + found[known],
                                    minlength=21 ** 2)[:441].reshape(21, 21)
    print(f"pixels counted {confusion.sum().item()}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
