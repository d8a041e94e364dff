"""A DataLoader with workers and pinned memory; batches are copied while others are computed."""
import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Samples(Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.randn(3, 32, 32, generator=generator), index % 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--start", choices=["fork", "spawn", "forkserver"])
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    loader = DataLoader(Samples(args.steps * args.batch_size), args.batch_size, shuffle=True,
                        num_workers=args.workers, pin_memory=True, drop_last=True,
                        multiprocessing_context=args.start, persistent_workers=True)
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(2048, 10)).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    copying = torch.cuda.Stream()
    seen = 0
    for images, labels in loader:
        with torch.cuda.stream(copying):
            images = images.cuda(non_blocking=True)
            labels = labels.cuda(non_blocking=True)
        torch.cuda.current_stream().wait_stream(copying)
        images.record_stream(torch.cuda.current_stream())
        labels.record_stream(torch.cuda.current_stream())
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += len(labels)
    print(f"samples {seen}")
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")


if __name__ == "__main__":
    main()
