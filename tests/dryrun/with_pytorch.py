#!/usr/bin/env python3
"""Tests dry runs with real PyTorch: tests/dryrun/with_pytorch.py VERSION|newest|PYTHON
[--quick] [--only WORD]

Each program must end well, and three sources must agree on its peaks to the byte: PyTorch's own
counters, which the program prints, the stand-ins' books, and the recording. A second dry run must
say the same, `snug explain` must replay the recording exactly, and no process may be left. Then:
bytes counted by hand, where the loader found CUDA's libraries, and all of it again where NVIDIA's
files cannot be read.

Exit status: 0 all passed, 1 some failed, 77 nothing to test with.
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable

from cases import CASES, PROGRAMS, Case
from dry import ROOT, SNUG, Dry, dry_run, pytorch

STAND_INS = SNUG.parent.parent / "lib" / "snug" / "stand-in"
BLOCK = 512  # PyTorch rounds every allocation up to it


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def expect(condition: bool, words: str) -> None:
    if not condition:
        raise Failed(words)


VARIES = r"second|time|pid|recording|_us$"


def varying(case: Case) -> str:
    return VARIES + ("|pinned" if case.loader else "")


def without(pattern: str, value: object) -> object:
    """A report without what may differ from run to run: seconds, process ids, names of files."""
    if isinstance(value, dict):
        return {key: without(pattern, inner) for key, inner in value.items()
                if not re.search(pattern, key)}
    if isinstance(value, list):
        return [without(pattern, inner) for inner in value]
    return value


def differences(one: object, other: object, where: str = "") -> list[str]:
    """Where two reports say otherwise, a line each."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [line for key in one
                for line in differences(one[key], other[key], f"{where}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [line for i, pair in enumerate(zip(one, other))
                for line in differences(*pair, f"{where}[{i}]")]
    return [] if one == other else [f"{where}: {one!r:.200} and {other!r:.200}"]


def ended_well(dry: Dry) -> dict:
    expect(dry.status == 0, f"exit status {dry.status}\n{dry.tail()}")
    expect(dry.report is not None, f"no report\n{dry.tail()}")
    expect(not dry.left, f"processes left: {dry.left}")
    assert dry.report is not None
    return dry.report


def check_peaks(dry: Dry, ranks: int) -> None:
    report, printed = ended_well(dry), dry.printed_by_ranks()
    expect(len(printed) == max(ranks, 1), f"the program did not reach its end\n{dry.tail()}")
    told = sorted((rank["allocated_peak_bytes"], rank["reserved_peak_bytes"])
                  for rank in report["ranks"])
    expect(told == printed, f"peaks: reported {told}, PyTorch {printed}")
    worst = (report["allocated_peak_bytes"], report["reserved_peak_bytes"])
    expect(worst in printed, f"the worst: reported {worst}, PyTorch {printed}")


def check_recording(recording: pathlib.Path, dry: Dry) -> None:
    """The replay gives the recorded peak, and that is the one PyTorch printed."""
    done = subprocess.run([SNUG, "explain", recording, "--what-if", "--json"], check=False,
                          capture_output=True, text=True)
    expect(done.returncode == 0, f"explain: {done.returncode} {done.stderr}")
    replay = json.loads(done.stdout.splitlines()[0])["what_if"]
    expect(replay["exact"], "explain: the replay is not as recorded to the byte")
    printed = dry.printed()
    expect(printed is not None and replay["recorded_peak_bytes"] == printed[1],
           f"explain: peak {replay['recorded_peak_bytes']}, PyTorch {printed}")


def check_case(case: Case, python: pathlib.Path, twice: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recording = pathlib.Path(folder) / "recording.pickle"
        first = dry_run(case.command(python), *case.cards(), "--recording", recording,
                        environment=case.environment)
        check_peaks(first, case.ranks)
        if not case.ranks:
            check_recording(recording, first)
    if twice:
        second = dry_run(case.command(python), *case.cards(), environment=case.environment)
        ended_well(second)
        varies = varying(case)
        told = differences(without(varies, first.report), without(varies, second.report))
        expect(not told, "\n    ".join(["a second dry run said otherwise:", *told[:8]]))


def check_by_hand(python: pathlib.Path) -> None:
    """A Linear of 4096 x 1024 without bias, a batch of 512: every byte is known beforehand."""
    dry = dry_run([python, PROGRAMS / "by_hand.py"])
    ended_well(dry)
    weights, batch = 4096 * 1024 * 4, 512 * 4096 * 4
    live = {"weights": weights, "batch": weights + batch, "gradients": 2 * weights + batch,
            # Adam's two moments; its count of steps stays on the host.
            "state": 4 * weights + batch}
    for stage, bytes_ in live.items():
        found = re.search(rf"^{stage}: (\d+) (\d+)$", dry.output, re.MULTILINE)
        expect(found is not None, f"no line for {stage}\n{dry.tail()}")
        assert found is not None
        expect(int(found[1]) == bytes_, f"{stage}: {found[1]} bytes, by hand {bytes_}")
    # The step makes two more of the weights' size: a root, and what it is divided by.
    peak = live["state"] + 2 * weights
    assert dry.report is not None
    told = dry.report["allocated_peak_bytes"]
    expect(told == peak, f"peak {told}, by hand {peak}")
    # Each tensor is larger than 10 MiB, or a multiple of 2 MiB: segments of exactly its size.
    expect(dry.report["reserved_peak_bytes"] >= peak, "less reserved than allocated")
    # Numbers moved to the device come back.
    expect("back -1.5 0.0010000000474974513 3.25 512" in dry.output,
           f"numbers did not come back\n{dry.tail()}")
    expect("found 3 True" in dry.output, f"a known table was not searched\n{dry.tail()}")


def check_smaller_card(python: pathlib.Path) -> None:
    """On a card that is too small PyTorch's own error is raised, and that is told as it is."""
    dry = dry_run([python, PROGRAMS / "gpt2_amp.py", "--batch-size", "16"], "--memory", "12GiB")
    expect(dry.status == 3, f"exit status {dry.status}, not 3\n{dry.tail()}")
    expect("OutOfMemoryError" in dry.output and "Tried to allocate" in dry.output,
           f"PyTorch's own message is missing\n{dry.tail()}")
    expect(dry.report is not None and dry.report["fits"] is False, "told as fitting")
    expect(not dry.left, f"processes left: {dry.left}")


def libraries(dry: Dry) -> set[str]:
    return set(re.findall(r"^library (.*)$", dry.output, re.MULTILINE))


# What PyTorch opens by its path where NVIDIA's wheels are, beside its links.
OPENED = re.compile(r"lib(cufile|cusparseLt|nccl|nvshmem_host)\.so")


def check_maps(python: pathlib.Path) -> None:
    """The links of PyTorch's libraries go to the stand-ins."""
    dry = dry_run([python, PROGRAMS / "maps.py"])
    ended_well(dry)
    found = libraries(dry)
    expect(any("/libcudart.so" in path for path in found), f"no runtime in the maps: {found}")
    for path in found:
        if OPENED.search(path) and "/nvidia/" in path:
            continue
        expect(pathlib.Path(path).resolve().is_relative_to(STAND_INS.resolve()),
               f"{path} is not a stand-in")


def check_hidden(python: pathlib.Path, cases: list[Case]) -> None:
    """The same bytes in a mount namespace where no file of NVIDIA's can be read."""
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True,
        capture_output=True, text=True).stdout.strip()
    hidden = [p for p in [*pathlib.Path("/usr/local").glob("cuda*"),
                          pathlib.Path(packages) / "nvidia"] if p.is_dir() and not p.is_symlink()]
    # Namespaces may be forbidden, and then the test is.
    enter = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*enter, "true"], check=False, capture_output=True).returncode != 0:
        raise Skipped("unshare is not allowed here")
    with tempfile.TemporaryDirectory() as empty:
        binds = "".join(f"mount --bind {empty} '{path}' && " for path in hidden)
        before = [*enter, "sh", "-c", f'{binds}exec "$@"', "sh"]
        for case in cases:
            seen = dry_run(case.command(python), *case.cards(), environment=case.environment)
            blind = dry_run(case.command(python), environment=case.environment, before=before)
            ended_well(blind)
            varies = varying(case)
            told = differences(without(varies, seen.report), without(varies, blind.report))
            expect(not told, f"{case.name}: other bytes without NVIDIA's files: {told[:4]}")
            expect(not any("/nvidia/" in path for path in libraries(blind)),
                   "a file that was hidden is in the maps")


def check_no_cuda_build(python: pathlib.Path) -> None:
    """A program that never touches the card is told as such, and is no failure of ours."""
    dry = dry_run([python, "-c", "import torch; print(torch.ones(3).sum().item())"])
    expect("3.0" in dry.output, f"the program did not run\n{dry.tail()}")
    expect(not dry.left, f"processes left: {dry.left}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("version")
    parser.add_argument("--quick", action="store_true", help="a subset that PyTorch alone runs")
    parser.add_argument("--only", default="", help="the checks whose name has this word")
    options = parser.parse_args()
    python = pytorch(options.version, *([] if options.quick else ["--with", "programs"]))
    cases = [case for case in CASES if case.quick or not options.quick]
    apart = {"by hand", "maps"}
    checks: list[tuple[str, Callable[[], None]]] = [
        ("bytes counted by hand", lambda: check_by_hand(python)),
        ("PyTorch's links", lambda: check_maps(python)),
        ("a card that is too small", lambda: check_smaller_card(python)),
        ("no use of the card", lambda: check_no_cuda_build(python)),
    ]
    checks += [(case.name, lambda case=case: check_case(case, python, twice=True))
               for case in cases if case.name not in apart]
    checks.append(("NVIDIA's files hidden", lambda: check_hidden(
        python, [case for case in cases if case.quick and case.name not in apart or
                 case.name == "maps"][:3 if options.quick else None])))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, check in checks:
        if options.only not in name:
            continue
        try:
            check()
            outcome, why = "passed", ""
        except Skipped as skipped:
            outcome, why = "skipped", f": {skipped}"
        except (Failed, KeyError, ValueError, OSError) as failed:
            outcome, why = "failed", f": {type(failed).__name__}: {failed}"
        counts[outcome] += 1
        print(f"{outcome}: {name}{why}", flush=True)
    print(f"with PyTorch {options.version}: " +
          ", ".join(f"{count} {outcome}" for outcome, count in counts.items()), flush=True)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
