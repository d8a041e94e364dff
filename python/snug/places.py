"""Where snug's own files are: beside the command, or in the sources that this was imported from."""

from __future__ import annotations

import os
import shutil
import sys


def command() -> str:
    """The path of the command `snug`. RuntimeError where there is none."""
    here = os.path.dirname(os.path.abspath(__file__))
    found = [
        os.environ.get("SNUG", ""),
        os.path.join(os.path.dirname(sys.executable), "snug"),  # beside this Python: a wheel's
        os.path.join(here, *[os.pardir] * 4, "bin", "snug"),  # PREFIX/lib/snug/python/snug
        os.path.join(here, os.pardir, os.pardir, "build", "bin", "snug"),
        shutil.which("snug") or "",
    ]
    for path in found:
        if path and os.access(path, os.X_OK):
            return os.path.realpath(path)
    raise RuntimeError(
        "the command `snug` is not found: it is neither beside this Python nor on PATH; "
        "the environment variable SNUG may name it"
    )


def packages() -> str:
    """The folder that has the package snug_fixes. RuntimeError where there is none."""
    here = os.path.dirname(os.path.abspath(__file__))
    found = [os.path.dirname(here)]
    try:
        beside = os.path.dirname(os.path.dirname(command()))
        found.append(os.path.join(beside, "lib", "snug", "python"))
    except RuntimeError:
        pass
    for path in found:
        if os.path.isdir(os.path.join(path, "snug_fixes")):
            return path
    raise RuntimeError(f"snug's fixes are not found in {' or '.join(found)}")
