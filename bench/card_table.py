#!/usr/bin/env python3
"""Whether the table of cards is right: bench/card_table.py [PYTHON|VERSION] [--only WORD]

For each of ten programs one dry run says the smallest card it fits on, by replaying its recording;
then the program is really run dry on cards around that, bisected in steps of 2 MiB, until the
smallest on which it runs is found. The two must lie within 1 %, and no card that is smaller than
that may have been called fitting. Ends with status 1 where one of these does not hold.
"""
from __future__ import annotations

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "dryrun"))
from cases import CASES, Case
from dry import Dry, dry_run, pytorch

STEP = 2 * 2 ** 20
NAMES = ["gpt2 amp", "operations", "lstm", "gan", "llama checkpointing", "llama lora",
         "bert trainer", "resnet50", "vit amp", "diffusion lora"]


def runs(case: Case, python: pathlib.Path, bytes_: int) -> bool:
    dry = dry_run(case.command(python), "--memory", str(bytes_), environment=case.environment)
    if dry.status not in (0, 3):
        sys.exit(f"{case.name} on {bytes_}: status {dry.status}\n{dry.tail()}")
    return dry.status == 0


def smallest_that_runs(case: Case, python: pathlib.Path, guess: int) -> tuple[int, int]:
    """The smallest multiple of the step on which it runs, and how many runs that took."""
    high, tried = -(-guess // STEP), 0
    width = max(1, high // 256)
    while not runs(case, python, high * STEP):
        high, width, tried = high + width, 2 * width, tried + 1
    low, width = high - max(1, high // 256), max(1, high // 256)
    while runs(case, python, low * STEP):
        high, low, width, tried = low, low - 2 * width, 2 * width, tried + 1
    tried += 2
    while high - low > 1:
        middle = (high + low) // 2
        if runs(case, python, middle * STEP):
            high = middle
        else:
            low = middle
        tried += 1
    return high * STEP, tried


def check(case: Case, python: pathlib.Path) -> bool:
    whole: Dry = dry_run(case.command(python), environment=case.environment)
    if whole.status != 0 or whole.report is None:
        print(f"{case.name}: status {whole.status}\n{whole.tail()}")
        return False
    said = whole.report["minimum_bytes"]
    found, tried = smallest_that_runs(case, python, said)
    difference = 100 * (said / found - 1)
    wrong = [card["gpu"] for card in whole.report["cards"]
             if card["fits"] and card["card_bytes"] < found]
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
