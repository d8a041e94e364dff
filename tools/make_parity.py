#!/usr/bin/env python3
"""Makes tests/parity/*.safetensors: what PyTorch computes for a narrow member of every family.

Each file holds the initial weights and running statistics ("w/<name>", values that float16 holds
exactly), an input and its targets, the losses of ten SGD steps with momentum, and every gradient of
the first step ("g/<name>"). Dropout and stochastic depth are off.

Needs torch 1.13, torchvision and safetensors from PyPI: tools/make_parity.py [OUTPUT_FOLDER]
"""

import functools
import pathlib
import sys

import torch
import torchvision.models as zoo
from safetensors.torch import save_file
from torch import nn
from torchvision.models import efficientnet, mobilenetv3, resnet, vgg
from torchvision.models._utils import _make_divisible
from torchvision.models.googlenet import GoogLeNet, Inception, InceptionAux

STEPS, MOMENTUM, CLASSES = 10, 0.9, 10


def scale(channels, width):
    return channels if width == 1 else _make_divisible(channels * width, 8)


class Simple(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, scale(64, width), 3, padding=1)
        self.fc = nn.Linear(scale(64, width) * 16 * 16, CLASSES)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.fc(torch.flatten(x, 1))


class NarrowResNet(resnet.ResNet):
    """ResNet whose plane counts are all scaled; `inplanes` is set to 64 by the base class."""

    def __init__(self, block, layers, width):
        self.multiplier = width
        super().__init__(block, layers, num_classes=CLASSES)
        self.fc = nn.Linear(self.inplanes, CLASSES)

    def __setattr__(self, name, value):
        if name == "inplanes" and "inplanes" not in self.__dict__:
            value = scale(value, self.multiplier)
        super().__setattr__(name, value)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        return super()._make_layer(block, scale(planes, self.multiplier), blocks, stride, dilate)


def narrow_vgg(batch_norm, width):
    config = [c if c == "M" else scale(c, width) for c in vgg.cfgs["A"]]
    net = vgg.VGG(vgg.make_layers(config, batch_norm), CLASSES, init_weights=False)
    hidden = scale(4096, width)
    net.classifier[0] = nn.Linear(config[-2] * 49, hidden)
    net.classifier[3] = nn.Linear(hidden, hidden)
    net.classifier[6] = nn.Linear(hidden, CLASSES)
    return net


def narrow_googlenet(width):
    class Conv(nn.Module):
        def __init__(self, _, out, **options):
            super().__init__()
            self.conv = nn.LazyConv2d(scale(out, width), bias=False, **options)
            self.bn = nn.BatchNorm2d(scale(out, width), eps=0.001)

        def forward(self, x):
            return torch.relu(self.bn(self.conv(x)))

    inception = functools.partial(Inception, conv_block=Conv)
    net = GoogLeNet(
        CLASSES, aux_logits=False, init_weights=False, blocks=[Conv, inception, InceptionAux]
    )
    net.fc = nn.LazyLinear(CLASSES)
    return net


class DoubleConv(nn.Module):
    def __init__(self, inputs, middle, out):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(inputs, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, inputs, out):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(inputs, out, out))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, inputs, out):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = DoubleConv(inputs, inputs // 2, out)

    def forward(self, x, skip):
        return self.conv(torch.cat([skip, self.up(x)], dim=1))


class UNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        w = scale(64, width)
        self.inc = DoubleConv(3, w, w)
        self.down1, self.down2 = Down(w, 2 * w), Down(2 * w, 4 * w)
        self.down3, self.down4 = Down(4 * w, 8 * w), Down(8 * w, 8 * w)
        self.up1, self.up2 = Up(16 * w, 4 * w), Up(8 * w, 2 * w)
        self.up3, self.up4 = Up(4 * w, w), Up(2 * w, w)
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(w, CLASSES, 1)

    def forward(self, x):
        a = self.inc(x)
        b = self.down1(a)
        c = self.down2(b)
        d = self.down3(c)
        x = self.up1(self.down4(d), d)
        x = self.up4(self.up3(self.up2(x, c), b), a)
        return self.outc.conv(x)


def narrow_mobilenet_v3(arch, width):
    stages, last = mobilenetv3._mobilenet_v3_conf(arch, width_mult=width)
    return mobilenetv3.MobileNetV3(stages, last, num_classes=CLASSES, dropout=0.0)


def narrow_efficientnet(width):
    stages, _ = efficientnet._efficientnet_conf("efficientnet_b0", width_mult=width, depth_mult=1.0)
    return efficientnet.EfficientNet(
        stages, dropout=0.0, stochastic_depth_prob=0.0, num_classes=CLASSES
    )


# name: (network of a width, width, image size, batch, learning rate, seed). Rates and seeds are
# such that PyTorch's own float32 and float64 agree far better than the comparison's tolerance: ten
# steps of MobileNetV2 or GoogLeNet at 1e-3 amplify rounding to 1e-2, and a ReLU6 whose input is 0
# but for rounding changes the first gradients.
NETWORKS = {
    "simple": (Simple, 0.125, 32, 4, 0.001, 1),
    "mobilenet_v2": (lambda w: zoo.MobileNetV2(CLASSES, w, dropout=0.0), 0.1, 64, 16, 2e-6, 2),
    "mobilenet_v3_small": (
        lambda w: narrow_mobilenet_v3("mobilenet_v3_small", w),
        0.1,
        64,
        8,
        0.001,
        1,
    ),
    "mobilenet_v3_large": (
        lambda w: narrow_mobilenet_v3("mobilenet_v3_large", w),
        0.05,
        64,
        8,
        0.001,
        1,
    ),
    "efficientnet_b0": (narrow_efficientnet, 0.05, 64, 8, 1e-4, 2),
    "resnet18": (lambda w: NarrowResNet(resnet.BasicBlock, [2, 2, 2, 2], w), 0.125, 64, 8, 1e-4, 1),
    "vgg11": (lambda w: narrow_vgg(False, w), 0.015, 32, 4, 0.001, 1),
    "vgg11_bn": (lambda w: narrow_vgg(True, w), 0.015, 64, 4, 0.001, 1),
    "googlenet": (narrow_googlenet, 0.125, 64, 8, 2e-7, 4),
    "unet": (UNet, 0.125, 32, 2, 0.001, 1),
}


def record(name, folder):
    make, width, size, batch, rate, seed = NETWORKS[name]
    torch.manual_seed(seed)
    net = make(width)
    x = torch.randn(batch, 3, size, size).half().float()
    net.eval()
    net(x)  # materialises lazy layers
    net.train()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(parameter.half().float())
    shape = (batch, size, size) if name == "unet" else (batch,)
    target = torch.randint(CLASSES, shape)
    tensors = {"input": x, "target": target}
    for key, value in net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            tensors["w/" + key] = value.detach().half()
    optimizer = torch.optim.SGD(net.parameters(), rate, MOMENTUM)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), target)
        loss.backward()
        if step == 0:
            for key, parameter in net.named_parameters():
                tensors["g/" + key] = parameter.grad.clone()
        optimizer.step()
        losses.append(loss.item())
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    metadata = {
        "model": name,
        "width_multiplier": str(width),
        "classes": str(CLASSES),
        "size": str(size),
        "batch": str(batch),
        "learning_rate": str(rate),
        "momentum": str(MOMENTUM),
        "torch": torch.__version__,
    }
    path = folder / (name + ".safetensors")
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata)
    print(f"{name:20} {path.stat().st_size:9,} bytes  losses {losses[0]:.4f} .. {losses[-1]:.4f}")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "tests" / "parity"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in NETWORKS:
        record(name, folder)


if __name__ == "__main__":
    main()
