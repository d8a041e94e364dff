"""PyTorch's private interfaces that the hook uses, all of them.

    torch.cuda._lazy_call          all versions tried, 2.1 to 2.15. Without it the recording begins
                                   at once, which makes a card's context before the program does.
    torch.cuda.memory._record_memory_history, ._snapshot
                                   2.1 and later; documented, but named as private. Without them
                                   there is no recording: peaks come from the stand-ins' books, and
                                   nothing is told by line, by kind or for other cards.
    torch._C._cuda_attach_out_of_memory_observer
                                   2.0 and later. Without it a failure that the program catches is
                                   not told.
    torch.distributed.distributed_c10d._world.pg_map,
    ProcessGroup._wait_for_pending_works
                                   2.1 and later. Without them what a collective holds is freed
                                   when NCCL's watchdog next wakes up, and two dry runs may differ.
    torch.__getattr__              1.13 and later: imports parts of PyTorch when they are asked for.
                                   Without it a snapshot takes as long as it likes.
"""

from __future__ import annotations

import gc
import inspect
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: Entries of the trace that are kept, the newest: it bounds the memory that a recording takes.
MOST_ENTRIES = 100_000


def at_first_use(torch: Any, function: Callable[[], None]) -> None:
    """Calls |function| when the program first uses a card, before its first allocation."""
    call = getattr(torch.cuda, "_lazy_call", None)
    if call is None:
        function()
    else:
        call(function)


def record_history(torch: Any) -> bool:
    """Turns PyTorch's memory history on, with Python's stacks of allocations alone."""
    record = getattr(torch.cuda.memory, "_record_memory_history", None)
    if record is None:
        return False
    options = {"context": "alloc", "stacks": "python", "max_entries": MOST_ENTRIES}
    known = inspect.signature(record).parameters
    record("all", **{name: value for name, value in options.items() if name in known})
    return True


@contextmanager
def without_compiler(torch: Any) -> Iterator[None]:
    """Keeps PyTorch from importing its compiler to look up a snapshot's stacks: where the program
    has not done so itself no frame is of compiled code, and it takes seconds and 80 MiB."""
    lazily = torch.__dict__.get("__getattr__")
    if lazily is None or "torch._inductor" in sys.modules:
        yield
        return

    def without(name: str) -> Any:
        if name == "_inductor":
            raise AttributeError(name)
        return lazily(name)

    torch.__getattr__ = without
    try:
        yield
    finally:
        torch.__getattr__ = lazily


def dump_history(torch: Any, path: str) -> None:
    """Writes PyTorch's memory snapshot to |path|."""
    collects = gc.isenabled()
    gc.disable()  # it would look through a hundred thousand fresh entries again and again
    try:
        with without_compiler(torch):
            snapshot = torch.cuda.memory._snapshot()
        with open(path, "wb") as file:
            pickle.dump(snapshot, file, protocol=4)
    finally:
        if collects:
            gc.enable()


def finish_collectives(torch: Any) -> None:
    """Waits until NCCL's watchdog, which wakes up ten times a second, has let go of the tensors of
    all collectives so far: the stand-in has long done them."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    world = getattr(sys.modules.get("torch.distributed.distributed_c10d"), "_world", None)
    for group, (backend, _) in list(getattr(world, "pg_map", {}).items()):
        wait = getattr(group, "_wait_for_pending_works", None)
        if "nccl" in backend and wait is not None:
            wait()


def on_out_of_memory(torch: Any, observer: Callable[[int, int, int, int], None]) -> None:
    """Has |observer| called with device, bytes asked for, the card's bytes and those free, before
    PyTorch raises its error."""
    attach = getattr(torch._C, "_cuda_attach_out_of_memory_observer", None)
    if attach is not None:
        attach(observer)
