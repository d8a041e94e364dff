"""Calls of modules: one place through which all of them pass while a fix is on.

An outermost call is one of a module with parameters that is not made by another module, while
gradients are recorded: the network as the program sees it. Wrappers of a call are functions

    wrapper(call, module, args, kwargs) -> outputs

which call |call|(*args, **kwargs) for the module's own work. Those for outermost calls run
outside of those for parts. A part carries its wrappers' names in its __dict__ (plain texts:
copies and pickles of a module keep them and are no different otherwise).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from snug_fixes.tell import tell

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]

#: In a module's __dict__: the names of its wrappers, outermost first.
MARK = "_snug_fixes"


class State(threading.local):
    depth = 0  # calls of modules that are under way
    recomputing = 0  # forward passes that run again, inside backward


state = State()

_torch: Any = None
_original: Callable[..., Any] | None = None
_outermost: list[tuple[str, Wrapper]] = []
_of_parts: dict[str, Wrapper] = {}
_first_calls: list[Callable[[Any, str], None]] = []
_seen: dict[int, str] = {}  # id -> name of an outermost module
_names: dict[str, int] = {}


def name_of(module: Any) -> str:
    """How an outermost module is called: its class, with a number from the second of it on."""
    known = _seen.get(id(module))
    if known is not None:
        return known
    kind = type(module).__name__
    _names[kind] = _names.get(kind, 0) + 1
    name = kind if _names[kind] == 1 else f"{kind}#{_names[kind]}"
    _seen[id(module)] = name
    return name


def is_transparent(module: Any) -> bool:
    """Wrappers that are no network of their own: what they hold is."""
    return isinstance(module, _torch.nn.parallel.DistributedDataParallel)


def is_left_alone(module: Any) -> bool:
    """Compiled and scripted modules run code that no wrapper reaches."""
    if isinstance(module, _torch.jit.ScriptModule):
        return True
    return hasattr(module, "_orig_mod") or _torch.compiler.is_compiling()


def _is_outermost(module: Any) -> bool:
    if state.depth or state.recomputing or not _torch.is_grad_enabled():
        return False
    return next(module.parameters(), None) is not None


def _run(wrappers: list[Wrapper], call: Callable[..., Any], module: Any, args: Any, kwargs: Any):
    """|call| inside |wrappers|, the first outside."""
    for wrapper in reversed(wrappers):

        def wrapped(*a: Any, _call: Any = call, _wrapper: Wrapper = wrapper, **k: Any) -> Any:
            return _wrapper(_call, module, a, k)

        call = wrapped
    return call(*args, **kwargs)


def _begin(module: Any) -> None:
    """The first outermost call of |module|: its parts get their fixes."""
    name = name_of(module)
    for first in _first_calls:
        try:
            first(module, name)
        except Exception as error:
            tell(f"{name} is left as it is: {error!r}")


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    def own(*a: Any, **k: Any) -> Any:
        return _original(self, *a, **k)  # type: ignore[misc]

    if is_transparent(self) or is_left_alone(self):
        return own(*args, **kwargs)
    outermost = _is_outermost(self)
    if outermost and id(self) not in _seen:
        _begin(self)
    marks = self.__dict__.get(MARK, ()) if _torch.is_grad_enabled() else ()
    wrappers = [_of_parts[mark] for mark in marks if mark in _of_parts]
    if outermost:
        wrappers = [wrapper for _, wrapper in _outermost] + wrappers
    state.depth += 1
    try:
        return _run(wrappers, own, self, args, kwargs) if wrappers else own(*args, **kwargs)
    finally:
        state.depth -= 1


def install(torch: Any) -> None:
    """Has calls pass through here; once."""
    global _torch, _original
    if _original is None:
        _torch = torch
        _original = torch.nn.Module.__call__
        torch.nn.Module.__call__ = _call


def wrap_outermost(name: str, wrapper: Wrapper) -> None:
    _outermost.append((name, wrapper))


def wrap_parts(name: str, wrapper: Wrapper, chosen: Callable[[Any, str], list[Any]]) -> None:
    """|wrapper| around the modules that |chosen|(outermost module, its name) returns."""
    _of_parts[name] = wrapper

    def give(module: Any, of: str) -> None:
        for part in chosen(module, of):
            marks = part.__dict__.get(MARK, ())
            if name not in marks:
                part.__dict__[MARK] = (*marks, name)

    _first_calls.append(give)


def at_first_call(function: Callable[[Any, str], None]) -> None:
    """Has |function|(module, name) called before the first outermost call of each module."""
    _first_calls.append(function)


def take_back(torch: Any) -> None:
    global _original
    if _original is not None:
        torch.nn.Module.__call__ = _original
    _original = None
    for known in (_outermost, _of_parts, _first_calls, _seen, _names):
        known.clear()  # type: ignore[attr-defined]
