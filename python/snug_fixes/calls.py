"""Calls of modules: one place through which all of them pass while a fix is on.

An outermost call is one of a module with parameters that is not made by another module, while
gradients are recorded: the network as the program sees it. Wrappers of a call are functions

    wrapper(call, module, args, kwargs) -> outputs

which call |call|(*args, **kwargs) for the module's own work. Those for outermost calls run
outside of those for parts. A part carries its wrappers' names in its __dict__ (plain texts:
copies and pickles of a module keep them and are no different otherwise).

A wrapper that fails is left out from then on: what the module was before is put back, and its own
work is done as if there were none. An exception of the module's own is the program's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from snug_fixes.before import Before
from snug_fixes.tell import tell

Own = Callable[..., Any]
Wrapper = Callable[[Own, Any, tuple[Any, ...], dict[str, Any]], Any]

#: In a module's __dict__: the names of its wrappers, outermost first.
MARK = "_snug_fixes"


#: By this torch.utils.checkpoint ends a pass that runs again, where it has all it needs.
ENOUGH = "_StopRecomputationError"


class State(threading.local):
    depth = 0  # calls of modules that are under way
    recomputing = 0  # forward passes that run again, inside backward


state = State()

_torch: Any = None
_original: Callable[..., Any] | None = None
_outermost: dict[str, Wrapper] = {}
_of_parts: dict[str, Wrapper] = {}
_watching: set[str] = set()  # names of wrappers that change nothing
_first_calls: list[Callable[[Any, str], None]] = []
_seen: dict[int, str] = {}  # id -> name of an outermost module
_names: dict[str, int] = {}
_proven: set[tuple[str, int]] = set()  # wrapper and module that went well once
_failed: set[tuple[str, int]] = set()


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


class LeftAlone(Exception):
    """A wrapper's own reason to leave a module as it is."""


class Work:
    """A module's own work inside a wrapper: whether it was begun, and failed by itself. A wrapper
    may hold it until backward (checkpoint does); what it made is not held with it."""

    def __init__(self, call: Own) -> None:
        self.call = call
        self.begun = self.done = self.over = False
        self.outputs: Any = None  # of the last time
        self.error: BaseException | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.over:
            return self.call(*args, **kwargs)
        self.begun = True
        try:
            self.outputs = self.call(*args, **kwargs)
            self.done = True
            return self.outputs
        except BaseException as error:
            self.error = error
            raise


class Attempt:
    """One call through a wrapper: what the module was before it, where that may be needed."""

    def __init__(self, name: str, call: Own, module: Any) -> None:
        self.key = (name, id(module))
        self.watches = name in _watching
        self.work = Work(call)
        self.before: Before | None = None
        # What wrappers of parts do behind the work has gone well once, and is always the same.
        if not self.watches and (name in _outermost or self.key not in _proven):
            self.before = Before(_torch, module, random=True)

    def is_the_programs(self, error: Exception) -> bool:
        return error is self.work.error or isinstance(error, _torch.cuda.OutOfMemoryError)

    def may_step_back(self) -> bool:
        if self.before is not None or not self.work.begun:
            return True
        return self.watches and self.work.done


def _step_back(name: str, module: Any, before: Before | None, error: Exception) -> None:
    """|name| failed around |module|, which becomes what it was."""
    _failed.add((name, id(module)))
    why = str(error) if isinstance(error, LeftAlone) else repr(error)
    tell(f"{name}: {type(module).__name__} is left as it is: {why}")
    if before is not None:
        before.put_back()


def _guarded(name: str, wrapper: Wrapper, call: Own, module: Any) -> Own:
    """|call| inside |wrapper|."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            attempt = Attempt(name, call, module)
        except Exception as error:
            _step_back(name, module, None, error)
            return call(*args, **kwargs)
        try:
            outputs = wrapper(attempt.work, module, args, kwargs)
            _proven.add(attempt.key)
            return outputs
        except Exception as error:
            is_enough = type(error).__name__ == ENOUGH
            if is_enough or attempt.is_the_programs(error) or not attempt.may_step_back():
                raise
            _step_back(name, module, attempt.before, error)
            if attempt.watches and attempt.work.done:
                return attempt.work.outputs
        finally:
            attempt.work.over = True
            attempt.work.outputs = attempt.work.error = None
        return call(*args, **kwargs)

    return guarded


def _begin(module: Any) -> None:
    """The first outermost call of |module|: its parts get their fixes."""
    name = name_of(module)
    for first in _first_calls:
        try:
            first(module, name)
        except Exception as error:
            tell(f"{name} is left as it is: {error!r}")


def _wrapped(module: Any, own: Own) -> Own:
    """|own|, the module's own work, inside the wrappers that it has now."""
    if is_transparent(module) or is_left_alone(module):
        return own
    outermost = _is_outermost(module)
    if outermost and id(module) not in _seen:
        _begin(module)
    marks = module.__dict__.get(MARK, ()) if _torch.is_grad_enabled() else ()
    wrappers = [(name, _of_parts[name]) for name in marks if name in _of_parts]
    if outermost:
        wrappers = [*_outermost.items(), *wrappers]
    for name, wrapper in reversed(wrappers):
        if (name, id(module)) not in _failed:
            own = _guarded(name, wrapper, own, module)
    return own


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        work = None
        # Dynamo traces this function, where it may find nothing but the module's own call.
        if not _torch.compiler.is_compiling():
            deeper = 0 if is_transparent(self) else 1
            work = _wrapped(self, _original.__get__(self))  # type: ignore[union-attr]
    except Exception as error:
        tell(f"{type(self).__name__} is left as it is: {error!r}")
        deeper, work = 1, _original.__get__(self)  # type: ignore[union-attr]
    if work is None:
        return _original(self, *args, **kwargs)  # type: ignore[misc]
    state.depth += deeper
    try:
        return work(*args, **kwargs)
    finally:
        state.depth -= deeper


def install(torch: Any) -> None:
    """Has calls pass through here; once."""
    global _torch, _original
    if _original is None:
        _torch = torch
        _original = torch.nn.Module.__call__
        torch.nn.Module.__call__ = _call


def wrap_outermost(name: str, wrapper: Wrapper, watches: bool = False) -> None:
    """|watches|: it changes nothing of what it wraps."""
    _outermost[name] = wrapper
    if watches:
        _watching.add(name)


def wrap_parts(
    name: str,
    wrapper: Wrapper,
    chosen: Callable[[Any, str], list[Any]],
    watches: bool = False,
) -> None:
    """|wrapper| around the modules that |chosen|(outermost module, its name) returns."""
    _of_parts[name] = wrapper
    if watches:
        _watching.add(name)

    def give(module: Any, of: str) -> None:
        for part in chosen(module, of):
            marks = part.__dict__.get(MARK, ())
            if name not in marks:
                part.__dict__[MARK] = (*marks, name)

    _first_calls.append(give)


def take_back(torch: Any) -> None:
    global _original
    if _original is not None:
        torch.nn.Module.__call__ = _original
    _original = None
    for known in (_outermost, _of_parts, _watching, _first_calls, _seen, _names, _proven, _failed):
        known.clear()
