"""Ends a notebook: the cell that runs ends without an error, and those behind it are empty."""

from __future__ import annotations

import sys
from typing import Any

from snug_hook.guard import guarded


class Ended(BaseException):
    """Ends a cell. No program knows of it, so none catches it but by catching everything."""


def _shell() -> Any:
    """IPython's shell in a notebook's kernel; None elsewhere."""
    if "ipykernel" not in sys.modules:
        return None
    from IPython import get_ipython  # type: ignore[import-not-found]

    shell = get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


def _forgive(result: Any) -> None:
    if isinstance(result.error_in_exec, Ended):
        result.error_in_exec = None


@guarded
def end() -> bool:
    """Prepares the shell for Ended; False where there is no notebook."""
    shell = _shell()
    if shell is None:
        return False
    shell.set_custom_exc((Ended,), lambda *_, **__: None)
    shell.events.register("post_run_cell", _forgive)
    shell.input_transformers_cleanup.append(lambda lines: [])
    return True
