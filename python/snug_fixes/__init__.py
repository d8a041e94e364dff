"""Fixes for PyTorch programs, applied from outside: the program is not changed.

    snug-fixes.json   which fixes, with the modules that each concerns
    -> calls          every call of a module passes through one place (calls.py); the first call of
                      an outermost module gives its parts their fixes
    -> one file a fix checkpoint, offload, early_update, loss_in_pieces, batch_in_pieces,
                      mixed_precision, lean_optimizer, release: how it is applied, nothing else
    -> recompute      what has to be as it was when a forward pass runs again (recompute.py)

A fix leaves alone what it cannot handle, and says so once on standard error (tell.py); an exception
of a fix's own takes the program's own path. Standard library and PyTorch's public interfaces.
"""

from __future__ import annotations

from typing import Any

#: Whether the program runs dry: then nothing has to be kept in host memory for later.
dry = False


def apply(torch: Any, wanted: list[dict[str, Any]], dry_run: bool = False) -> None:
    """Has |wanted| act on the program that imported |torch|.

    Each entry is {"fix": NAME, ...options}. Unknown names raise ValueError before anything is
    changed; a fix that cannot be applied is told and left out.
    """
    global dry
    from snug_fixes import table

    dry = dry_run
    table.apply(torch, wanted)


def take_back(torch: Any) -> None:
    """Makes PyTorch what it was; parts of modules that got a fix keep their marks, which nobody
    reads any more."""
    from snug_fixes import table

    table.take_back(torch)
