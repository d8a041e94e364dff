"""checkpoint: chosen modules keep only their inputs, and compute their activations again in
backward.

Changes nothing in the results: random numbers, running statistics and counters are as without.
Costs one more forward pass of the chosen modules.

Option "modules": names of parts (parts.py).
"""

from __future__ import annotations

from typing import Any

from snug_fixes import before, calls, parts, recompute
from snug_fixes.tell import tell

FIDELITY = "exact"


def _chosen(module: Any, of: str, names: list[str]) -> list[Any]:
    kept = []
    for part in parts.chosen(module, of, names, "checkpoint"):
        if parts.has_hooks(part):
            tell(
                f"checkpoint: {type(part).__name__} has forward hooks, which would run again; "
                "it is left as it is"
            )
        else:
            kept.append(part)
    return kept


def install(torch: Any, options: dict[str, Any]) -> None:
    names = list(options.get("modules", []))

    def wrapper(call: Any, part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # In evaluation mode with gradients there is nothing to keep apart from training's case.
        return recompute.checkpointed(torch, call, part, args, kwargs)

    calls.install(torch)
    calls.wrap_parts("checkpoint", wrapper, lambda module, of: _chosen(module, of, names))


def take_back(torch: Any) -> None:
    before.changing.clear()
