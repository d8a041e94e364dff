"""What a fix has to say to the user: a line on standard error, once."""

from __future__ import annotations

import sys

_told: set[str] = set()

#: For reports: everything that was said.
said: list[str] = []


def tell(text: str) -> None:
    """Says |text| once, in a line; never fails."""
    try:
        text = " ".join(text.split())
        if text in _told:
            return
        _told.add(text)
        said.append(text)
        print(f"snug: {text}", file=sys.stderr, flush=True)
    except Exception:
        pass
