"""PyTorch's own record of its memory: the history, and what it looked like when it ran out."""

from __future__ import annotations

import os
from typing import Any

from snug_hook import marks, places, private, settings, standins, steps
from snug_hook.guard import guarded, tell

MOST_FAILURES = 50  # that are told
MOST_DUMPS = 8  # of failures that the program catches; the last is kept

#: Each time PyTorch ran out of memory, in order.
failures: list[dict[str, object]] = []

#: Allocations served by device when the recording was written: its last "alloc" is this one.
allocations: list[int] = []


def path_of(kind: str) -> str:
    return os.path.join(settings.directory, f"{os.getpid()}.{kind}")


def served(torch: Any) -> list[int]:
    """Allocations that PyTorch's allocator has served so far, by device."""
    if standins.driver is None:
        return []
    count = standins.driver.snug_standin_allocations
    count.restype = standins.ctypes.c_uint64
    return [int(count(device)) for device in range(torch.cuda.device_count())]


def dump(torch: Any, kind: str) -> bool:
    """Writes the snapshot to PID.|kind|.pickle, whole or not at all."""
    path = path_of(kind + ".pickle")
    try:
        private.dump_history(torch, path + ".part")
        os.replace(path + ".part", path)
    except OSError as error:
        tell(f"the recording could not be written: {error.strerror}")
        guarded(os.unlink)(path + ".part")
        return False
    return True


@guarded
def write(torch: Any) -> None:
    if torch.cuda.is_initialized():
        allocations[:] = served(torch)
        dump(torch, "recording")


@guarded
def _note_failure(torch: Any, device: int, asked: int, total: int, free: int) -> None:
    if len(failures) < MOST_FAILURES:
        failures.append(
            {
                "device": device,
                "requested_bytes": asked,
                "card_bytes": total,
                "free_bytes": free,
                "step": steps.iterations + 1,
                "phase": marks.phase(),
                "place": places.own_line(),
                "allocations": served(torch),
            }
        )
    if len(failures) <= MOST_DUMPS:
        dump(torch, "oom")


@guarded
def begin(torch: Any) -> None:
    """Called at the program's first use of a card."""
    from snug_hook import ending

    if not private.record_history(torch):
        tell("this PyTorch has no memory history: no recording")
    private.on_out_of_memory(torch, lambda *figures: _note_failure(torch, *figures))
    ending.watch_clock()
