"""lean-optimizer: Adam and AdamW keep their moments in 8 bits, in bitsandbytes' implementation.

The program's own call of torch.optim.Adam or AdamW makes bitsandbytes' optimizer of the same
formula and settings; options that it does not have (amsgrad, maximize, differentiable) leave the
optimizer as it is. Changes precision. Needs the package bitsandbytes (or torchao) where the
program runs.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from snug_fixes.tell import tell

FIDELITY = "precision"
REFUSED = ("amsgrad", "maximize", "differentiable", "capturable")
KEPT = ("lr", "betas", "eps", "weight_decay")

_undo: list[tuple[Any, str, Any]] = []


def implementation() -> str:
    """Which package has 8-bit state here: "bitsandbytes", "torchao", or "" for none."""
    for name in ("bitsandbytes", "torchao"):
        if importlib.util.find_spec(name) is not None:
            return name
    return ""


def _lean_classes() -> dict[str, Any]:
    if implementation() == "bitsandbytes":
        module = importlib.import_module("bitsandbytes").optim
    else:
        module = importlib.import_module("torchao.optim")
    return {"Adam": module.Adam8bit, "AdamW": module.AdamW8bit}


def _replaced(original: Any, lean: Any) -> Any:
    class Lean(original):  # type: ignore[misc, valid-type]
        """Made as |original|; is |lean|."""

        def __new__(cls, params: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                if cls is Lean and not args[1:] and not any(kwargs.get(one) for one in REFUSED):
                    if args:
                        kwargs["lr"] = args[0]
                    return lean(params, **{name: kwargs[name] for name in KEPT if name in kwargs})
                tell("lean-optimizer: an optimizer with options that 8-bit state lacks is left")
            except Exception as error:
                tell(f"lean-optimizer: an optimizer is left as it is: {error!r}")
            return super().__new__(cls)

    Lean.__name__ = original.__name__
    Lean.__qualname__ = original.__qualname__
    return Lean


def install(torch: Any, options: dict[str, Any]) -> None:
    if not implementation():
        tell("lean-optimizer: neither bitsandbytes nor torchao is installed; it is left out")
        return
    state: dict[str, Any] = {}

    def replace(name: str) -> None:
        original = getattr(torch.optim, name)
        if not state:
            state.update(_lean_classes())
        setattr(torch.optim, name, _replaced(original, state[name]))
        _undo.append((torch.optim, name, original))

    for name in ("Adam", "AdamW"):
        replace(name)


def take_back(torch: Any) -> None:
    for owner, name, original in _undo:
        setattr(owner, name, original)
    _undo.clear()
