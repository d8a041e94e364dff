"""early-update: each parameter is updated as soon as its gradient is complete, and the gradient is
freed, so that no two gradients of a network live at the same time.

The program's own optimizer does it, with the settings that it has at that moment, one parameter
at a time; the program's step finds no gradients left, and does nothing. Exact, where the program
uses its gradients for nothing else: not with clipping by norm, gradients added up over several
backward passes, or a loss scaler. Those are noticed, and the fix steps back (before anything has
been updated) or stops the program with the reason.
"""

from __future__ import annotations

import copy
from typing import Any

from snug_fixes.tell import tell

FIDELITY = "exact"

_handles: list[Any] = []
_undo: list[Any] = []


class Refused(RuntimeError):
    """The program needs whole gradients: the fix cannot be used with it."""


def _refuse(what: str) -> None:
    raise Refused(
        f"snug: early-update cannot be used with this program: {what}. "
        "Run it without this fix (snug run --fixes LIST leaves it out)."
    )


class Updates:
    """The parameters of one optimizer, updated inside backward."""

    def __init__(self, torch: Any, optimizer: Any) -> None:
        self.torch = torch
        self.optimizer = optimizer
        self.has_failed = False
        self.updated: dict[int, dict[str, Any]] = {}  # since the last step, with the settings used
        step = type(optimizer).step
        self.step = getattr(step, "__wrapped__", step)  # without the hooks that count steps
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.requires_grad and parameter.is_leaf:
                    _handles.append(parameter.register_post_accumulate_grad_hook(self.at_gradient))

    def group_of(self, parameter: Any) -> dict[str, Any] | None:
        for group in self.optimizer.param_groups:
            if any(one is parameter for one in group["params"]):
                return group
        return None

    def at_gradient(self, parameter: Any) -> None:
        """A gradient that cannot be used here is left to the program's own step."""
        try:
            one = None if self.has_failed else self.for_one(parameter)
        except Refused:
            raise
        except Exception as error:
            self.has_failed = True
            tell(f"early-update: left out from here on: {error!r}")
            return
        if one is not None:
            with self.torch.no_grad():
                self.step(one)
            parameter.grad = None

    def for_one(self, parameter: Any) -> Any:
        """The optimizer with |parameter| alone; None where it has it not."""
        group = self.group_of(parameter)
        if group is None or parameter.grad is None:
            return None
        if id(parameter) in self.updated:
            _refuse("it runs backward more than once before a step (gradients add up)")
        one = copy.copy(self.optimizer)
        settings = {key: value for key, value in group.items() if key != "params"}
        one.param_groups = [{**settings, "params": [parameter]}]
        self.updated[id(parameter)] = settings
        return one

    def at_step(self) -> None:
        """The program's own step: what it would have used has to be what was used."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                used = self.updated.get(id(parameter))
                if used is not None and any(used[key] != group.get(key) for key in used):
                    _refuse("it changes the optimizer's settings between backward and step")
        self.updated.clear()


def _refuse_in(torch: Any, owner: Any, name: str, what: str, updates: dict[int, Any]) -> None:
    original = getattr(owner, name, None)
    if original is None:
        return

    def refused(*args: Any, **kwargs: Any) -> Any:
        try:
            if any(one is not None and one.updated for one in updates.values()):
                _refuse(what)
        except Refused:
            raise
        except Exception as error:
            tell(f"early-update: {name} is not watched: {error!r}")
        return original(*args, **kwargs)

    setattr(owner, name, refused)
    _undo.append((owner, name, original))


def install(torch: Any, options: dict[str, Any]) -> None:
    updates: dict[int, Updates | None] = {}  # None: left as it is

    def before_step(optimizer: Any, args: Any, kwargs: Any) -> None:
        try:
            known = updates.get(id(optimizer))
            if known is not None:
                known.at_step()
        except Refused:
            raise
        except Exception as error:
            for one in updates.values():
                if one is not None:
                    one.updated.clear()
            tell(f"early-update: the optimizer's settings are not watched: {error!r}")

    def after_step(optimizer: Any, args: Any, kwargs: Any) -> None:
        # The first step is the program's own: until then nobody knows which optimizer has what.
        try:
            if id(optimizer) in updates:
                return
            updates[id(optimizer)] = None
            if isinstance(optimizer, torch.optim.LBFGS):
                tell("early-update: LBFGS needs all gradients at once; it is left as it is")
            else:
                updates[id(optimizer)] = Updates(torch, optimizer)
        except Exception as error:
            tell(f"early-update: {type(optimizer).__name__} is left as it is: {error!r}")

    from torch.optim.optimizer import (
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )

    _handles.append(register_optimizer_step_pre_hook(before_step))
    _handles.append(register_optimizer_step_post_hook(after_step))
    utils = torch.nn.utils
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        _refuse_in(torch, utils, name, "it clips gradients", updates)
        _refuse_in(torch, utils.clip_grad, name, "it clips gradients", updates)
    _refuse_in(torch, torch.amp.GradScaler, "unscale_", "it scales its loss", updates)
    _refuse_in(torch, torch.amp.GradScaler, "step", "it scales its loss", updates)


def take_back(torch: Any) -> None:
    for handle in _handles:
        handle.remove()
    for owner, name, original in _undo:
        setattr(owner, name, original)
    _handles.clear()
    _undo.clear()
