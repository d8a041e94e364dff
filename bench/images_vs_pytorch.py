#!/usr/bin/env python3
"""Trains a small network on a folder of 2,000 JPEG files with snug and with PyTorch, with the same
settings, and prints both accuracies.

The files show Fashion-MNIST's articles (Debian's dataset-fashion-mnist), enlarged to sizes between
40 and 90 pixels, in a colour by chance, some of them progressive or grey: 1,600 to train on and 400
to validate on. Both start from the same weights; the order of the samples differs, so each seed's
accuracies differ a little, and their means over the seeds should not. Last, PyTorch evaluates the
weights that snug trained: that accuracy must be snug's own, to the sample.

Needs torch, torchvision and onnx from PyPI, and a release build. A PyTorch without NVIDIA's
packages takes stand-ins for their libraries:
    bench/images_vs_pytorch.py [--snug build/bin/snug] [--stand-ins build/lib/snug/stand-in]
"""

import argparse
import gzip
import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
warnings.filterwarnings("ignore")
PROJECT = pathlib.Path(__file__).resolve().parent.parent
ARTICLES = pathlib.Path("/usr/share/datasets/fashion-mnist")
SIZE, BATCH, EPOCHS, RATE, CLASSES = 32, 50, 12, 0.05, 10
SAMPLES = {"train": 1600, "val": 400}
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def load_standins(folder):
    sys.path.insert(0, str(PROJECT / "python"))
    from importlib.util import find_spec

    from snug_hook import settings, standins

    os.environ["SNUG_STANDIN"] = "gpus=0"
    settings.standins = folder
    spec = find_spec("torch")
    standins.prepare(list(spec.submodule_search_locations or []) if spec else [])


def read_idx(name):
    raw = gzip.decompress((ARTICLES / name).read_bytes())
    return raw[4 + 4 * raw[3] :]


def write_files(folder):
    from PIL import Image

    chance = random.Random(0)
    pixels = read_idx("train-images-idx3-ubyte.gz")
    classes = read_idx("train-labels-idx1-ubyte.gz")
    at = 0
    for split, count in SAMPLES.items():
        for i in range(count):
            image = Image.frombytes("L", (28, 28), pixels[784 * at : 784 * (at + 1)])
            image = image.resize((chance.randint(40, 90), chance.randint(40, 90)), Image.BICUBIC)
            if i % 10:  # the tenth is a grey file
                tint = [chance.uniform(0.5, 1) for _ in range(3)]
                image = Image.merge("RGB", [image.point(lambda v, t=t: v * t) for t in tint])
            path = folder / split / f"article-{classes[at]}" / f"{i:04}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, quality=chance.randint(60, 95), progressive=i % 7 == 0)
            at += 1


def make_network(seed):
    from torch import manual_seed, nn

    manual_seed(seed)
    layers, channels = [], 3
    for width in (16, 32, 64):
        convolution = nn.Conv2d(channels, width, 3, padding=1)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]
    return nn.Sequential(*layers).train()


def load_images(folder):
    import torch
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    prepare = transforms.Compose(
        [
            transforms.Resize(SIZE),
            transforms.CenterCrop(SIZE),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, DEVIATION),
        ]
    )
    found = list(ImageFolder(str(folder), prepare))
    return torch.stack([image for image, _ in found]), torch.tensor([c for _, c in found])


def accuracy_of(network, images, classes):
    import torch

    network.eval()
    with torch.no_grad():
        found = torch.cat([network(part).argmax(1) for part in images.split(100)])
    network.train()
    return (found == classes).double().mean().item()


def train_pytorch(network, seed, train, val):
    import torch

    optimizer = torch.optim.SGD(network.parameters(), RATE, 0.9, weight_decay=1e-4)
    order = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(train[0]), generator=order).split(BATCH):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(train[0][chosen]), train[1][chosen])
            loss.backward()
            optimizer.step()
    return accuracy_of(network, *val)


def export(network, path):
    import torch

    torch.onnx.export(
        network,
        (torch.zeros(2, 3, SIZE, SIZE),),
        str(path),
        dynamo=False,
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
    )


def train_snug(snug, model, data, seed, run):
    command = [snug, "train", model, "--data", data, "--batch-size", BATCH, "--epochs", EPOCHS]
    command += ["--lr", RATE, "--momentum", 0.9, "--weight-decay", 1e-4, "--seed", seed]
    command += ["--cost", "model", "--out", run, "--json"]
    lines = subprocess.run(
        [str(part) for part in command], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    epochs = [json.loads(line) for line in lines if '"event":"epoch"' in line]
    return epochs[-1]["accuracy"]


def read_weights(path):
    import torch

    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32)
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def compare(snug, folder, seed, train, val):
    network = make_network(seed)
    model, run = folder / f"network-{seed}.onnx", folder / f"run-{seed}"
    export(network, model)
    ours = train_snug(snug, model, folder / "files", seed, run)
    theirs = train_pytorch(network, seed, train, val)
    missing = network.load_state_dict(read_weights(run / "weights.safetensors"), strict=False)
    # BatchNorm's counts of batches are not in the file and do not matter here.
    assert all("num_batches" in name for name in missing.missing_keys), missing
    return ours, theirs, accuracy_of(network, *val)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--snug", default=str(PROJECT / "build" / "bin" / "snug"))
    parser.add_argument("--stand-ins", help="where PyTorch is without NVIDIA's packages")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    if given.stand_ins:
        load_standins(given.stand_ins)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_files(folder / "files")
        train = load_images(folder / "files" / "train")
        val = load_images(folder / "files" / "val")
        results = []
        print("seed     snug  PyTorch  snug's weights in PyTorch")
        for seed in range(given.seeds):
            results.append(compare(given.snug, folder, seed, train, val))
            ours, theirs, held = (f"{100 * value:.2f} %" for value in results[-1])
            print(f"{seed:4} {ours:>8} {theirs:>8}  {held}", flush=True)
    ours, theirs, _ = (statistics.mean(column) for column in zip(*results))
    print(f"mean {100 * ours:.2f} % {100 * theirs:.2f} %")
    # Of 400 samples: one, for the rounding of the last bits.
    agree = all(abs(row[0] - row[2]) < 1.5 / SAMPLES["val"] for row in results)
    if not agree:
        print("PyTorch finds another accuracy for snug's weights")
    return 0 if agree and abs(ours - theirs) < 0.03 else 1


if __name__ == "__main__":
    sys.exit(main())
