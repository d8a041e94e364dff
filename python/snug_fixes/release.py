"""release: unused memory goes back to the card between phases (torch.cuda.empty_cache()).

After each step of an optimizer, or when a network changes to evaluation and back. Exact; it costs
the time to take the memory again. It helps where pieces of the cache are of sizes that the next
phase cannot use, and nowhere else.

Option "when": "step" or "evaluation".
"""

from __future__ import annotations

from typing import Any

from snug_fixes.tell import tell

FIDELITY = "exact"

_handles: list[Any] = []
_train: Any = None


def install(torch: Any, options: dict[str, Any]) -> None:
    global _train

    def empty(*_: Any) -> None:
        try:
            empty_cache()
        except Exception as error:
            tell(f"release: the cache stays: {error!r}")

    def empty_cache() -> None:
        if torch.cuda.is_initialized() and not torch.cuda.is_current_stream_capturing():
            torch.cuda.empty_cache()

    if options.get("when", "step") == "step":
        from torch.optim.optimizer import register_optimizer_step_post_hook

        _handles.append(register_optimizer_step_post_hook(empty))
        return
    original = _train = torch.nn.Module.train

    def train(self: Any, mode: bool = True) -> Any:
        try:
            before = self.training
        except Exception as error:
            tell(f"release: a change to evaluation is not seen: {error!r}")
            before = mode
        result = original(self, mode)
        if before != mode:
            empty()
        return result

    torch.nn.Module.train = train


def take_back(torch: Any) -> None:
    global _train
    for handle in _handles:
        handle.remove()
    _handles.clear()
    if _train is not None:
        torch.nn.Module.train = _train
    _train = None
