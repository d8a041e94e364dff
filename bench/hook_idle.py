#!/usr/bin/env python3
"""What the hook costs where it has nothing to do: training steps of ResNet-18 on the CPU.

    bench/hook_idle.py [PYTHON] [--rounds N] [--steps N]

The hook's work does not depend on the size of the images: it copies no tensor. So it is measured
with small ones, where it is a larger share of a step than the noise of a machine is, and told as a
share of a step with images of 96 x 96, batch 16. Processes with and without the hook take turns,
each round in another order; each tells the lower quartile of its steps' processor time. A fix that
is on for another network (checkpoint of parts that there are not) is measured, too: then every call
of a module passes through snug_fixes. Ends with status 1 where the hook takes more than 2 %. Run
from the project's folder after `make`.
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
batch, size = int(sys.argv[2]), int(sys.argv[3])
x, y, times = torch.randn(batch, 3, size, size), torch.randint(1000, (batch,)), []
for _ in range(int(sys.argv[1]) + 2):
    start = time.process_time()
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
    times.append(time.process_time() - start)
print(statistics.quantiles(times[2:], n=4)[0])
"""


LARGE, SMALL = (16, 96), (2, 32)  # batch, images' size
MOST = 0.02


def measure(
    python: str, steps: int, images: tuple[int, int], fixes: str | None, hook: bool
) -> float:
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
            [python, "-c", PROGRAM, str(steps), *map(str, images)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    return float(run.stdout)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("python", nargs="?", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()
    absent = '[{"fix": "checkpoint", "modules": ["Other.layer"]}]'
    ways = {"without": (None, False), "hook": (None, True), "hook and a fix": (absent, True)}
    seen: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(given.rounds):
        order = list(ways) if turn % 2 else list(reversed(ways))
        for way in order:
            seen[way].append(measure(given.python, given.steps, SMALL, *ways[way]))
    whole = measure(given.python, 20, LARGE, None, False)
    without = statistics.median(seen["without"])
    print(f"a step takes {1000 * whole:.0f} ms; with small images {1000 * without:.2f} ms")
    shares = {}
    for way, times in seen.items():
        added = statistics.median(now - bare for now, bare in zip(times, seen["without"]))
        shares[way] = added / whole
        print(
            f"{way:16} {1e6 * added:+8.0f} us a step  {100 * added / without:+6.2f} % of a small "
            f"one  {100 * shares[way]:+6.3f} %"
        )
    return 0 if shares["hook"] <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
