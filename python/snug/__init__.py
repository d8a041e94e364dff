"""snug: whether a PyTorch program fits a card, without the card.

    import snug
    snug.explain("error.txt")["causes"]      why it ran out of memory
    import snug.torch                        fixes: see there

The work is done by the command `snug`, which this package's wheel installs beside Python.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from snug import places

try:
    from importlib.metadata import version

    __version__: str = version("snug")
except Exception:  # imported from the sources
    __version__ = "0+sources"


class SnugError(RuntimeError):
    """The command failed: with what it said."""


def run(arguments: list[str], accepted: tuple[int, ...] = (0,)) -> list[dict[str, Any]]:
    """The objects that `snug ARGUMENTS` prints with --json. SnugError for any other exit status
    than those accepted."""
    done = subprocess.run([places.command(), *arguments], capture_output=True, text=True)
    if done.returncode not in accepted:
        said = done.stderr.strip().splitlines()
        raise SnugError(said[-1] if said else f"exit status {done.returncode}")
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"event"')]
    return [json.loads(line) for line in lines]


def explain(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `snug explain` finds in a file: an error's text, a log or a memory snapshot.

    The first finding, as docs/explain.md describes its JSON. SnugError where there is none.
    """
    found = run(["explain", "--json", os.fspath(path)])
    if not found:
        raise SnugError(f"no out-of-memory error in {os.fspath(path)}")
    return found[0]
