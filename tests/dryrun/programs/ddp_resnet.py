"""A ResNet in DistributedDataParallel, as torchrun starts it: shapes verified, buffers broadcast,
objects and counters exchanged between the ranks."""
import argparse
import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.short = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.body(x) + self.short(x))


def resnet18():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
              nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for outputs in (64, 128, 256, 512):
        layers += [Block(inputs, outputs, 1 if outputs == 64 else 2), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def exchange(rank, world):
    """What scripts tell each other around training."""
    settings = [{"run": "resnet", "seed": 7}, None] if rank == 0 else [None, None]
    dist.broadcast_object_list(settings, src=0)
    assert settings[0] == {"run": "resnet", "seed": 7}, settings
    hosts = [None] * world
    dist.all_gather_object(hosts, f"rank {rank} " + "x" * rank)
    assert hosts == [f"rank {one} " + "x" * one for one in range(world)], hosts
    seen = torch.tensor([rank + 1, 10], device="cuda")
    dist.all_reduce(seen)
    assert seen.tolist() == [world * (world + 1) // 2, 10 * world], seen
    dist.barrier()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    rank, local_rank = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl")
    exchange(rank, dist.get_world_size())
    model = DistributedDataParallel(resnet18().cuda(), device_ids=[local_rank])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(args.steps):
        images = torch.randn(args.batch_size, 3, 224, 224, device="cuda")
        labels = torch.randint(0, 1000, (args.batch_size,)).cuda()
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.cuda.synchronize()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
