"""Tells the stand-ins what the program is at: backward passes and evaluations.

Forward passes need no mark: they are what is left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from snug_hook import places, standins
from snug_hook.guard import guarded, tell_failure

#: What has begun and not ended, innermost last.
current: list[str] = []


@guarded
def mark(what: str, begins: bool) -> None:
    """Tells that |what| begins, at the program's line, or ends."""
    if standins.driver is None:
        return
    if begins:
        current.append(what)
    elif what in current:
        current.remove(what)
    text = f"{what} begin {places.own_line()}" if begins else f"{what} end"
    standins.driver.snug_standin_mark(text.strip().encode("utf-8", "replace"))


def phase() -> str:
    """What the program is at, in the report's words."""
    return current[-1] if current else "forward"


class Outermost:
    """Marks |what| around the outermost of nested calls in a thread."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.thread = threading.local()

    @guarded
    def enter(self) -> None:
        depth = getattr(self.thread, "depth", 0)
        self.thread.depth = depth + 1
        if depth == 0 and threading.current_thread() is threading.main_thread():
            mark(self.what, True)

    @guarded
    def leave(self) -> None:
        self.thread.depth -= 1
        if self.thread.depth == 0 and threading.current_thread() is threading.main_thread():
            mark(self.what, False)


def marked(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """|function| between the marks of |what|."""
    around = Outermost(what)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            around.enter()
        except Exception as error:
            tell_failure(call, error)
        try:
            return function(*args, **kwargs)
        finally:
            around.leave()

    call._torchdynamo_disable = True  # type: ignore[attr-defined]
    return call


def _mark_train(train: Callable[..., Any]) -> Callable[..., Any]:
    """Module.train, which also Module.eval calls, with a mark where a whole network changes.

    It calls itself for the modules inside: only the outermost call counts.
    """
    state = threading.local()

    @guarded
    def note(mode: bool) -> None:
        if threading.current_thread() is threading.main_thread():
            if bool(mode) == ("evaluation" in current):
                mark("evaluation", not mode)

    @wraps(train)
    def call(self: Any, mode: bool = True) -> Any:
        try:
            inside = getattr(state, "inside", False)
            state.inside = True
        except Exception as error:
            tell_failure(call, error)
            return train(self, mode)
        try:
            return train(self, mode)
        finally:
            state.inside = inside
            if not inside:
                note(mode)

    return call


@guarded
def install(torch: Any) -> None:
    torch.autograd.backward = marked(torch.autograd.backward, "backward")
    torch.autograd.grad = marked(torch.autograd.grad, "backward")
    torch.nn.Module.train = _mark_train(torch.nn.Module.train)
