#!/usr/bin/env python3
"""Kills a run at random moments and resumes it each time: nothing may be lost, or be there twice.

    tests/train/kills.py build/bin/snug --kills 200

SIGKILL comes after a random time, so also while checkpoints, weights and the log are written, and
before the first checkpoint. After each kill every checkpoint in the folder must be whole (read
here by code of its own: the length, the header, zlib's CRC-32), but for what is still temporary.
In the end the weights are those of a run that never stopped, bit for bit, and so are the log's
lines. Where kills are wanted that a run is too short for, another run follows.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

TIMES = re.compile(r',"(samples_per_second|seconds)":[^,}]*')


def fail(text: str) -> None:
    """Ends the test."""
    sys.exit(f"FAIL: {text}")


def check_checkpoint(path: Path) -> None:
    """That the file at |path| is whole: its tensors, and their sum."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    end = header["snug:crc32"]["data_offsets"][1] + 8 + length
    told = int.from_bytes(data[end - 8 : end], "little")
    if end != len(data) or zlib.crc32(data[: end - 8]) != told:
        fail(f"{path} is not whole")


def lines_of(folder: Path) -> list[str]:
    """The log without what depends on time."""
    return [TIMES.sub("", line) for line in (folder / "log.jsonl").read_text().splitlines()]


class Runs:
    """Runs of one command line in folders under |root|."""

    def __init__(self, snug: str, root: Path, options: list[str]) -> None:
        self.snug, self.root, self.options = snug, root, options

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        """Begins the run in |folder|, or goes on with it where there is a checkpoint."""
        known = list(folder.glob("checkpoint-*.safetensors"))
        new = [*self.options, "--out", str(folder), "--overwrite"]
        arguments = ["--resume", str(folder)] if known else new
        command = [self.snug, "train", *arguments, "--quiet"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def whole(self) -> tuple[Path, float]:
        """A run that nobody stops, and how long it takes."""
        began = time.monotonic()
        self.finish(self.root / "whole", self.start(self.root / "whole"))
        return self.root / "whole", time.monotonic() - began

    def finish(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        """Waits for the end of a run that is not killed."""
        message = process.communicate()[1].decode()
        if process.returncode != 0:
            fail(f"{folder}: exit {process.returncode}: {message}")

    def kill(self, folder: Path, seconds: float) -> bool:
        """Whether the run was killed: it may end before |seconds| are over."""
        process = self.start(folder)
        try:
            message = process.communicate(timeout=seconds)[1].decode()
        except subprocess.TimeoutExpired:
            process.kill()
            message = process.communicate()[1].decode()
        if process.returncode not in (0, -signal.SIGKILL) or "damaged" in message:
            fail(f"{folder}: exit {process.returncode}: {message}")
        for path in folder.glob("checkpoint-*.safetensors"):
            check_checkpoint(path)
        return process.returncode != 0


def main() -> None:
    """Reads the arguments and does it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("snug")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    moments = random.Random(given.seed)
    root = Path(tempfile.mkdtemp())
    options = "simple --data synthetic --batch-size 64 --width 0.125 --cost model --threads 1"
    limits = f"--memory 50MiB --epochs 1000 --max-steps {given.steps} --checkpoint-every 1"
    runs = Runs(given.snug, root, [*options.split(), *limits.split()])
    whole, seconds = runs.whole()
    kills = ended = steps = 0
    while kills < given.kills:
        folder = root / f"run-{ended}"
        while kills < given.kills and runs.kill(folder, moments.uniform(0, 0.4 * seconds)):
            kills += 1
            names = [path.name for path in folder.glob("checkpoint-*.safetensors")]
            steps += bool(names) and int(max(names)[11:-12]) < given.steps
        runs.finish(folder, runs.start(folder))
        ended += 1
        for name in ("weights.safetensors",):
            if (folder / name).read_bytes() != (whole / name).read_bytes():
                fail(f"{folder}/{name} differs from the run's that was never stopped")
        if lines_of(folder) != lines_of(whole):
            fail(f"the log of {folder} has other lines")
        if list(folder.glob("*.tmp")):
            fail(f"{folder} keeps what was not finished")
    print(f"{kills} kills, {steps} of them between the first checkpoint and the last step, {ended}")
    print(f"runs ended with the bits of one of {seconds:.1f} s that was never stopped")
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
