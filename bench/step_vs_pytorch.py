#!/usr/bin/env python3
"""Times a training step of snug and of channels-last PyTorch in turn (A B A B ...), on the same
weights and samples: float32, SGD with momentum, batch 32 at 3x96x96, 2 threads.

The first step's losses must agree within 1e-4 before anything is timed (later ones drift apart:
fresh weights and random targets amplify rounding; tests/train/test_parity.c holds ten steps).
Prints the median step of each and their ratio, the median over the rounds. Needs torch,
torchvision and safetensors from PyPI and a release build: bench/step_vs_pytorch.py [MODEL ...]
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

THREADS, BATCH, SIZE, STEPS, ROUNDS = 2, 32, 96, 12, 5
os.environ["OMP_NUM_THREADS"] = str(THREADS)
warnings.filterwarnings("ignore")
import torch  # noqa: E402 # after the number of threads
import torchvision  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

STEP = pathlib.Path(__file__).resolve().parent.parent / "build" / "bin" / "step"
MODELS = ["mobilenet_v2", "resnet18", "efficientnet_b0"]


def make(name):
    net = getattr(torchvision.models, name)()
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torchvision.ops.StochasticDepth):
            module.p = 0.0
    return net.train()


def run_pytorch(name, state, x, target, steps):
    net = make(name)
    net.load_state_dict(state)
    net = net.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), 0.01, 0.9)
    losses, seconds = [], []
    for _ in range(steps):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    return losses, seconds


def run_snug(name, path, steps):
    out = subprocess.run(
        [STEP, path, name, str(steps), str(THREADS)], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in out.splitlines()]
    return [float(r[0]) for r in rows], [float(r[1]) for r in rows]


def compare(name, folder):
    torch.manual_seed(0)
    state = make(name).state_dict()
    x, target = torch.randn(BATCH, 3, SIZE, SIZE), torch.randint(1000, (BATCH,))
    tensors = {"w/" + k: v.clone() for k, v in state.items() if "num_batches" not in k}
    path = os.path.join(folder, name + ".safetensors")
    save_file({**tensors, "input": x, "target": target}, path)
    ours, theirs = run_snug(name, path, 1)[0][0], run_pytorch(name, state, x, target, 1)[0][0]
    if abs(ours - theirs) > 1e-4 * abs(theirs):
        sys.exit(f"{name}: losses differ: snug {ours}, PyTorch {theirs}")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        # The first steps of each warm caches up.
        ours.append(statistics.median(run_snug(name, path, STEPS)[1][3:]))
        theirs.append(statistics.median(run_pytorch(name, state, x, target, STEPS)[1][3:]))
    ratios = [a / b for a, b in zip(ours, theirs)]
    print(
        f"{name:18} snug {statistics.median(ours):.3f} s  PyTorch {statistics.median(theirs):.3f} s"
        f"  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def main():
    torch.set_num_threads(THREADS)
    print(f"torch {torch.__version__}, batch {BATCH}, 3x{SIZE}x{SIZE}, {THREADS} threads")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or MODELS:
            compare(name, folder)


if __name__ == "__main__":
    main()
