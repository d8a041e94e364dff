"""How a program ends: what was seen is written, and after the steps asked for it is ended.

    steps     SystemExit from the step that was the last; where the program catches it, the next
              step ends the process. A notebook's cells end without an error (notebook.py).
    time      the process ends when the time is up
    end       the program ended by itself
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any

from snug_hook import guard, settings, standins
from snug_hook.guard import guarded

WAIT_FOR_RANKS = 30.0  # seconds

torch: Any = None
_written_by = 0  # the process that has written its files
_ended = False


def _innermost(error: BaseException) -> str:
    from snug_hook.places import is_own

    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if is_own(frame.f_code.co_filename):
            place = f"{frame.f_code.co_filename}:{line}"
    return place


def describe(error: BaseException | None) -> dict[str, str] | None:
    if error is None or isinstance(error, SystemExit):
        return None
    names = [kind.__name__ for kind in type(error).__mro__]
    return {
        "type": type(error).__name__,
        "kind": "out-of-memory" if "OutOfMemoryError" in names else "",
        "message": str(error)[:10000],
        "place": _innermost(error),
    }


def rank(name: str) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() else -1


def peaks() -> list[dict[str, int]]:
    """PyTorch's own peaks of each card that this process used, in bytes."""
    if torch is None or not torch.cuda.is_initialized():
        return []
    found = []
    for device in range(torch.cuda.device_count()):
        reserved = torch.cuda.max_memory_reserved(device)
        if reserved:
            allocated = torch.cuda.max_memory_allocated(device)
            found.append({"device": device, "reserved": reserved, "allocated": allocated})
    return found


def architectures() -> list[str]:
    """What this PyTorch has kernels for: "sm_86" that of a card, "compute_90" to be compiled."""
    if torch is None or not torch.cuda.is_initialized():
        return []
    return torch.cuda.get_arch_list()


def said() -> list[str]:
    """What fixes had to say, where there are any."""
    tell = sys.modules.get("snug_fixes.tell")
    return list(tell.said) if tell is not None else []


def describe_process(why: str, error: BaseException | None, cannot: str) -> dict[str, object]:
    from snug_hook import imports, recording, steps

    return {
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "argv": sys.argv if hasattr(sys, "argv") else [],
        "python": ".".join(map(str, sys.version_info[:3])),
        "torch": standins.torch_version,
        "cuda": standins.cuda_version,
        "rank": rank("RANK"),
        "local_rank": rank("LOCAL_RANK"),
        "used": bool(torch is not None and torch.cuda.is_initialized()),
        "ended": why,
        "cannot": cannot,
        "error": describe(error),
        "import_failure": imports.failure,
        "others": imports.others,
        "steps": steps.iterations,
        "optimizers": steps.summary(),
        "peaks": peaks(),
        "architectures": architectures(),
        "failures": recording.failures,
        "recorded_allocations": recording.allocations,
        "problems": [*guard.problems, *said()],
    }


@guarded
def write_profile() -> None:
    if settings.profile:
        from snug_fixes import profile

        profile.write(settings.directory)


@guarded
def write_verification() -> None:
    if settings.verify:
        from snug_hook import verify

        verify.finish()


@guarded
def write(why: str, error: BaseException | None = None, cannot: str = "") -> None:
    """Writes what this process saw, once."""
    global _written_by
    if _written_by == os.getpid():
        return
    _written_by = os.getpid()
    if torch is not None:
        from snug_hook import recording

        recording.write(torch)
        write_profile()
        write_verification()
    if standins.driver is not None:
        standins.driver.snug_standin_flush()
    path = os.path.join(settings.directory, f"{os.getpid()}.python.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(describe_process(why, error, cannot), file)
    os.replace(path + ".part", path)


@guarded
def at_exit() -> None:
    write("end", getattr(sys, "last_value", None))


@guarded
def in_child() -> None:
    """A forked process begins with what its parent saw; it is none of its own."""
    from snug_hook import recording, steps

    recording.failures.clear()
    steps.iterations = 0
    if _catches_term and signal.getsignal(signal.SIGTERM) is on_term:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


_watches = False
_catches_term = False


def on_term(number: int, frame: object) -> None:
    """A rank that its launcher stops, since another failed: what it saw is written first."""
    write("stopped")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@guarded
def watch_exit() -> None:
    """Begins to wait for the program's end."""
    global _catches_term, _watches
    if _watches:
        return
    _watches = True
    atexit.register(at_exit)
    os.register_at_fork(after_in_child=in_child)
    is_main = threading.current_thread() is threading.main_thread()
    if rank("RANK") >= 0 and is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, on_term)
        _catches_term = True


def _expire() -> None:
    time.sleep(max(0.0, settings.deadline - time.time()))
    write("time")
    leave()


@guarded
def watch_clock() -> None:
    if settings.deadline > 0:
        threading.Thread(target=_expire, name="snug", daemon=True).start()


def leave() -> None:
    """Ends the process at once, with what it has printed printed."""
    for stream in (sys.stdout, sys.stderr):
        guarded(stream.flush)()
    os._exit(0)


def leave_if_ended() -> None:
    if _ended:
        leave()


@guarded
def wait_for_ranks() -> None:
    """A rank that ends early would take the others' rendezvous with it."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    if "fake" in str(distributed.get_backend()):
        return
    with open(os.path.join(settings.directory, f"{os.getpid()}.done"), "w"):
        pass
    end = time.monotonic() + WAIT_FOR_RANKS
    while time.monotonic() < end:
        done = sum(name.endswith(".done") for name in os.listdir(settings.directory))
        if done >= distributed.get_world_size():
            return
        time.sleep(0.05)


def finish(why: str) -> None:
    """Ends the program after its last step."""
    global _ended
    _ended = True
    write(why)
    wait_for_ranks()
    from snug_hook import notebook

    if notebook.end():
        raise notebook.Ended
    if threading.current_thread() is not threading.main_thread():
        leave()  # SystemExit would end this thread alone
    raise SystemExit(0)
