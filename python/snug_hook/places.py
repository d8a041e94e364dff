"""Where the program's own code stands: the innermost frame outside of libraries."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from types import FrameType

from snug_hook import standins
from snug_hook.guard import guarded

HOOK = os.path.dirname(os.path.abspath(__file__)) + os.sep
LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep

_callback: object = None  # ctypes frees a callback that nobody holds


def is_own(path: str) -> bool:
    """Whether |path| is a file of the program's, not of Python's, a package's or the hook's."""
    if path.startswith((LIBRARY, HOOK, "<frozen", "<string>")):
        return False
    return "/site-packages/" not in path and "/dist-packages/" not in path


def innermost(frame: FrameType | None) -> str:
    """ "FILE:LINE" of the program's own code in |frame| or its callers; "" where there is none."""
    while frame is not None:
        path = frame.f_code.co_filename
        if is_own(path):
            return f"{path}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def own_line() -> str:
    """The program's line that led here. A thread of autograd's has no frames of its own: what it
    does, the main thread waits for."""
    place = innermost(sys._getframe(1))
    if not place:
        place = innermost(sys._current_frames().get(threading.main_thread().ident or 0))
    return place


@guarded
def _write_place(buffer: int, size: int) -> None:
    if size > 0:
        text = own_line().encode("utf-8", "replace")[: size - 1] + b"\0"
        ctypes.memmove(buffer, text, len(text))


@guarded
def tell_reads() -> None:
    """Lets the stand-ins ask where a number that no kernel made is read."""
    global _callback
    if standins.driver is None:
        return
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)
    _callback = kind(_write_place)
    standins.driver.snug_standin_on_read(_callback)
