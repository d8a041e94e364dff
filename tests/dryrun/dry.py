"""Runs programs dry, for the tests here and the scripts in bench/: what `snug dry-run --json` said,
what the program itself printed, and whether a process of its was left."""
from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
SNUG = pathlib.Path(os.environ.get("SNUG", ROOT / "build" / "bin" / "snug"))
ENV_TOOL = ROOT / "tools" / "pytorch_env"
SKIPPED = 77

sys.path.insert(0, str(ROOT / "python"))
from snug_hook.standins import read_version  # noqa: E402


@dataclass
class Dry:
    """One dry run. |report| is None where the command printed none."""
    status: int
    report: dict | None
    output: str
    seconds: float
    left: list[int] = field(default_factory=list)  # processes that outlived it

    def printed_by_ranks(self) -> list[tuple[int, int]]:
        """The peaks that each process of the program asked PyTorch for, in any order: allocated,
        reserved."""
        found = re.findall(r"peak: allocated (\d+) reserved (\d+)", self.output)
        return sorted((int(allocated), int(reserved)) for allocated, reserved in found)

    def printed(self) -> tuple[int, int] | None:
        """The largest of them."""
        return max(self.printed_by_ranks(), default=None)

    def tail(self, lines: int = 12) -> str:
        return "\n".join("    " + line for line in self.output.splitlines()[-lines:])


def marked(mark: str) -> list[int]:
    """The processes with |mark| in their environment, but for zombies."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # gone, or another's
            continue
    return found


def without_device(python: pathlib.Path | str) -> dict[str, str]:
    """The environment in which a PyTorch without NVIDIA's libraries, without the hook, can be
    imported: with stand-ins that have no card."""
    code = ("from importlib.util import find_spec; "
            "print(*find_spec('torch').submodule_search_locations)")
    folder = subprocess.run([python, "-c", code], check=True, capture_output=True,
                            text=True).stdout.strip()
    major = read_version([folder])["cuda"].split(".")[0]
    return {**os.environ, "SNUG_STANDIN": "gpus=0",
            "LD_LIBRARY_PATH": str(SNUG.parent.parent / "lib" / "snug" / "stand-in" / major)}


def watched(command: Sequence[str | pathlib.Path], *, environment: dict[str, str] | None = None,
            timeout: float = 600, folder: str | None = None) -> Dry:
    """Runs |command|, and looks for what is left of it."""
    mark = f"SNUG_TEST_MARK={uuid.uuid4()}"
    name, value = mark.split("=")
    began = time.monotonic()
    try:
        done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True,
                              errors="replace", timeout=timeout, cwd=folder,
                              env={**os.environ, **(environment or {}), name: value})
        status, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        status = 124
        out, err = (text.decode(errors="replace") if isinstance(text, bytes) else text or ""
                    for text in (late.stdout, late.stderr))
        err += f"\nno end after {timeout:.0f} s"
    dry = Dry(status, None, out + err, time.monotonic() - began)
    for line in out.splitlines():
        if line.startswith("{") and '"event":"dry-run"' in line.replace(" ", ""):
            dry.report = json.loads(line)
    patience = time.monotonic() + 2
    while (left := marked(mark)) and time.monotonic() < patience:
        time.sleep(0.05)
    dry.left = left
    return dry


def dry_run(program: Sequence[str | pathlib.Path], *options: str | pathlib.Path,
            environment: dict[str, str] | None = None, timeout: float = 600,
            before: Sequence[str] = (), folder: str | None = None) -> Dry:
    """`snug dry-run --json --until-end OPTIONS -- PROGRAM`, after the words |before|."""
    return watched([*before, SNUG, "dry-run", "--json", "--until-end", *options, "--", *program],
                   environment=environment, timeout=timeout, folder=folder)


def pytorch(version: str, *options: str) -> pathlib.Path:
    """The python of an environment with PyTorch |version|; ends as skipped where there is none."""
    if pathlib.Path(version).is_file():  # a python given as it is
        return pathlib.Path(version)
    made = subprocess.run([ENV_TOOL, version, *options], check=False, stdout=subprocess.PIPE,
                          text=True)
    if made.returncode == SKIPPED:
        print("skipped: PyPI cannot be reached, and no environment with PyTorch is there")
    if made.returncode != 0:
        sys.exit(made.returncode)
    return pathlib.Path(made.stdout.strip())
