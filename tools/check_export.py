#!/usr/bin/env python3
"""Checks what `snug export` writes of the networks that snug has built in, and of what comes back.

Each network is trained for two steps and exported as safetensors and as ONNX. The safetensors
file is loaded into torchvision's network of the same name, strictly; the ONNX file passes
onnx.checker, and ONNX Runtime's outputs are held against PyTorch's, and the loss that follows
from them against what `snug eval` says. The ONNX file is then a MODEL itself: planned, trained
for a step at a rate that moves nothing, evaluated, exported again and compared with what it came
from.

Needs torch, torchvision, onnx and onnxruntime from PyPI:
    tools/check_export.py [--snug build/bin/snug] [--all | --only NAME,...]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import numpy  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from compare_with_pytorch import load_file, save_file  # noqa: E402

import onnx  # noqa: E402

TOLERANCE, CLASSES, SIZE, SAMPLES = 1e-4, 10, 64, 8
ONE_OF_EACH = (
    "simple,mobilenet_v2,mobilenet_v3_small,mobilenet_v3_large,efficientnet_b0,resnet18,"
    "resnet50,vgg11,vgg11_bn,googlenet,unet"
).split(",")


class Failed(Exception):
    pass


def snug(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(
            f"snug {' '.join(map(str, arguments))}: exit {done.returncode}: "
            f"{done.stderr.strip()[-300:]}"
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def distance(a, b):
    return float(numpy.abs(a - b).max() / max(1.0, float(numpy.abs(b).max())))


def hold(what, found):
    if not found <= TOLERANCE:
        raise Failed(f"{what}: {found:.1e} apart")
    return f"{what} {found:.1e}"


def torch_outputs(name, weights, inputs):
    """None where torchvision has no such network."""
    if not hasattr(torchvision.models, name):
        return None
    more = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    net = getattr(torchvision.models, name)(num_classes=CLASSES, **more)
    net.load_state_dict(weights, strict=True)
    with torch.no_grad():
        return net.eval()(torch.from_numpy(inputs)).numpy()


def runtime_outputs(path, inputs):
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    whole = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    single = session.run(None, {session.get_inputs()[0].name: inputs[:1]})[0]
    if distance(single, whole[:1]) > TOLERANCE:
        raise Failed("ONNX Runtime's outputs depend on the batch size")
    return whole


def eval_loss(program, run, data):
    events = snug(program, "eval", run, "--data", data, "--json")
    return [e for e in events if e["event"] == "eval"][-1]["loss"]


def check(program, name, folder):
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randn(SAMPLES, 3, SIZE, SIZE, generator=generator)
    per_pixel = (SIZE, SIZE) if name == "unet" else ()
    classes = 2 if name == "unet" else CLASSES
    targets = torch.randint(classes, (SAMPLES, *per_pixel), generator=generator)
    data = folder / "data.safetensors"
    save_file({"input": inputs, "target": targets}, data)
    first = folder / "first"
    common = ("--data", data, "--batch-size", 4, "--cost", "model", "--no-eval", "--json")
    snug(
        program,
        "train",
        name,
        "--classes",
        classes,
        "--input",
        f"3x{SIZE}x{SIZE}",
        "--max-steps",
        2,
        "--lr",
        0.001,
        "--out",
        first,
        *common,
    )
    weights, model = folder / "weights.safetensors", folder / "model.onnx"
    snug(program, "export", first, "--out", weights)
    snug(program, "export", first, "--format", "onnx", "--out", model)

    told = []
    outputs = runtime_outputs(model, inputs.numpy())
    expected = torch_outputs(name, load_file(weights), inputs.numpy())
    if expected is not None:
        told.append(hold("PyTorch", distance(outputs, expected)))
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(outputs), targets).item()
    ours = eval_loss(program, first, data)
    told.append(hold("eval", abs(ours - loss) / max(1, abs(loss))))

    second, again = folder / "second", folder / "again.onnx"
    snug(
        program,
        "plan",
        model,
        "--batch-size",
        4,
        "--cost",
        "model",
        "--json",
        "--input",
        f"3x{SIZE}x{SIZE}",
    )
    snug(
        program,
        "train",
        model,
        "--max-steps",
        1,
        "--lr",
        1e-30,
        "--weight-decay",
        0,
        "--freeze-bn",
        "--out",
        second,
        *common,
    )
    told.append(hold("imported", abs(eval_loss(program, second, data) - ours) / max(1, abs(ours))))
    snug(program, "export", second, "--format", "onnx", "--out", again)
    told.append(hold("again", distance(runtime_outputs(again, inputs.numpy()), outputs)))
    snug(program, "export", second, "--out", folder / "again.safetensors")
    before, after = load_file(weights), load_file(folder / "again.safetensors")
    lost = [key for key in before if key not in after and not key.endswith("num_batches_tracked")]
    if lost:
        raise Failed(f"weights without their names after import: {', '.join(lost[:4])}")
    return ", ".join(told)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snug", default="build/bin/snug")
    parser.add_argument("--only", help="names by comma")
    parser.add_argument("--all", action="store_true", help="every network, not one of each kind")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else ONE_OF_EACH
    if given.all:
        names = [event["model"] for event in snug(given.snug, "models", "--json")]
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"PASS {name}: {check(given.snug, name, pathlib.Path(folder))}", flush=True)
            except (Failed, RuntimeError, onnx.checker.ValidationError) as error:
                failed += 1
                print(f"FAIL {name}: {error}", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
