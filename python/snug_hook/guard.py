"""Keeps the hook's own failures from the program."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Result = TypeVar("Result")

MOST_PROBLEMS = 20

#: What went wrong in the hook, for the report.
problems: list[str] = []


def tell(problem: str) -> None:
    """Notes |problem| once."""
    if problem not in problems and len(problems) < MOST_PROBLEMS:
        problems.append(problem)


def guarded(function: Callable[..., Result]) -> Callable[..., Result | None]:
    """|function|, whose exceptions are noted and end here. SystemExit, the hook's way to end the
    program, is none of them. Dynamo leaves the call alone: it does not look into it."""

    @wraps(function)
    def call(*args: object, **kwargs: object) -> Result | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            tell(f"{function.__module__}.{function.__qualname__}: {error!r}")
            return None

    call._torchdynamo_disable = True  # type: ignore[attr-defined]
    return call
