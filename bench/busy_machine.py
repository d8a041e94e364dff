#!/usr/bin/env python3
"""How much of its idle speed training keeps beside processes that compute.

Runs `snug train mobilenet_v2` on made-up samples alone and beside one and two processes that never
wait, in turns, and prints the median samples a second of each and the ratio to the idle speed; with
--compare also under the runtime's own way of waiting (GOMP_SPINCOUNT at libgomp's default). The
machine should do nothing else.

    bench/busy_machine.py [--snug build/bin/snug] [--rounds 3] [--compare]
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

TARGETS = {0: 1.0, 1: 0.4, 2: 0.25}  # of the idle speed, by busy processes
LIBGOMP = "300000"  # its spin count where there are processors for all threads


def speed(snug: str, spin: str | None) -> float:
    """Samples a second of the last of a run's steps, without planning and the first step."""
    command = [snug, "train", "mobilenet_v2", "--data", "synthetic", "--input", "3x32x32"]
    command += ["--batch-size", "64", "--max-steps", "12", "--threads", "2", "--cost", "model"]
    command += ["--no-out", "--no-eval", "--json"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GOMP_", "OMP_"))}
    if spin:
        environment["GOMP_SPINCOUNT"] = spin
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run:
        times = [time.monotonic() for line in run.stdout if json.loads(line)["event"] == "step"]
    return 64 * (len(times) - 2) / (times[-1] - times[1])


@contextlib.contextmanager
def busy(count: int):
    """|count| processes that compute without end."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snug", default="build/bin/snug")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compare", action="store_true", help="with libgomp's own waiting, too")
    given = parser.parse_args()
    forms = {"snug": None} | ({"libgomp": LIBGOMP} if given.compare else {})
    found = {(form, count): [] for form in forms for count in TARGETS}
    for _ in range(given.rounds):
        for form, count in found:
            with busy(count):
                found[form, count].append(speed(given.snug, forms[form]))
    print(f"{'waiting':<8} {'busy':>4} {'samples/s':>10} {'of idle':>8} {'target':>7}")
    for (form, count), speeds in found.items():
        middle = statistics.median(speeds)
        ratio = middle / statistics.median(found[form, 0])
        print(f"{form:<8} {count:>4} {middle:>10.0f} {ratio:>7.0%} {TARGETS[count]:>7.0%}")


if __name__ == "__main__":
    main()
