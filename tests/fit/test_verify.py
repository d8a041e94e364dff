#!/usr/bin/env python3
"""What the hook compares of steps on the CPU, in processes of their own.

PYTHON tests/fit/test_verify.py STAND-INS     prints N passed, N failed
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PYTHON_FOLDER = Path(__file__).resolve().parents[2] / "python"

# As people write them: no seed, a card where there is one, dropout, a scheduler.
PROGRAM = """
import os, torch
from torch import nn
device = "cuda" if torch.cuda.is_available() else "cpu"
norm = nn.LayerNorm if os.environ.get("NORM") == "0" else nn.BatchNorm1d
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(16, 64), norm(64), nn.GELU(), nn.Dropout(0.2))
        self.head = nn.Linear(64, 8192)
    def forward(self, x):
        return self.head(self.body(x))
net = Net().to(device)
optimizer = torch.optim.AdamW(net.parameters(), lr=float(os.environ.get("RATE", "1e-2")))
for step in range(20):
    loss = nn.functional.cross_entropy(
        net(torch.randn(64, 16, device=device)), torch.randint(8192, (64,), device=device))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
raise SystemExit("it was to end after some steps")
"""


def run(
    folder: Path,
    mode: str,
    standins: str,
    fixes: list[dict[str, Any]],
    still: bool = False,
    **more: str,
) -> None:
    seen = folder / "seen"
    seen.mkdir(exist_ok=True)
    (folder / "fixes.json").write_text(json.dumps(fixes))
    hook = f"directory={seen};steps=3;standins={standins};verify={mode}:{folder}"
    if still:
        hook += ";still=1"
    if fixes:
        hook += f";fixes={folder / 'fixes.json'}"
    environment = {**os.environ, "SNUG_HOOK": hook, "SNUG_STANDIN": "gpus=0", **more}
    environment["PYTHONPATH"] = str(PYTHON_FOLDER / "start")
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)


def compared(
    folder: Path, standins: str, fixes: list[dict[str, Any]], still: bool = False, **more: str
) -> dict[str, Any]:
    run(folder, "compare", standins, fixes, still, **more)
    return json.loads((folder / "verify.json").read_text())


def is_same(found: dict[str, Any]) -> bool:
    kinds = ("losses", "gradients", "weights", "buffers", "random")
    if found["buffers"]["tensors"] != 3:  # of batch norm
        return False
    return found["steps"] == 3 and not any(found[kind]["different"] for kind in kinds)


def check(standins: str, folder: Path) -> list[tuple[str, bool]]:
    exact = [{"fix": "checkpoint", "modules": ["Net.body"]}, {"fix": "early-update"}]
    pieces = [{"fix": "loss-in-pieces", "pieces": 4}]
    run(folder, "keep", standins, [])
    found = compared(folder, standins, exact)
    # The first step is the program's own; then gradients are freed before they can be seen.
    results = [("exact fixes", is_same(found) and found["gradients"]["missing"] == 6)]
    found = compared(folder, standins, pieces)
    small = 0 < found["gradients"]["relative"] < 1e-5
    results.append(("rounding", small and not found["random"]["different"]))
    found = compared(folder, standins, [], RATE="2e-2")
    later = found["losses"]["first_step"] == 2 and found["losses"]["relative"] > 1e-5
    results.append(("another rate is seen from the second step on", later))
    # Batch norm apart, pieces of the batch differ by rounding alone once dropout is off.
    batch = [{"fix": "batch-in-pieces", "pieces": 2}]
    run(folder, "keep", standins, [], NORM="0")
    found = compared(folder, standins, batch, NORM="0")
    results.append(("dropout in pieces is another draw", found["losses"]["relative"] > 1e-5))
    run(folder, "keep", standins, [], still=True, NORM="0")
    found = compared(folder, standins, batch, still=True, NORM="0")
    small = found["losses"]["relative"] < 1e-5 and not found["random"]["different"]
    results.append(("without dropout it is rounding", small))
    return results


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        results = check(sys.argv[1], Path(folder))
    for name, good in results:
        print("ok  " if good else "FAIL", name)
    failed = sum(not good for _, good in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
