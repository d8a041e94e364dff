"""The hook: what `snug dry-run` puts into the Python of a program that it starts.

    start         waits for the import of PyTorch (imports.py)
    -> stand-ins  loaded just before, so that PyTorch links them (standins.py)
    -> recording  PyTorch's memory history, from the first use of a card on (recording.py)
    -> marks      steps, backward passes and evaluations, told to the stand-ins (steps.py, marks.py)
    -> ending     after the steps asked for, or at the program's end: what was seen is written
                  into the directory that the command reads (ending.py)

Standard library and PyTorch's public interfaces; private ones are in private.py alone. An exception
of the hook's own never reaches the program (guard.py).
"""

import os
import sys


def start() -> None:
    """Begins to watch imports, where the command's settings are in the environment."""
    from snug_hook import settings

    if not settings.read(os.environ.get("SNUG_HOOK", "")):
        return
    # Tells the command that a Python with the hook ran at all.
    with open(os.path.join(settings.directory, f"{os.getpid()}.hook"), "w"):
        pass
    if settings.fixes or settings.profile:
        import snug_fixes  # noqa: F401  the folder is on sys.path now, and will not be later
    from snug_hook.imports import Watch

    sys.meta_path.insert(0, Watch())
