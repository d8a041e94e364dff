"""snug: whether a PyTorch program fits a card, without the card.

The work is done by the command `snug`, which this package's wheel installs beside Python.
"""

from __future__ import annotations

try:
    from importlib.metadata import version

    __version__: str = version("snug")
except Exception:  # imported from the sources
    __version__ = "0+sources"
