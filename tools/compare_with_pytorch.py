#!/usr/bin/env python3
"""Compares snug's training of exported networks with PyTorch's.

Each network is exported by both of PyTorch's exporters, in training and in evaluation mode; snug
plans it and trains it for ten steps from the same weights on the same data, without dropout and
stochastic depth, and the losses are held against PyTorch's. For one form a round trip follows:
weights as safetensors into PyTorch, as ONNX through onnx.checker and ONNX Runtime, and a second run
that goes on from the exported weights.

Needs torch, torchvision, onnx, onnxruntime, onnxscript and safetensors from PyPI:
    tools/compare_with_pytorch.py [--snug build/bin/snug] [--only NAME,...] [--keep FOLDER]
"""
import argparse
import contextlib
import copy
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
import torchvision.models as zoo
from torch import nn
from torch.fx.experimental.optimization import fuse

try:
    from safetensors.torch import load_file, save_file
except ImportError:  # the format is a length, JSON, bytes
    import struct

    NAMES = {torch.float32: "F32", torch.int64: "I64"}

    def save_file(tensors, path):
        header, at, data = {}, 0, b""
        for name, tensor in tensors.items():
            raw = tensor.contiguous().numpy().tobytes()
            header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                            "data_offsets": [at, at + len(raw)]}
            at += len(raw)
            data += raw
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)

    def load_file(path):
        raw = pathlib.Path(path).read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        types = {text: dtype for dtype, text in NAMES.items()}
        tensors = {}
        for name, entry in json.loads(raw[8:8 + length]).items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            data = bytearray(raw[8 + length + begin:8 + length + end])
            tensor = torch.frombuffer(data, dtype=types[entry["dtype"]]) if data else torch.empty(0)
            tensors[name] = tensor.reshape(entry["shape"])
        return tensors

# Threads that spin while they wait starve each other on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
STEPS, MOMENTUM, CLASSES, SEED = 10, 0.9, 10, 1


class Block(nn.Sequential):
    def __init__(self, inputs, out):
        super().__init__(nn.Conv2d(inputs, out, 3, padding=1, bias=False), nn.BatchNorm2d(out),
                         nn.ReLU(), nn.Conv2d(out, out, 3, padding=1), nn.BatchNorm2d(out),
                         nn.ReLU())


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down1, self.down2, self.middle = Block(3, width), Block(width, 2 * width), Block(
            2 * width, 4 * width)
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.block2, self.block1 = Block(4 * width, 2 * width), Block(3 * width, width)
        self.out = nn.Conv2d(width, CLASSES, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        x = self.block2(torch.cat([self.up2(self.middle(self.pool(b))), b], 1))
        return self.out(self.block1(torch.cat([self.up1(x), a], 1)))


class Transformer(nn.Module):
    """A class for each token."""

    def __init__(self, words=50, width=32, length=12):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Parameter(torch.randn(1, length, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True,
                                           norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(width, CLASSES)

    def forward(self, tokens):
        return self.out(self.layers(self.words(tokens) + self.places))


# name: (network, input: image size or tokens, batch, learning rate). Rates are such that PyTorch's
# own float32 and float64 agree far better than the comparison's tolerance.
NETWORKS = {
    "mobilenet_v2": (lambda: zoo.mobilenet_v2(num_classes=CLASSES), 64, 4, 1e-6),
    "resnet18": (lambda: zoo.resnet18(num_classes=CLASSES), 64, 4, 1e-5),
    "resnet50": (lambda: zoo.resnet50(num_classes=CLASSES), 64, 4, 1e-6),
    "efficientnet_b0": (lambda: zoo.efficientnet_b0(num_classes=CLASSES), 64, 4, 1e-6),
    "vgg11_bn": (lambda: zoo.vgg11_bn(num_classes=CLASSES), 224, 4, 1e-5),
    "googlenet": (lambda: zoo.googlenet(num_classes=CLASSES, aux_logits=False, init_weights=False),
                  64, 4, 1e-6),
    "densenet121": (lambda: zoo.densenet121(num_classes=CLASSES), 64, 4, 1e-6),
    "shufflenet_v2_x1_0": (lambda: zoo.shufflenet_v2_x1_0(num_classes=CLASSES), 64, 4, 1e-6),
    "squeezenet1_1": (lambda: zoo.squeezenet1_1(num_classes=CLASSES), 64, 4, 1e-4),
    "mnasnet1_0": (lambda: zoo.mnasnet1_0(num_classes=CLASSES), 64, 4, 1e-6),
    "convnext_tiny": (lambda: zoo.convnext_tiny(num_classes=CLASSES), 64, 4, 1e-4),
    "vit_b_16": (lambda: zoo.vit_b_16(num_classes=CLASSES, image_size=64), 64, 4, 1e-4),
    "unet": (UNet, 32, 4, 1e-3),
    "transformer": (Transformer, None, 4, 1e-3),
}
FORMS = [(dynamo, training) for dynamo in (False, True) for training in (False, True)]


def without_dropping(net):
    for module in net.modules():
        if isinstance(module, (nn.Dropout, nn.MultiheadAttention)):
            setattr(module, "dropout" if hasattr(module, "dropout") else "p", 0.0)
        if type(module).__name__ == "StochasticDepth":
            module.p = 0.0
    return net


def make(name, dtype=torch.float32):
    build, size, batch, rate = NETWORKS[name]
    torch.manual_seed(SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = without_dropping(build())
    # Exporters make one of parameters that are equal.
    with torch.no_grad():
        for value in [*net.parameters(), *net.buffers()]:
            if value.is_floating_point():
                value.add_(torch.rand_like(value) * 0.01)
    net = net.to(dtype)
    generator = torch.Generator().manual_seed(SEED)
    if size is None:
        x = torch.randint(50, (batch, 12), generator=generator)
        target = torch.randint(CLASSES, (batch, 12), generator=generator)
    else:
        x = torch.randn(batch, 3, size, size, generator=generator).to(dtype)
        shape = (batch, size, size) if name == "unet" else (batch,)
        target = torch.randint(CLASSES, shape, generator=generator)
    return net, x, target, rate


def loss_of(net, x, target):
    logits = net(x)
    if logits.dim() == 3:  # (N, T, C)
        logits = logits.transpose(1, 2)
    return nn.functional.cross_entropy(logits, target)


def train(name, dtype=torch.float32, folded=False):
    """PyTorch's losses, and the trained network; |folded|: batch norm is part of convolutions."""
    net, x, target, rate = make(name, dtype)
    if folded:
        net = fuse(net.eval())
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), rate, MOMENTUM)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(net, x, target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, net


def export(net, x, path, dynamo, training):
    """With a dynamic batch. The weights are put back: tracing in training mode moves statistics."""
    state = copy.deepcopy(net.state_dict())
    net.train(training)
    mode = torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL
    quiet = contextlib.redirect_stdout(io.StringIO())
    with quiet, contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(net, (x,), path, dynamo=True, input_names=["input"],
                              output_names=["logits"], external_data=False, verbose=False, optimize=not training,
                              dynamic_shapes=({0: torch.export.Dim("batch")},))
        else:
            torch.onnx.export(net, (x,), path, dynamo=False, input_names=["input"],
                              output_names=["logits"], training=mode,
                              do_constant_folding=not training,
                              dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
    net.load_state_dict(state)
    put_back(path, state)


def put_back(path, state):
    """Tracing in training mode moves running statistics before they are written."""
    import onnx
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        value = state.get(tensor.name)
        if value is not None and value.dtype == torch.float32 and tensor.HasField("raw_data"):
            tensor.raw_data = value.contiguous().numpy().tobytes()
    onnx.save(model, path)


class Failed(Exception):
    pass


def run(arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def snug_losses(snug, model, data, rate, out, more=()):
    text = run([snug, "train", model, "--data", data, "--batch-size", NETWORKS_BATCH, "--json",
                "--epochs", STEPS, "--lr", repr(rate), "--momentum", MOMENTUM, "--weight-decay", 0,
                "--no-drop", "--no-eval", "--cost", "model", "--fixes", "free-early", "--out", out,
                *more])
    events = [json.loads(line) for line in text.splitlines()]
    done = next(e for e in events if e["event"] == "done")
    if done["planned_peak_bytes"] != done["measured_peak_bytes"]:
        raise Failed("the measured peak differs from the planned one")
    return [e["loss"] for e in events if e["event"] == "step"]


NETWORKS_BATCH = 4


def is_folded(net, path):
    """Whether the exporter made batch norms part of convolutions."""
    import onnx
    nodes = onnx.load(path, load_external_data=False).graph.node
    kept = sum(node.op_type == "BatchNormalization" for node in nodes)
    return kept < sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def distance(found, expected):
    return max(abs(a - b) / abs(b) for a, b in zip(found, expected, strict=True))


def round_trip(snug, name, model, data, folder, expected_net):
    """Distances of the outputs of what was exported from those of PyTorch's network."""
    import onnx
    import onnxruntime
    net, x, target, rate = make(name)
    weights, file = folder / "back.safetensors", folder / "back.onnx"
    run([snug, "export", folder / "run", "--format", "safetensors", "--out", weights])
    run([snug, "export", folder / "run", "--format", "onnx", "--out", file])
    tensors = load_file(weights)
    state = net.state_dict()  # MNASNet asks for a version beside the tensors
    unexpected = [key for key in tensors if key not in state]
    lost = [key for key in state if key not in tensors and not key.endswith("num_batches_tracked")]
    state.update(tensors)
    net.load_state_dict(state)
    if lost or unexpected:
        raise Failed(f"state_dict: missing {lost[:3]}, unexpected {unexpected[:3]}")
    net.eval()
    with torch.no_grad():
        output = net(x)
    scale = output.abs().max().item()
    onnx.checker.check_model(onnx.load(file), full_check=True)
    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    ours = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
    expected_net.eval()
    with torch.no_grad():
        trained = expected_net(x)
    resumed = snug_losses(snug, model, data, rate, folder / "resumed", ["--init", weights])
    again = snug_losses(snug, file, data, rate, folder / "again")
    net.train()
    first = loss_of(net, x, target).item()
    return {"runtime": (ours - output).abs().max().item() / scale,
            "pytorch": (trained - output).abs().max().item() / scale,
            "resume": max(abs(resumed[0] - first) / first, abs(again[0] - first) / first)}


def compare(snug, name, folder, forms):
    net, x, target, rate = make(name)
    torch.set_num_threads(2)
    expected, trained = train(name)
    own = distance(expected, train(name, torch.float64)[0])
    data = folder / "data.safetensors"
    save_file({"input": x, "target": target}, data)
    print(f"{name}: loss {expected[0]:.4f} to {expected[-1]:.4f}, PyTorch's float32 from its "
          f"float64: {own:.1e}", flush=True)
    failed = 0
    trip = "none"
    for dynamo, training in forms:
        label = f"{'dynamo' if dynamo else 'script'}, {'training' if training else 'evaluation'}"
        model = folder / f"{name}-{'dynamo' if dynamo else 'script'}-{'train' if training else 'eval'}.onnx"
        try:
            export(net, x, model, dynamo, training)
            run([snug, "plan", model, "--batch-size", NETWORKS_BATCH, "--cost", "model"])
            found = snug_losses(snug, model, data, rate, folder / "run")
            folded = is_folded(net, model)
            if folded:
                label += " (batch norm folded)"
            off = distance(found, train(name, folded=True)[0] if folded else expected)
            good = off < 1e-3
            more = ""
            if training:  # nothing is folded: the names are all there
                trip = round_trip(snug, name, model, data, folder, trained)
                good = good and max(trip.values()) < 1e-4
                more = "; round trip " + ", ".join(f"{k} {v:.1e}" for k, v in trip.items())
            print(f"  {'ok  ' if good else 'FAIL'} {label}: losses within {off:.1e}{more}",
                  flush=True)
            failed += not good
        except Exception as error:  # one form's failure is a line of the report
            text = " ".join(str(error).split())
            print(f"  FAIL {label}: {type(error).__name__}: {text[:300]}", flush=True)
            failed += 1
    return failed


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "build" / "bin" / "snug"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snug", default=default, type=pathlib.Path)
    parser.add_argument("--only", help="networks, by comma")
    parser.add_argument("--forms", help="of 0 to 3: script evaluation, training, dynamo likewise")
    parser.add_argument("--keep", help="a folder for the files")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else list(NETWORKS)
    forms = [FORMS[int(i)] for i in given.forms] if given.forms else FORMS
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            folder = pathlib.Path(given.keep or temporary) / name
            folder.mkdir(parents=True, exist_ok=True)
            failed += compare(given.snug.resolve(), name, folder, forms)
    print(f"{failed} failures" if failed else "all agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
