"""Fixes from inside a program, and `snug fit` from Python.

    import snug.torch
    report = snug.torch.fit(["python", "train.py"], gpu="RTX 3060")    in a process without a card
    snug.torch.apply("snug-fixes.json", model)                         where the training is

|fit| runs the program dry in processes of its own; nothing of it reaches this one.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from snug import SnugError, cells, places, run

__all__ = ["apply", "fit", "take_back", "SnugError"]

ALLOCATOR = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")


def _fixes() -> Any:
    folder = places.packages()
    if folder not in sys.path:
        sys.path.append(folder)
    import snug_fixes

    return snug_fixes


def _read(fixes: str | os.PathLike[str] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(fixes, list):
        return fixes
    with open(fixes, encoding="utf-8") as file:
        found = json.load(file)
    wanted = found.get("fixes") if isinstance(found, dict) else found
    if not isinstance(wanted, list):
        raise ValueError(f"{os.fspath(fixes)!r} has no list called \"fixes\"")
    return wanted


def _check_modules(wanted: list[dict[str, Any]], model: Any) -> None:
    """Names of modules begin with their network's class."""
    kind = type(model).__name__
    for one in wanted:
        names = one.get("modules", [])
        mine = [name for name in names if name.split(".")[0].split("#")[0] == kind]
        parts = {name for name, _ in model.named_modules()}
        missing = [name for name in mine if name[len(kind) + 1 :] not in parts and "#" not in name]
        if names and not mine:
            raise ValueError(
                f"{one['fix']}: its modules are of {names[0].split('.')[0]}, not {kind}"
            )
        if missing:
            raise ValueError(f"{one['fix']}: {kind} has no part {missing[0][len(kind) + 1 :]}")


def _set_allocator(torch: Any, settings: str) -> None:
    if torch.cuda.is_initialized():
        print(
            f"snug: allocator: left out, the card is in use already; start the program with "
            f"{ALLOCATOR[1]}={settings}",
            file=sys.stderr,
        )
        return
    for name in ALLOCATOR:
        os.environ[name] = settings


def apply(fixes: str | os.PathLike[str] | list[dict[str, Any]], model: Any = None) -> None:
    """Applies fixes, a file of `snug fit`'s or the list in it, to this process's PyTorch.

    Before the first step, and once. With |model| the names of modules are checked against it:
    ValueError where they are another's, and for fixes that there are not.
    """
    import torch

    wanted = _read(fixes)
    if model is not None:
        _check_modules(wanted, model)
    _fixes().apply(torch, wanted)
    for one in wanted:
        if one["fix"] == "allocator" and one.get("settings"):
            _set_allocator(torch, one["settings"])


def take_back() -> None:
    """Makes PyTorch what it was before apply()."""
    import torch

    _fixes().take_back(torch)


def _program_of(step: Callable[[], Any], folder: str) -> list[str]:
    """A command line that calls |step|, a function in a file or a notebook; what it needs is in
    |folder|."""
    name, module = step.__qualname__, step.__module__
    if module == "__main__" and name.isidentifier() and cells.shell() is not None:
        return cells.program_of(name, folder)
    file = inspect.getsourcefile(step)
    if "<" in name or "." in name or not file or not os.path.exists(file):
        raise ValueError(
            "fit() takes a command line, or a function without arguments at the top of a file, or "
            "in a notebook: "
            f"{name} is none, and cannot be called in a process of its own"
        )
    if module == "__main__":
        # Not as the main program: that would call fit() again.
        code = f"import runpy; runpy.run_path({file!r}, run_name='snug_step')[{name!r}]()"
    else:
        path = [entry for entry in sys.path if entry]
        code = f"import sys; sys.path[:0] = {path!r}\nfrom {module} import {name}; {name}()"
    return [sys.executable, "-c", code]


def fit(
    step: Sequence[str] | Callable[[], Any],
    gpu: str | None = None,
    memory: str | None = None,
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """The mildest fixes under which a program fits: `snug fit`'s report, as its JSON has it.

    |step|: a command line, or a function that trains for some steps on "cuda", at the top of a file
    or in a notebook, whose cells are then run again in a process of their own. |gpu|, |memory|: the
    card. |out|: the file that the fixes are written to, for apply(). Other options are the
    command's: steps=3, allow="exact", fixes="checkpoint,offload". Where nothing fits "fits" is
    false.
    """
    arguments = ["fit", "--json"]
    for name, value in {"gpu": gpu, "memory": memory, **options}.items():
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    with tempfile.TemporaryDirectory() as folder:
        program = _program_of(step, folder) if callable(step) else list(step)
        written = os.fspath(out) if out is not None else os.path.join(folder, "fixes.json")
        found = run([*arguments, "--out", written, "--", *program], accepted=(0, 3))
    if not found:
        raise SnugError("the program could not be run dry")
    return found[-1]
