"""The fixes by name."""

from __future__ import annotations

import importlib
from typing import Any

from snug_fixes import calls
from snug_fixes.tell import tell

#: Name -> module of this package. Those without one are applied before Python starts.
FIXES = {
    # The order is that of wrappers: what stands first is outermost.
    "mixed-precision": "mixed_precision",
    "batch-in-pieces": "batch_in_pieces",
    "offload": "offload",
    "checkpoint": "checkpoint",
    "compiled-plan": "compiled_plan",
    "loss-in-pieces": "loss_in_pieces",
    "early-update": "early_update",
    "lean-optimizer": "lean_optimizer",
    "release": "release",
}
BEFORE_START = {"allocator"}

_applied: list[Any] = []


def check(wanted: list[dict[str, Any]]) -> None:
    for one in wanted:
        name = one.get("fix")
        if name not in FIXES and name not in BEFORE_START:
            known = ", ".join(sorted({*FIXES, *BEFORE_START}))
            raise ValueError(f"no fix is called {name!r}; there are {known}")


def apply(torch: Any, wanted: list[dict[str, Any]]) -> None:
    check(wanted)
    for name, module in FIXES.items():
        for one in wanted:
            if one["fix"] != name:
                continue
            fix = importlib.import_module(f"snug_fixes.{module}")
            _applied.append(fix)
            try:
                fix.install(torch, {key: value for key, value in one.items() if key != "fix"})
            except Exception as error:
                tell(f"{name} is left out: {error!r}")
                fix.take_back(torch)


def take_back(torch: Any) -> None:
    for fix in reversed(_applied):
        fix.take_back(torch)
    _applied.clear()
    calls.take_back(torch)
