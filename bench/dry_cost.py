#!/usr/bin/env python3
"""What a dry run costs: bench/dry_cost.py [PYTHON|VERSION] [CASE ...]

The stand-ins' own share of a dry run's processor time (perf, by shared library), the most resident
memory against the same program's Python without a device (the modules that the program had loaded
by its end, and nothing else), and the time that 500,000 allocations add to the same loop without a
device. Bounds: 10 %, 150 MiB, 2 s. Ends with status 1 where one is exceeded, 77 without perf.
"""
from __future__ import annotations

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "dryrun"))
from cases import CASES, Case  # noqa: E402
from dry import SNUG, dry_run, pytorch, without_device  # noqa: E402

MODULES = """
import json, runpy, sys
sys.argv = sys.argv[2:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    ours = ("__main__", "snug_hook")
    json.dump(sorted(m for m in sys.modules if m.partition(".")[0] not in ours), open(OUT, "w"))
"""

LOAD = """
import importlib, json, resource, sys
for name in json.load(open(sys.argv[1])):
    try:
        importlib.import_module(name)
    except Exception:
        pass
import torch
torch.ones(1000).sum().item()
print("resident", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

LOOP = """
import sys, time
import torch
device, count, live = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
kept = [None] * live
torch.empty(1, device=device)
began = time.perf_counter()
for index in range(count):
    kept[index % live] = torch.empty(512 + 512 * (index % 7), dtype=torch.uint8, device=device)
print("seconds", time.perf_counter() - began)
"""


def share(case: Case, python: pathlib.Path) -> tuple[float, float] | None:
    """Of all samples: percent in the stand-ins, percent in the hook's own file (Python's share of
    it is in the interpreter, and not seen)."""
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "perf.data"
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "499", "-o", data, "--", SNUG,
                  "dry-run", "--until-end", "--", *case.command(python)]
        done = subprocess.run(list(map(str, record)), check=False, capture_output=True, text=True)
        if not data.exists():
            print(done.stderr)
            return None
        report = subprocess.run(["perf", "report", "-i", str(data), "--sort", "dso", "--stdio",
                                 "-F", "overhead,dso", "--full-source-path", "-q"], check=False,
                                capture_output=True, text=True).stdout
        folder_of_ours = SNUG.parent.parent / "lib" / "snug" / "stand-in"
        names = {path.name for path in folder_of_ours.glob("*/*")}
        ours, all_ = 0.0, 0.0
        for percent, dso in re.findall(r"^\s*([\d.]+)%\s+(\S+)", report, re.MULTILINE):
            all_ += float(percent)
            ours += float(percent) if pathlib.Path(dso).name in names else 0.0
        return ours, all_


def resident(command: list[str]) -> int:
    """The most bytes resident in any one process of |command|."""
    code = ("import resource, subprocess, sys; "
            "r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL,"
            "                   stderr=subprocess.DEVNULL);"
            "print(r.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    out = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True,
                         text=True).stdout.split()
    return int(out[1]) * 1024


def memory(case: Case, python: pathlib.Path) -> tuple[int, int]:
    """Most resident bytes dry, and of the program's modules alone."""
    with tempfile.TemporaryDirectory() as folder:
        modules = pathlib.Path(folder) / "modules.json"
        runner = pathlib.Path(folder) / "runner.py"
        runner.write_text(MODULES.replace("OUT", repr(str(modules))))
        dry_run([python, runner, "-", *case.command(python)[1:]], environment=case.environment)
        load = pathlib.Path(folder) / "load.py"
        load.write_text(LOAD)
        alone = subprocess.run([python, load, modules], check=False, capture_output=True,
                               text=True, env=without_device(python))
        found = re.search(r"resident (\d+)", alone.stdout)
        if not found:
            sys.exit(f"{case.name}: {alone.stderr[-2000:]}")
        return (resident([str(SNUG), "dry-run", "--until-end", "--", *case.command(python)]),
                int(found[1]) * 1024)


def allocations(python: pathlib.Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds of the loop dry, and on the host."""
    with tempfile.TemporaryDirectory() as folder:
        loop = pathlib.Path(folder) / "loop.py"
        loop.write_text(LOOP)
        dry = dry_run([python, loop, "cuda", "500000", "100000"], environment=environment)
        found = re.search(r"seconds ([\d.]+)", dry.output)
        if not found:
            sys.exit(f"allocations: status {dry.status}\n{dry.tail()}")
        host = subprocess.run([python, loop, "meta", "500000", "100000"], check=True,
                              capture_output=True, text=True, env=without_device(python)).stdout
        return float(found[1]), float(host.split()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pytorch", nargs="?", default="newest", help="a version, or a python")
    parser.add_argument("cases", nargs="*", default=["gpt2 amp", "llama", "resnet50",
                                                     "diffusion train"])
    options = parser.parse_args()
    if not shutil.which("perf"):
        print("skipped: perf is not here")
        return 77
    python = pytorch(options.pytorch, "--with", "programs")
    good = True
    for case in CASES:
        if case.name not in options.cases:
            continue
        shares = share(case, python)
        dry, alone = memory(case, python)
        more = (dry - alone) / 2 ** 20
        within = more <= 150 and shares is not None and shares[0] <= 10
        good &= within
        print(f"{case.name:20} stand-ins {shares[0] if shares else float('nan'):5.2f} % of the "
              f"processor's time; resident {dry / 2 ** 20:7.0f} MiB, its modules "
              f"{alone / 2 ** 20:7.0f}, more {more:+6.0f} MiB{'' if within else '  OUTSIDE'}",
              flush=True)
    for words, environment in (("PyTorch's cache", {}),
                               ("no cache: one cudaMalloc each",
                                {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"})):
        seconds, host = allocations(python, environment)
        within = seconds - host < 2
        good &= within
        print(f"500,000 allocations, 100,000 live ({words}): {seconds:.2f} s, without a device "
              f"{host:.2f} s{'' if within else '  OUTSIDE'}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
