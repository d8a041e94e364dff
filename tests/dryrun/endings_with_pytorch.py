#!/usr/bin/env python3
"""How dry runs of programs/endings.py end, with real PyTorch: endings_with_pytorch.py
VERSION|newest|PYTHON [WAY...]

Exit status: 0 all passed, 1 some failed, 77 nothing to test with.
"""
from __future__ import annotations

import sys

from cases import PROGRAMS
from dry import SNUG, Dry, pytorch, watched

# Way, options, exit status, "outcome" and more of the report, words that are printed, words that
# are not.
WAYS: list[tuple[str, list[str], int, dict[str, object], str, str]] = [
    ("swallow", [], 0, {"outcome": "fits", "steps": 5}, "swallowed", "went on"),
    ("in_thread", [], 0, {"outcome": "fits", "steps": 5}, "", "went on"),
    ("smaller_batch", ["--memory", "3GiB"], 0, {"outcome": "fits", "handled_out_of_memory": 3},
     # Weight, gradient and the next gradient: 3 x 1 GiB are too much beside the context.
     "too large: 268435456", "too large: 134217728"),
    ("give_up", ["--memory", "3GiB"], 3, {"outcome": "does-not-fit"}, "gave up", ""),
    ("fork", [], 0, {"outcome": "fits", "steps": 0}, "", ""),
    ("crash", [], 1, {"outcome": "failed"}, "of the program's own", ""),
    ("killed", [], 1, {"outcome": "failed", "end": "signal 11 (Segmentation fault) ended it"},
     "", ""),
    ("second_card", [], 1, {"outcome": "failed"}, "invalid device ordinal", ""),
    ("second_card", ["--gpus", "2"], 0, {"outcome": "fits"}, "", ""),
    ("no_step", [], 0, {"steps": 0, "allocated_peak_bytes": 4 << 20}, "", ""),
    # What was seen is told where the recording cannot be kept.
    ("no_step", ["--recording", "/proc/none.pickle"], 1, {"allocated_peak_bytes": 4 << 20},
     "cannot write /proc/none.pickle", ""),
    ("two_optimizers", ["--steps", "3"], 0, {"steps": 6}, "second 2", "second 3"),
]


def failure(dry: Dry, status: int, told: dict[str, object], words: str, never: str) -> str:
    """What is wrong; "" where all is as it should be."""
    if dry.status != status:
        return f"exit status {dry.status}, expected {status}\n{dry.tail()}"
    if dry.report is None:
        return f"no report\n{dry.tail()}"
    for key, value in told.items():
        if dry.report.get(key) != value:
            return f"{key}: {dry.report.get(key)}, expected {value}"
    printed = "\n".join(line for line in dry.output.splitlines() if '"event"' not in line)
    if words not in printed:
        return f"'{words}' was not printed\n{dry.tail()}"
    if never and never in printed:
        return f"'{never}' was printed"
    return f"processes left: {dry.left}" if dry.left else ""


def main() -> int:
    python = pytorch(sys.argv[1] if len(sys.argv) > 1 else "newest")
    failed = 0
    for way, options, *expected in WAYS:
        if sys.argv[2:] and way not in sys.argv[2:]:
            continue
        dry = watched([SNUG, "dry-run", "--json", *options, "--", python,
                       PROGRAMS / "endings.py", way])
        wrong = failure(dry, *expected)
        failed += bool(wrong)
        print(f"{'failed' if wrong else 'passed'}: {way} {' '.join(options)} {wrong}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
