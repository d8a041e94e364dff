"""What a part of a network was before its forward pass: buffers, plain attributes and lists, and on
request the state of random numbers. Put back, the pass can run again as if for the first time.
"""

from __future__ import annotations

import weakref
from typing import Any

from snug_fixes.tell import tell

PLAIN = (bool, int, float, str, type(None))

Place = tuple[Any, str]  # a module and the name of a buffer of its

#: Buffers that a first pass was seen to change, by id of the module, which may be another's by
#: now: the others are not saved again.
changing: dict[int, tuple[weakref.ref[Any], list[Place]]] = {}


def _buffers(part: Any) -> list[Place]:
    return [
        (inner, name)
        for inner in part.modules()
        for name, buffer in inner._buffers.items()
        if buffer is not None
    ]


def attributes_of(part: Any) -> list[tuple[Any, str, Any]]:
    """Plain attributes and lists of a module and those inside it, with their values."""
    found = []
    for inner in part.modules():
        for name, value in inner.__dict__.items():
            if isinstance(value, list):
                found.append((inner, name, list(value)))
            elif isinstance(value, PLAIN):
                found.append((inner, name, value))
    return found


def put_attributes(saved: list[tuple[Any, str, Any]]) -> None:
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
    """What |part| was when this was made."""

    def __init__(self, torch: Any, part: Any, random: bool = False) -> None:
        self.torch = torch
        self.part = part
        of, places = changing.get(id(part), (None, None))
        if of is not None and of() is not part:
            places = None
        self.first = places is None
        self.places = _buffers(part) if places is None else places
        self.values = [inner._buffers[name].detach().clone() for inner, name in self.places]
        self.attributes = attributes_of(part)
        self.random = self._random_states() if random else []
        self.begin()

    def begin(self) -> None:
        """The pass begins now: what changes from here on is its."""
        self.versions = [inner._buffers[name]._version for inner, name in self.places]

    def _random_states(self) -> list[Any]:
        cuda = self.torch.cuda
        states = [(None, self.torch.get_rng_state())]
        if cuda.is_initialized() and not cuda.is_current_stream_capturing():
            here = cuda.current_device()
            states.append((here, cuda.get_rng_state(here)))
        return states

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
            changing[id(self.part)] = (weakref.ref(self.part), self.places)

    def put_buffers(self) -> list[Any]:
        """Puts the buffers back, and returns what they were now."""
        with self.torch.no_grad():
            buffers = [inner._buffers[name] for inner, name in self.places]
            now = [buffer.detach().clone() for buffer in buffers]
            for buffer, value in zip(buffers, self.values):
                buffer.copy_(value)
        return now

    def put_back(self) -> None:
        """Everything, random state too: nothing of the pass is left."""
        for put in (self.put_buffers, lambda: put_attributes(self.attributes), self.put_random):
            try:
                put()
            except Exception as error:
                tell(f"{type(self.part).__name__} may not be what it was: {error!r}")

    def put_random(self) -> None:
        for device, state in self.random:
            if device is None:
                self.torch.set_rng_state(state)
            else:
                self.torch.cuda.set_rng_state(state, device)
