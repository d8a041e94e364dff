"""Steps on the CPU, kept the first time, and the second time, with fixes, compared.

`snug fit --verify N` runs the program without a card: once as it is ("keep"), once with the fixes
("compare"), from the same seeds. Of each step are kept: the values that backward passes begin with
(losses), and the gradients that the optimizers find; of the last also the weights, the buffers of
the networks that learn, and random state. What was compared goes to verify.json in the folder of
both runs: the largest differences, relative to the norm of what there was, and the step from which
on there are any.

A fix may draw random numbers in another order (batch-in-pieces does): then dropout makes other
losses, as another seed would, and both runs are made once more without it ("still").

Only the process that makes the steps has any; of several ranks, each compares its own, and the
first tells.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
from functools import wraps
from typing import Any

from snug_hook import settings
from snug_hook.guard import guarded, tell_failure

SEED = 20200229
MOST_VALUES = 1 << 20  # of a backward pass's beginning, that are kept

_torch: Any = None
_losses: list[Any] = []  # since the last step
_optimizers: list[Any] = []  # in the order of their first steps
_step = 0
_found: dict[str, Any] = {}


def _file(step: int) -> str:
    rank = os.environ.get("RANK", "0")
    return os.path.join(settings.verify_folder, f"rank{rank}.step{step}.pt")


def _index(optimizer: Any) -> int:
    for i, known in enumerate(_optimizers):
        if known is optimizer:
            return i
    _optimizers.append(optimizer)
    return len(_optimizers) - 1


def _parameters(optimizer: Any) -> list[Any]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _copy(tensor: Any) -> Any:
    tensor = tensor.detach()
    if tensor.layout is not _torch.strided:
        tensor = tensor.to_dense()
    return tensor.to("cpu", copy=True)


def _bits(tensor: Any) -> Any:
    return tensor.contiguous().reshape(-1).view(_torch.uint8)


class Compared:
    """How far tensors of one kind are from those of the first run."""

    def __init__(self) -> None:
        self.count = self.missing = self.different = 0
        self.square = self.norm = 0.0  # of the difference, of what there was

    def add(self, first: Any, second: Any) -> None:
        if first is None or second is None:
            self.missing += (first is None) != (second is None)
            return
        if first.shape != second.shape:
            self.missing += 1
            return
        self.count += 1
        same = first.dtype == second.dtype and _torch.equal(_bits(first), _bits(second))
        self.different += not same
        a, b = first.double(), second.double()
        self.square += float((a - b).square().sum()) if not same else 0.0
        self.norm += float(a.square().sum())

    def summary(self) -> dict[str, Any]:
        relative = (self.square / self.norm) ** 0.5 if self.norm > 0 else self.square**0.5
        if relative != relative or relative == float("inf"):
            relative = -1.0  # not a number on one side alone
        return {
            "tensors": self.count,
            "different": self.different,
            "missing": self.missing,
            "relative": relative,
        }


def _note(kind: str, compared: Compared) -> None:
    """The largest difference of all steps, and the first step that has one."""
    now = compared.summary()
    known = _found.setdefault(kind, {**now, "first_step": 0})
    if now["different"] and not known["first_step"]:
        known["first_step"] = _step
    known["different"] = max(known["different"], now["different"])
    known["missing"] = max(known["missing"], now["missing"])
    if known["relative"] >= 0 and (now["relative"] < 0 or now["relative"] > known["relative"]):
        known["relative"] = now["relative"]


def _compare(kind: str, first: list[Any], second: list[Any]) -> None:
    compared = Compared()
    for i in range(max(len(first), len(second))):
        compared.add(first[i] if i < len(first) else None, second[i] if i < len(second) else None)
    _note(kind, compared)


def _write() -> None:
    if os.environ.get("RANK", "0") != "0":
        return
    path = os.path.join(settings.verify_folder, "verify.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump({"steps": _step, **_found}, file)
    os.replace(path + ".part", path)


@guarded
def _note_backward(tensors: Any) -> None:
    roots = [tensors] if isinstance(tensors, _torch.Tensor) else list(tensors)
    for root in roots:
        if root.numel() <= MOST_VALUES:
            _losses.append(_copy(root))


def _watched(backward: Any) -> Any:
    @wraps(backward)
    def call(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        _note_backward(tensors)
        return backward(tensors, *args, **kwargs)

    call._torchdynamo_disable = True
    return call


@guarded
def before_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """The gradients that the step finds; with it ends what belongs to the step."""
    global _step
    _step += 1
    _index(optimizer)
    gradients = [p.grad if p.grad is None else _copy(p.grad) for p in _parameters(optimizer)]
    now = {"losses": list(_losses), "gradients": gradients}
    _losses.clear()
    if settings.verify == "keep":
        _torch.save(now, _file(_step))
        return
    if not os.path.exists(_file(_step)):
        return
    first = _torch.load(_file(_step), weights_only=True)
    for kind in ("losses", "gradients"):
        _compare(kind, first[kind], now[kind])


def _buffers() -> dict[str, Any]:
    """Buffers of the networks that learn, by class and name; of networks alike, in their order."""
    kind = _torch.nn.Module
    modules = [one for one in gc.get_objects() if issubclass(type(one), kind)]
    inside = {id(child) for one in modules for child in one.children()}
    learning = {id(p) for optimizer in _optimizers for p in _parameters(optimizer)}
    counts: dict[str, int] = {}
    found = {}
    for network in modules:
        if id(network) in inside or not any(id(p) in learning for p in network.parameters()):
            continue
        name = type(network).__name__
        counts[name] = counts.get(name, 0) + 1
        for path, buffer in network.named_buffers():
            found[f"{name}#{counts[name]}.{path}"] = _copy(buffer)
    return found


@guarded
def finish() -> None:
    """The end, of the steps or of the program: weights and random state."""
    if _step == 0:
        return
    weights = [_copy(p) for optimizer in _optimizers for p in _parameters(optimizer)]
    buffers = _buffers()
    now = {"weights": weights, "random": [_torch.get_rng_state()], "steps": _step}
    now["buffers"] = buffers
    if settings.verify == "keep":
        _torch.save(now, _file(0))
        return
    first = _torch.load(_file(0), weights_only=True)
    for kind in ("weights", "random"):
        _compare(kind, first[kind], now[kind])
    known = first["buffers"]
    names = sorted({*known, *buffers})
    _compare("buffers", [known.get(one) for one in names], [buffers.get(one) for one in names])
    _found["steps_before"] = first["steps"]
    _write()


@guarded
def seed(torch: Any) -> None:
    random.seed(SEED)
    torch.manual_seed(SEED)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(SEED)


#: Functions of torch.nn.functional's.
DROPOUT = (
    *("dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("alpha_dropout", "feature_alpha_dropout"),
)


@guarded
def keep_still(torch: Any) -> None:
    """Dropout drops nothing from now on; that inside recurrent layers does."""
    functional = torch.nn.functional
    for name in DROPOUT:
        setattr(functional, name, lambda input, *_, **__: input)
    attention = functional.scaled_dot_product_attention

    def without(query: Any, key: Any, value: Any, mask: Any = None, *rest: Any, **more: Any) -> Any:
        more.pop("dropout_p", None)
        if "attn_mask" in more:
            mask = more.pop("attn_mask")
        return attention(query, key, value, mask, 0.0, *rest[1:], **more)

    functional.scaled_dot_product_attention = without


@guarded
def install(torch: Any) -> None:
    global _torch
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    _torch = torch
    try:
        import numpy  # noqa: F401  so that it can be seeded before the program imports it
    except ImportError:
        pass
    except Exception as error:
        tell_failure(install, error)
    seed(torch)
    if settings.still:
        keep_still(torch)
    torch.autograd.backward = _watched(torch.autograd.backward)
    register_optimizer_step_pre_hook(before_step)
