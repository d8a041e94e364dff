"""Forward passes that run again inside backward, with the same result and without a trace.

torch.utils.checkpoint (without reentrance) keeps random state and autocast. What it does not keep
is what a module changes as it runs: running statistics, vectors of spectral norm, counters, lists
of losses. Here a module's buffers that change are saved before the pass, put back before it runs
again, and left afterwards as they were found; so are plain attributes and lists (before.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from snug_fixes import before
from snug_fixes.calls import state


@contextmanager
def again(torch: Any, known: before.Before) -> Iterator[None]:
    """Around the pass that runs again."""
    now = known.put_buffers()
    attributes = before.attributes_of(known.part)
    before.put_attributes(known.attributes)
    state.recomputing += 1
    try:
        yield
    finally:
        state.recomputing -= 1
        before.put_attributes(attributes)
        with torch.no_grad():
            for (inner, name), value in zip(known.places, now):
                inner._buffers[name].copy_(value)


def checkpointed(
    torch: Any, call: Callable[..., Any], part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """call(*args, **kwargs), keeping nothing of it for backward but its inputs."""
    known = before.Before(torch, part)
    if known.first:
        # In backward there would be no way back any more: what can fail there, fails here.
        with again(torch, known):
            pass
        known.begin()
    outputs = torch.utils.checkpoint.checkpoint(
        call,
        *args,
        use_reentrant=False,
        preserve_rng_state=True,
        context_fn=lambda: (nullcontext(), again(torch, known)),
        **kwargs,
    )
    known.forget_unchanged()
    return outputs
