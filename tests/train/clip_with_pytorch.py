#!/usr/bin/env python3
"""`snug train` with clipped gradients and a group without weight decay against PyTorch.

    PYTHON tests/train/clip_with_pytorch.py SNUG [STAND-INS]     prints N passed, N failed

STAND-INS is build/lib/snug/stand-in: a PyTorch that was installed without NVIDIA's packages needs
them to be imported. The network `simple` trains five steps on one batch, from the same weights:
what `snug train` saves must be PyTorch's, and each step's norm what clip_grad_norm_() returns.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))


def load_standins(folder: str) -> None:
    from importlib.util import find_spec

    from snug_hook import settings, standins

    os.environ["SNUG_STANDIN"] = "gpus=0"
    settings.standins = folder
    spec = find_spec("torch")
    standins.prepare(list(spec.submodule_search_locations or []) if spec else [])


if len(sys.argv) > 2:
    load_standins(sys.argv[2])

import torch  # noqa: E402
from torch import nn  # noqa: E402

BATCH, STEPS, RATE = 16, 5, 0.05
TYPES = {torch.float32: "F32", torch.int64: "I64"}


class Simple(nn.Module):
    """snug's `simple`: a convolution, ReLU, max pooling, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, padding=1)
        self.fc = nn.Linear(64 * 8 * 8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(nn.functional.max_pool2d(self.conv(x).relu(), 2).flatten(1))


def save(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """A safetensors file."""
    header, at, parts = {}, 0, []
    for name, tensor in tensors.items():
        part = tensor.detach().contiguous()
        data = bytes(part.flatten().view(torch.uint8).tolist())
        header[name] = {
            "dtype": TYPES[part.dtype],
            "shape": list(part.shape),
            "data_offsets": [at, at + len(data)],
        }
        at += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def load(path: Path) -> dict[str, torch.Tensor]:
    """The float32 tensors of a safetensors file."""
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    out = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (8 + length + at for at in entry["data_offsets"])
        out[name] = torch.frombuffer(data[begin:end], dtype=torch.float32).reshape(entry["shape"])
    return out


# What is asked of snug, and of PyTorch: the optimizer, its decay, those without, and the clipping.
CASES: list[tuple[list[str], type, float, bool, float, float]] = [
    (["--clip-norm", "0.5"], torch.optim.SGD, 0.0, False, 0.5, 0),
    (["--clip-norm", "1000"], torch.optim.SGD, 0.0, False, 1000, 0),
    (["--clip-value", "0.01"], torch.optim.SGD, 0.0, False, 0, 0.01),
    (["--clip-norm", "0.5", "--clip-value", "0.01"], torch.optim.SGD, 0.0, False, 0.5, 0.01),
    (["--clip-norm", "0.5", "--micro-batch", "5"], torch.optim.AdamW, 0.1, False, 0.5, 0),
    (["--no-decay", "biases"], torch.optim.AdamW, 0.5, True, 0, 0),
    (["--no-decay", "biases", "--clip-norm", "0.5"], torch.optim.SGD, 0.5, True, 0.5, 0),
]


def with_pytorch(case: tuple, model: nn.Module, data: dict) -> list[float]:
    """Trains |model|; the norms of its gradients before they are clipped."""
    _, optimizer_class, decay, splits, clip_norm, clip_value = case
    biases = [p for p in model.parameters() if splits and p.ndim == 1]
    others = [p for p in model.parameters() if not splits or p.ndim > 1]
    groups = [{"params": others, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    optimizer = optimizer_class([g for g in groups if g["params"]], lr=RATE)
    norms = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data["input"]), data["target"]).backward()
        limit = clip_norm or float("inf")
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), limit)))
        if clip_value:
            nn.utils.clip_grad_value_(model.parameters(), clip_value)
        optimizer.step()
    return norms


def with_snug(snug: str, folder: Path, case: tuple) -> tuple[dict, list[float]]:
    run = folder / "run"
    command = [snug, "train", "simple", "--data", folder / "data.safetensors", "--out", run]
    command += ["--input", "3x16x16", "--classes", "10", "--init", folder / "init.safetensors"]
    command += ["--batch-size", BATCH, "--epochs", STEPS, "--lr", RATE, "--no-eval", "--overwrite"]
    command += ["--optimizer", case[1].__name__.lower(), "--weight-decay", case[2]]
    command += ["--momentum", 0] if case[1] is torch.optim.SGD else []
    command += ["--cost", "model", "--memory", "200MiB", "--gradient-norm", "--quiet", *case[0]]
    subprocess.run([str(word) for word in command], check=True)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    norms = [line["gradient_norm"] for line in lines if line["event"] == "step"]
    return load(run / "weights.safetensors"), norms


def check(snug: str, folder: Path, case: tuple) -> str:
    """What is wrong, or nothing."""
    torch.manual_seed(3)
    model = Simple()
    data = {"input": torch.randn(BATCH, 3, 16, 16), "target": torch.arange(BATCH) % 10}
    save(folder / "data.safetensors", data)
    save(folder / "init.safetensors", model.state_dict())
    weights, norms = with_snug(snug, folder, case)
    for own, theirs in zip(norms, with_pytorch(case, model, data), strict=True):
        if abs(own - theirs) > 1e-4 * theirs:
            return f"norms {norms}, PyTorch has {theirs}"
    for name, tensor in model.state_dict().items():
        off = float((weights[name] - tensor).abs().max() / tensor.abs().max())
        if off > 1e-4:
            return f"{name} is off by {off:.3g}"
    return ""


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            wrong = check(sys.argv[1], Path(folder), case)
            failed += bool(wrong)
            if wrong:
                print(f"FAIL: {' '.join(case[0])} with {case[1].__name__}: {wrong}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
