"""Keeps the hook's own failures from the program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Result = TypeVar("Result")

MOST_PROBLEMS = 20

#: What went wrong in the hook, for the report.
problems: list[str] = []


def tell(problem: str) -> None:
    """Notes |problem| once."""
    try:
        if problem not in problems and len(problems) < MOST_PROBLEMS:
            problems.append(problem)
    except Exception:
        pass


def tell_failure(function: Callable[..., object], error: Exception) -> None:
    """Notes that |function| failed, and says it in a line on standard error, once."""
    try:
        text = f"{function.__module__}.{function.__qualname__}: {error!r}"
        if text not in problems:
            print(f"snug: in its hook, {' '.join(text.split())}", file=sys.stderr, flush=True)
        tell(text)
    except Exception:
        pass


def guarded(function: Callable[..., Result]) -> Callable[..., Result | None]:
    """|function|, whose exceptions are noted and end here. SystemExit, the hook's way to end the
    program, is none of them. Dynamo leaves the call alone: it does not look into it."""

    @wraps(function)
    def call(*args: object, **kwargs: object) -> Result | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            tell_failure(function, error)
            return None

    call._torchdynamo_disable = True  # type: ignore[attr-defined]
    return call
