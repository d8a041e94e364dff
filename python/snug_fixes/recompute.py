"""Forward passes that run again inside backward, with the same result and without a trace.

torch.utils.checkpoint (without reentrance) keeps random state and autocast. What it does not keep
is what a module changes as it runs: running statistics, vectors of spectral norm, counters, lists
of losses. Here a module's buffers that change are saved before the pass, put back before it runs
again, and left afterwards as they were found; so are plain attributes and lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from snug_fixes.calls import state

PLAIN = (bool, int, float, str, type(None))

#: Buffers that a first pass was seen to change, by id of the module: the others are not saved
#: again.
_changing: dict[int, list[tuple[Any, str]]] = {}


def _buffers(part: Any) -> list[tuple[Any, str]]:
    return [
        (inner, name)
        for inner in part.modules()
        for name, buffer in inner._buffers.items()
        if buffer is not None
    ]


def _attributes(part: Any) -> list[tuple[Any, str, Any]]:
    """Plain attributes and lists of a module and those inside it, with their values."""
    found = []
    for inner in part.modules():
        for name, value in inner.__dict__.items():
            if isinstance(value, list):
                found.append((inner, name, list(value)))
            elif isinstance(value, PLAIN):
                found.append((inner, name, value))
    return found


def _put_attributes(saved: list[tuple[Any, str, Any]]) -> None:
    for inner, name, value in saved:
        now = inner.__dict__.get(name)
        if isinstance(value, list) and isinstance(now, list):
            now[:] = value
        elif now is not value:
            inner.__dict__[name] = value


def _is_statistic(torch: Any, inner: Any, name: str) -> bool:
    """Batch norm changes its running statistics without a new version of the tensors."""
    return isinstance(inner, torch.nn.modules.batchnorm._NormBase) and name.startswith("running_")


class Before:
    """What a part was before its forward pass."""

    def __init__(self, torch: Any, part: Any) -> None:
        self.torch = torch
        self.part = part
        places = _changing.get(id(part))
        self.first = places is None
        self.places = _buffers(part) if places is None else places
        self.versions = [inner._buffers[name]._version for inner, name in self.places]
        self.values = [inner._buffers[name].detach().clone() for inner, name in self.places]
        self.attributes = _attributes(part)

    def forget_unchanged(self) -> None:
        """After the pass: keeps only what it changed."""
        kept = [
            (place, value)
            for place, value, version in zip(self.places, self.values, self.versions)
            if place[0]._buffers[place[1]]._version != version or _is_statistic(self.torch, *place)
        ]
        self.places = [place for place, _ in kept]
        self.values = [value for _, value in kept]
        if self.first:
            _changing[id(self.part)] = self.places

    @contextmanager
    def again(self) -> Iterator[None]:
        """Around the pass that runs again."""
        buffers = [inner._buffers[name] for inner, name in self.places]
        with self.torch.no_grad():
            now = [buffer.detach().clone() for buffer in buffers]
            for buffer, value in zip(buffers, self.values):
                buffer.copy_(value)
        attributes = _attributes(self.part)
        _put_attributes(self.attributes)
        state.recomputing += 1
        try:
            yield
        finally:
            state.recomputing -= 1
            _put_attributes(attributes)
            with self.torch.no_grad():
                for buffer, value in zip(buffers, now):
                    buffer.copy_(value)


def checkpointed(
    torch: Any, call: Callable[..., Any], part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """call(*args, **kwargs), keeping nothing of it for backward but its inputs."""
    before = Before(torch, part)
    outputs = torch.utils.checkpoint.checkpoint(
        call,
        *args,
        use_reentrant=False,
        preserve_rng_state=True,
        context_fn=lambda: (nullcontext(), before.again()),
        **kwargs,
    )
    before.forget_unchanged()
    return outputs
