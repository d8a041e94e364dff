"""The table of `compare_with_pytorch.py --libraries`: small networks of transformers, diffusers,
timm and torchvision (library_networks.py), exported by both of PyTorch's exporters in training
mode, ten steps of SGD by snug and by PyTorch from the same weights on the same data.

Columns: `first`, the first loss from PyTorch's, relative; `losses`, the worst of ten; `update`, the
worst of all weights: what ten steps changed, less what they changed in PyTorch, by the norm of the
latter; `own`, how far PyTorch's float32 is from its float64 by the same measure, of that weight. A
weight whose gradient is zero but for rounding has updates that are rounding alone, and shows so by
its `own`: such a one passes where it is within three times of that, or within one rounding of the
weight itself. Buffers that a file does not tell from parameters are frozen, as the plan advises. A
network that PyTorch cannot export is no fault of snug's: "not exported".
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
import pathlib
import subprocess
import warnings
from typing import Any

import library_networks as networks
import torch

STEPS, MOMENTUM = 10, 0.9
FIRST, UPDATE, BESIDE = 1e-5, 1e-3, 3  # |BESIDE|: times PyTorch's own distance
ROUNDING = 2.0**-23
WIDTHS = {
    "network": 17,
    "exporter": 8,
    "rate": 7,
    "first": 7,
    "losses": 7,
    "update": 7,
    "own": 7,
    "verdict": 0,
}


class NotExported(Exception):
    pass


def train(name: str, rate: float, dtype: torch.dtype) -> tuple[list[float], dict[str, Any]]:
    """PyTorch's losses, and each parameter's update in float64."""
    net, inputs, target = networks.make(name)
    net = net.to(dtype).train()
    given = [x.to(dtype) if x.is_floating_point() else x for x in inputs.values()]
    target = target.to(dtype) if target.is_floating_point() else target
    before = {key: value.detach().double().clone() for key, value in net.named_parameters()}
    optimizer = torch.optim.SGD(net.parameters(), rate, MOMENTUM)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = networks.loss_of(name, net(*given), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {
        key: value.detach().double() - before[key] for key, value in net.named_parameters()
    }


def apart(found: torch.Tensor, expected: torch.Tensor, scale: float) -> float:
    return (found - expected).norm().item() / scale if torch.isfinite(found).all() else math.inf


class Expected:
    """PyTorch's ten steps in both precisions, at a rate at which its losses agree."""

    def __init__(self, name: str) -> None:
        self.rate = networks.NETWORKS[name].rate
        for _ in range(8):
            self.losses, updates = train(name, self.rate, torch.float32)
            exact, exactly = train(name, self.rate, torch.float64)
            self.updates = updates
            own = max(abs(a - b) / abs(b) for a, b in zip(self.losses, exact, strict=True))
            # An update below one rounding of the weights is measured by that.
            weights = dict(networks.make(name)[0].named_parameters())
            self.scales = {
                key: max(value.norm().item(), ROUNDING * weights[key].norm().item(), 1e-30)
                for key, value in updates.items()
            }
            self.own = {
                key: apart(value, updates[key], self.scales[key]) for key, value in exactly.items()
            }
            if own < 1e-5:
                break
            self.rate /= 10


def export(name: str, path: pathlib.Path, dynamo: bool) -> None:
    net, inputs, _ = networks.make(name)
    state = copy.deepcopy(net.state_dict())
    net.train()
    names = list(inputs)
    quiet = io.StringIO()
    options: dict[str, Any] = {"input_names": names, "output_names": ["out"], "dynamo": dynamo}
    if dynamo:
        batch = torch.export.Dim("batch")
        shapes = tuple({0: batch} for _ in names)
        options |= {
            "external_data": False,
            "verbose": False,
            "optimize": False,
            "dynamic_shapes": (shapes,) if net.names else shapes,
        }
    else:
        options |= {
            "training": torch.onnx.TrainingMode.TRAINING,
            "do_constant_folding": False,
            "dynamic_axes": {key: {0: "batch"} for key in [*names, "out"]},
        }
    with (
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(net, tuple(inputs.values()), path, **options)
        except Exception as error:  # whatever PyTorch says of a network of its own
            raise NotExported(" ".join(str(error).split())[:160]) from error
    import exported_networks

    exported_networks.put_back(path, state)


def aliases_of(net: torch.nn.Module) -> dict[str, list[str]]:
    """All names of each parameter, by the first: a file has one or more of them."""
    first, names = {id(value): key for key, value in net.named_parameters()}, {}
    for key, value in net.named_parameters(remove_duplicate=False):
        names.setdefault(first[id(value)], []).append(key)
    return names


def buffers_in(net: torch.nn.Module, path: pathlib.Path) -> list[str]:
    """Buffers beside running statistics, which TorchScript's files do not tell from parameters."""
    import onnx

    kept = {tensor.name for tensor in onnx.load(path).graph.initializer}
    return [
        key
        for key, value in net.named_buffers()
        if key in kept and value.is_floating_point() and "running_" not in key
    ]


def compare_form(
    tool: Any,
    snug: Any,
    name: str,
    dynamo: bool,
    folder: pathlib.Path,
    expected: Expected,
    row: dict[str, str],
) -> str:
    """Fills |row|; returns what is wrong."""
    data, model, run = folder / "data.safetensors", folder / "net.onnx", folder / "run"
    net, inputs, target = networks.make(name)
    export(name, model, dynamo)
    buffers = buffers_in(net, model)
    more = ["--freeze", ",".join(buffers)] if buffers and not dynamo else []
    tool.save_file({**inputs, "target": target}, data)
    losses = snug.losses(model, data, expected.rate, run, "--overwrite", *more)
    off = [abs(a - b) / abs(b) for a, b in zip(losses, expected.losses, strict=True)]
    snug.export(run, "safetensors", folder / "trained.safetensors")
    trained = tool.load_file(folder / "trained.safetensors")
    for key, names in aliases_of(net).items():
        there = [name for name in names if name in trained]
        if there:
            trained[key] = trained[there[0]]
    before = {key: value.detach().double() for key, value in net.named_parameters()}
    lost = [key for key in before if key not in trained and expected.updates[key].norm() > 0]
    found = {
        key: apart(trained[key].double() - value, expected.updates[key], expected.scales[key])
        for key, value in before.items()
        if key in trained
    }
    worst = max(
        found,
        key=lambda key: (
            found[key]
            if expected.own[key] < UPDATE
            else found[key] / max(expected.own[key], 1e-30) * 1e-6
        ),
    )
    row |= {
        "rate": f"{expected.rate:.0e}",
        "first": f"{off[0]:.1e}",
        "losses": f"{max(off):.1e}",
        "update": f"{found[worst]:.1e}",
        "own": f"{expected.own[worst]:.1e}",
    }
    wrong = [
        key
        for key, value in found.items()
        if not value <= max(UPDATE, BESIDE * expected.own[key])
        and not value * expected.scales[key] <= ROUNDING * before[key].norm().item()
    ]
    said = [] if off[0] <= FIRST else ["first loss"]
    if wrong:
        said.append(f"{len(wrong)} of {len(found)} weights, {wrong[0]} {found[wrong[0]]:.1e}")
    if lost:
        said.append(f"{len(lost)} weights without their name, {lost[0]}")
    return "; ".join(said)


def compare(tool: Any, program: pathlib.Path, names: list[str], folder: pathlib.Path) -> int:
    """Prints a row for each network and exporter; returns how many fail."""

    def show(row: dict[str, str]) -> None:
        print(
            " ".join(f"{row.get(key, '-'):{width}}" for key, width in WIDTHS.items()).rstrip(),
            flush=True,
        )

    show({key: key for key in WIDTHS})
    counts = {"ok": 0, "FAIL": 0, "not exported": 0}
    for name in names:
        snug, expected = tool.Snug(program, networks.NETWORKS[name].loss), None
        for dynamo in (False, True):
            row = {"network": name, "exporter": "dynamo" if dynamo else "script"}
            place = folder / name / row["exporter"]
            place.mkdir(parents=True, exist_ok=True)
            more = ""
            try:
                expected = expected or Expected(name)
                more = compare_form(tool, snug, name, dynamo, place, expected, row)
                verdict = "FAIL" if more else "ok"
            except NotExported as error:
                verdict, more = "not exported", str(error)
            except subprocess.TimeoutExpired:
                verdict, more = "FAIL", f"no end after {tool.TIME_LIMIT} s"
            except Exception as error:  # one row's failure is a line of the table
                verdict, more = (
                    "FAIL",
                    f"{type(error).__name__}: {' '.join(str(error).split())[:300]}",
                )
            counts[verdict] += 1
            row["verdict"] = f"{verdict} {more}".rstrip()
            show(row)
    print(", ".join(f"{count} {key}" for key, count in counts.items()))
    return counts["FAIL"]
