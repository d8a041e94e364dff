#!/usr/bin/env python3
"""`snug fit --vary` against bisection by hand: bench/vary_by_hand.py [PYTHON|VERSION] [--only WORD]

First with the allocator's settings as the only fix: every batch in the range is then judged by hand
in plain dry runs on that much memory, as it is and with these settings, and bisected. Then with all
fixes: the batch that --vary found fits in a fit of its own, and the next one does not. Ends with
status 1 where the two differ.
"""
from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "dryrun"))
from cases import PROGRAMS  # noqa: E402
from dry import SNUG, dry_run, pytorch, watched  # noqa: E402


@dataclass(frozen=True)
class Program:
    words: str
    memory: str
    most: int


TRIED = [
    Program("gpt2_amp.py --layers 2 --length 256", "4GiB", 32),
    Program("classify.py --model resnet18 --size 64", "700MiB", 200),
    Program("lstm.py", "2GiB", 64),
    Program("bert_trainer.py --layers 2", "1200MiB", 64),
]


def command(python: pathlib.Path, program: Program, batch: str) -> list[str]:
    script, *words = program.words.split()
    return [str(python), str(PROGRAMS / script), *words, "--batch-size", batch]


def fit(python: pathlib.Path, program: Program, batch: str, *options: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        dry = watched([SNUG, "fit", "--json", "--memory", program.memory, "--out",
                       f"{folder}/fixes.json", *options, "--", *command(python, program, batch)],
                      timeout=1800)
    lines = [line for line in dry.output.splitlines() if line.startswith('{"event":"fit"')]
    if not lines:
        sys.exit(f"{program.words}: status {dry.status}\n{dry.tail()}")
    return json.loads(lines[-1])


def runs(python: pathlib.Path, program: Program, batch: int, settings: str | None) -> bool:
    more = {"PYTORCH_CUDA_ALLOC_CONF": settings} if settings else {}
    dry = dry_run(command(python, program, str(batch)), "--memory", program.memory,
                  environment=more)
    if dry.status not in (0, 3):
        sys.exit(f"{program.words}: status {dry.status}\n{dry.tail()}")
    return dry.status == 0 and not (dry.report or {}).get("handled_out_of_memory")


def by_hand(python: pathlib.Path, program: Program, settings: str) -> int:
    """The largest batch that runs as it is, or with |settings|; 0: none."""
    low, high = 0, program.most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if runs(python, program, middle, None) or runs(python, program, middle, settings):
            low = middle
        else:
            high = middle
    return low


def check(python: pathlib.Path, program: Program) -> bool:
    vary = f"batch-size=1..{program.most}"
    alone = fit(python, program, "{batch-size}", "--vary", vary, "--fixes", "allocator")
    fixes = alone["chosen"]["fixes"] if alone["fits"] else []
    settings = fixes[0]["settings"] if fixes else "expandable_segments:True"
    found = alone["vary"]["value"] if alone["fits"] else 0
    hand = by_hand(python, program, settings)
    whole = fit(python, program, "{batch-size}", "--vary", vary)
    value = whole["vary"]["value"] if whole["fits"] else 0
    good = found == hand and value >= found
    if value:
        good &= fit(python, program, str(value))["fits"]
    if value < program.most:
        good &= not fit(python, program, str(value + 1))["fits"]
    print(f"{program.words:40} {program.memory:>8}  --vary {found:4}  by hand {hand:4}  "
          f"with all fixes {value:4}{'' if good else '  DIFFERS'}", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pytorch", nargs="?", default="newest", help="a version, or a python")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    python = pytorch(given.pytorch, "--with", "programs")
    good = [check(python, one) for one in TRIED if given.only in one.words]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
