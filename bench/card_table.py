#!/usr/bin/env python3
"""Whether the table of cards is right: bench/card_table.py [PYTHON|VERSION] [--only WORD]

For each of ten programs one dry run says the smallest card it fits on, by replaying its recording;
then the program is really run dry on cards around that, bisected in steps of 2 MiB, until the
smallest on which it runs is found. The two must lie within 1 %. The three smallest cards that were
called fitting are tried as well, and it must run on each. Ends with status 1 where one of these
does not hold.
"""
from __future__ import annotations

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "dryrun"))
from cases import CASES, Case  # noqa: E402
from dry import Dry, dry_run, pytorch  # noqa: E402

STEP = 2 * 2 ** 20
NAMES = ["gpt2 amp", "operations", "lstm", "gan", "llama checkpointing", "llama lora",
         "bert trainer", "resnet50", "vit amp", "diffusion lora"]


def runs(case: Case, python: pathlib.Path, *card: str) -> bool:
    dry = dry_run(case.command(python), *card, environment=case.environment)
    if dry.status not in (0, 3):
        sys.exit(f"{case.name} on {card}: status {dry.status}\n{dry.tail()}")
    # One that catches the error and goes on does not count as running.
    return dry.status == 0 and not (dry.report or {}).get("handled_out_of_memory")


def smallest_that_runs(case: Case, python: pathlib.Path, guess: int) -> tuple[int, int]:
    """The smallest multiple of the step on which it runs, and how many runs that took."""
    tried = 0

    def fits(steps: int) -> bool:
        nonlocal tried
        tried += 1
        return runs(case, python, "--memory", str(steps * STEP))

    high = -(-guess // STEP)
    width, failing = max(1, high // 256), False
    low = high - width
    while not fits(high):
        low, high, width, failing = high, high + width, 2 * width, True
    while not failing and fits(low):
        high, low, width = low, low - 2 * width, 2 * width
    while high - low > 1:
        middle = (high + low) // 2
        if fits(middle):
            high = middle
        else:
            low = middle
    return high * STEP, tried


def check(case: Case, python: pathlib.Path) -> bool:
    whole: Dry = dry_run(case.command(python), environment=case.environment)
    if whole.status != 0 or whole.report is None:
        print(f"{case.name}: status {whole.status}\n{whole.tail()}")
        return False
    said = whole.report["smallest_memory_bytes"]
    found, tried = smallest_that_runs(case, python, said)
    difference = 100 * (said / found - 1)
    fitting = [card["gpu"] for card in whole.report["cards"] if card["fits"]]
    wrong = [gpu for gpu in fitting[:3] if not runs(case, python, "--gpu", gpu)]
    good = abs(difference) <= 1 and not wrong
    print(f"{case.name:24} said {said / 2 ** 20:10.1f} MiB  runs from {found / 2 ** 20:10.1f} MiB"
          f"  {difference:+6.2f} %  {tried} runs"
          f"{'  called fitting, fails: ' + ', '.join(wrong) if wrong else ''}"
          f"{'' if good else '  OUTSIDE'}", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pytorch", nargs="?", default="newest", help="a version, or a python")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    python = pytorch(options.pytorch, "--with", "programs")
    cases = [case for case in CASES if case.name in NAMES and options.only in case.name]
    good = [check(case, python) for case in cases]
    print(f"{sum(good)} of {len(good)} within 1 %, and no card wrongly called fitting")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
