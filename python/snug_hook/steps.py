"""Counts optimizer steps, and ends the program after those asked for.

An iteration is a step of the optimizer that stepped first; others (a GAN's second, or one for each
parameter) step within it. The program ends when every optimizer that it made has made the steps,
or, where one steps rarely or never, when another has made FAR times as many.
"""

from __future__ import annotations

import sys
import weakref
from functools import wraps
from typing import Any

from snug_hook import private, settings
from snug_hook.guard import guarded, tell_failure
from snug_hook.marks import mark

FAR = 4

#: Steps by optimizer, those that have not stepped included.
counts: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
_leader: weakref.ref[Any] | None = None

#: Iterations that have ended; 0 before the first step's end.
iterations = 0


def summary() -> list[dict[str, object]]:
    """Steps of each optimizer, those alike together, for the report."""
    alike: dict[tuple[str, int], int] = {}
    for optimizer, count in counts.items():
        key = (type(optimizer).__name__, count)
        alike[key] = alike.get(key, 0) + 1
    return [
        {"optimizer": name, "steps": count, "optimizers": number}
        for (name, count), number in alike.items()
    ]


def is_leader(optimizer: Any) -> bool:
    global _leader
    if _leader is None or _leader() is None:
        _leader = weakref.ref(optimizer)
    return _leader() is optimizer


def is_enough() -> bool:
    most = max(counts.values(), default=0)
    if settings.steps <= 0 or most < settings.steps:
        return False
    return min(counts.values()) >= settings.steps or most >= FAR * settings.steps


@guarded
def before_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    from snug_hook import ending

    ending.leave_if_ended()
    mark("step" if is_leader(optimizer) else "substep", True)


@guarded
def after_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    global iterations
    counts[optimizer] = counts.get(optimizer, 0) + 1
    leads = is_leader(optimizer)
    mark("step" if leads else "substep", False)
    iterations += leads
    if is_enough():
        from snug_hook import ending

        ending.finish("steps")
    elif settings.standins:
        private.finish_collectives(sys.modules["torch"])


@guarded
def install(torch: Any) -> None:
    from torch.optim.optimizer import (
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )

    make = torch.optim.Optimizer.__init__

    @wraps(make)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            counts.setdefault(self, 0)
        except Exception as error:
            tell_failure(init, error)
        make(self, *args, **kwargs)

    torch.optim.Optimizer.__init__ = init
    register_optimizer_step_pre_hook(before_step)
    register_optimizer_step_post_hook(after_step)
