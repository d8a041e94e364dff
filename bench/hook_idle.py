#!/usr/bin/env python3
"""What the hook costs where it has nothing to do: training steps of ResNet-18 on the CPU.

    bench/hook_idle.py [PYTHON] [--rounds N] [--steps N]

Processes with and without the hook take turns; each tells the median processor time of its steps. A
fix that is on for another network (checkpoint of parts that there are not) is measured, too: then
every call of a module passes through snug_fixes. Run from the project's folder after `make`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "dryrun"))
from dry import without_device  # noqa: E402

PROGRAM = """
import statistics, sys, time, torch
from torch import nn
class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        stride = 1 if i == o else 2
        self.a = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        self.b = nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.n, self.m, self.relu = nn.BatchNorm2d(o), nn.BatchNorm2d(o), nn.ReLU()
        self.side = nn.Identity()
        if i != o:
            self.side = nn.Sequential(nn.Conv2d(i, o, 1, 2, bias=False), nn.BatchNorm2d(o))
    def forward(self, x):
        return self.relu(self.m(self.b(self.relu(self.n(self.a(x))))) + self.side(x))
widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
blocks = [Block(i, o) for i, o in zip(widths, widths[1:])]
net = nn.Sequential(
    nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
    *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))
torch.set_num_threads(1)
optimizer = torch.optim.SGD(net.parameters(), 0.01)
x, y, times = torch.randn(16, 3, 96, 96), torch.randint(1000, (16,)), []
for _ in range(int(sys.argv[1]) + 2):
    start = time.process_time()
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
    times.append(time.process_time() - start)
print(statistics.median(times[2:]))
"""


def measure(python: str, steps: int, fixes: str | None, hook: bool) -> float:
    """Seconds of a step."""
    with tempfile.TemporaryDirectory() as folder:
        environment = without_device(python)
        if hook:
            standins = Path(environment.pop("LD_LIBRARY_PATH")).parent
            settings = f"directory={folder};steps=0;standins={standins}"
            if fixes:
                (Path(folder) / "wanted.json").write_text(fixes)
                settings += f";fixes={folder}/wanted.json"
            environment["SNUG_HOOK"] = settings
            environment["PYTHONPATH"] = str(ROOT / "python" / "start")
        run = subprocess.run(
            [python, "-c", PROGRAM, str(steps)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    return float(run.stdout)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("python", nargs="?", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    absent = '[{"fix": "checkpoint", "modules": ["Other.layer"]}]'
    ways = {"without": (None, False), "hook": (None, True), "hook and a fix": (absent, True)}
    seen: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(given.rounds):
        for way, (fixes, hook) in ways.items():
            seen[way].append(measure(given.python, given.steps, fixes, hook))
    without = statistics.median(seen["without"])
    for way, times in seen.items():
        now = statistics.median(times)
        print(f"{way:16} {1000 * now:8.1f} ms a step  {100 * (now / without - 1):+.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
