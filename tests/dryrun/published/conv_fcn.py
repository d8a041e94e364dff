"""Semantic segmentation as mmsegmentation trains it (configs/fcn, README.md; V100, torch 1.5 to
1.7): a fully convolutional network on a dilated ResNet, two heads, float32, SGD, cuDNN's benchmark
mode, data parallel over processes with synchronized batch norm. Its table gives MiB / 1000."""
import argparse
import socket

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 19
# Blocks, whether bottlenecks, width of the head, width of the auxiliary head.
BACKBONES = {
    18: ((2, 2, 2, 2), False, 128, 64),
    50: ((3, 4, 6, 3), True, 512, 256),
    101: ((3, 4, 23, 3), True, 512, 256),
}


def unit(inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1,
         relu: bool = True) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.SyncBatchNorm(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class Block(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int, dilation: int, bottleneck: bool):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        if bottleneck:
            self.body = nn.Sequential(unit(inputs, width, 1),
                                      unit(width, width, 3, stride, dilation),
                                      unit(width, outputs, 1, relu=False))
        else:
            self.body = nn.Sequential(unit(inputs, width, 3, stride, dilation),
                                      unit(width, outputs, 3, 1, dilation, relu=False))
        plain = stride == 1 and inputs == outputs
        self.beside = nn.Identity() if plain else unit(inputs, outputs, 1, stride, relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.body(x)
        out += self.beside(x)
        return self.relu(out)


class Head(nn.Module):
    def __init__(self, inputs: int, width: int, convolutions: int, joined: bool):
        super().__init__()
        self.body = nn.Sequential(*[unit(width if i else inputs, width, 3)
                                    for i in range(convolutions)])
        self.join = unit(inputs + width, width, 3) if joined else None
        self.drop = nn.Dropout2d(0.1)
        self.out = nn.Conv2d(width, CLASSES, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.body(x)
        if self.join is not None:
            out = self.join(torch.cat([x, out], 1))
        return self.out(self.drop(out))


class Network(nn.Module):
    def __init__(self, depth: int):
        super().__init__()
        counts, bottleneck, width, beside = BACKBONES[depth]
        self.stem = nn.Sequential(unit(3, 32, 3, 2), unit(32, 32, 3), unit(32, 64, 3),
                                  nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList()
        inputs = 64
        for stage, (count, stride, dilation) in enumerate(zip(counts, (1, 2, 1, 1), (1, 1, 2, 4),
                                                              strict=True)):
            first = max(dilation // 2, 1)  # dilations contract at a stage's start
            blocks = []
            for i in range(count):
                blocks.append(Block(inputs, 64 << stage, stride if i == 0 else 1,
                                    first if i == 0 else dilation, bottleneck))
                inputs = (64 << stage) * (4 if bottleneck else 1)
            self.stages.append(nn.Sequential(*blocks))
        self.head = Head(inputs, width, 2, True)
        self.beside = Head(inputs // 2, beside, 1, False)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        x = self.stem(images)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        losses = []
        for head, feature, weight in ((self.head, features[3], 1.0),
                                      (self.beside, features[2], 0.4)):
            logits = F.interpolate(head(feature), images.shape[2:], mode="bilinear")
            each = F.cross_entropy(logits, labels, reduction="none", ignore_index=255)
            losses.append(weight * each.mean())
            with torch.no_grad():  # the accuracy that is logged
                logits.topk(1, dim=1)
        return losses[0] + losses[1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--depth", type=int, choices=BACKBONES, default=50)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 1024))
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.distributed.init_process_group("nccl", init_method=f"tcp://127.0.0.1:{port}", rank=0,
                                         world_size=1)
    torch.backends.cudnn.benchmark = True
    model = nn.parallel.DistributedDataParallel(Network(args.depth).cuda(), device_ids=[0],
                                                broadcast_buffers=False)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=0.0005,
                                foreach=False)
    for _ in range(args.steps):
        images = torch.randn(args.batch_size, 3, *args.size).cuda()
        labels = torch.randint(0, CLASSES, (args.batch_size, *args.size)).cuda()
        loss = model(images, labels)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
    torch.cuda.synchronize()
    print(f"peak: allocated {torch.cuda.max_memory_allocated()} "
          f"reserved {torch.cuda.max_memory_reserved()}")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
