#!/usr/bin/env python3
"""The Python interface, with python/ on PYTHONPATH or snug installed:

    PYTHON tests/fit/test_python.py [STAND-INS]     prints N passed, N failed

STAND-INS is build/lib/snug/stand-in, without which a PyTorch that was installed without NVIDIA's
packages cannot be imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import snug
import snug.torch

MESSAGE = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.07 GiB. GPU 0 has a total "
    "capacity of 11.65 GiB of which 2.27 GiB is free. Process 1 has 9.37 GiB memory in use. Of the "
    "allocated memory 9.20 GiB is allocated by PyTorch, and 40.00 MiB is reserved by PyTorch but "
    "unallocated."
)


def load_standins(folder: str) -> None:
    from importlib.util import find_spec

    from snug_hook import settings, standins

    os.environ["SNUG_STANDIN"] = "gpus=0"
    settings.standins = folder
    spec = find_spec("torch")
    standins.prepare(list(spec.submodule_search_locations or []) if spec else [])


def expect_error(kind: type[Exception], function: Callable[[], object], word: str) -> None:
    try:
        function()
    except kind as error:
        assert word in str(error), f"{word!r} is not in {error}"
        return
    raise AssertionError(f"no {kind.__name__}")


def check_explain() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "error.txt"
        path.write_text(MESSAGE)
        found = snug.explain(path)
        assert found["event"] == "explain" and found["causes"], found
        path.write_text("all is well\n")
        expect_error(snug.SnugError, lambda: snug.explain(path), "")
        expect_error(snug.SnugError, lambda: snug.explain(Path(folder) / "none"), "none")


def step() -> None:
    """What check_fit() trains."""


def check_programs() -> None:
    assert snug.torch._program_of(step, "")[0] == sys.executable
    expect_error(ValueError, lambda: snug.torch._program_of(lambda: None, ""), "command line")


CELLS = [
    "",
    "import os\nget_ipython().run_line_magic('matplotlib', 'inline')\nword = 'seen'",
    "raise RuntimeError('a cell that fails')",
    "import snug.torch\nsnug.torch.fit(['true'])\nword = 'a fit within a fit'",
    "def train():\n    print(word, once())\ndef once():\n    return 'once'\nraise SystemExit(5)",
]


def check_notebook() -> None:
    """A function of a notebook's: its cells are run again, of the last its definitions alone."""
    shell = SimpleNamespace(user_ns={"In": CELLS})
    sys.modules["IPython"] = SimpleNamespace(get_ipython=lambda: shell)
    try:
        with tempfile.TemporaryDirectory() as folder:
            names = {"__name__": "__main__"}
            exec("def train():\n    pass", names)
            program = snug.torch._program_of(names["train"], folder)
            done = subprocess.run(program, capture_output=True, text=True)
    finally:
        del sys.modules["IPython"]
    assert done.stdout == "seen once\n" and done.returncode == 0, done
    assert "cell 2 is left out" in done.stderr and "cell 3 is left out" in done.stderr, done


def check_apply() -> None:
    import torch
    from torch import nn

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.other(torch.tanh(self.one(x)))

    model = Two()
    fixes = [{"fix": "checkpoint", "modules": ["Two.other"]}]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snug-fixes.json"
        path.write_text(json.dumps({"version": 1, "fixes": fixes}))
        x = torch.ones(2, 4)
        model(x).sum().backward()
        wanted = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        snug.torch.apply(path, model)
        try:
            model(x).sum().backward()
            assert "_snug_fixes" in model.other.__dict__
        finally:
            snug.torch.take_back()
        for parameter, gradient in zip(model.parameters(), wanted):
            assert torch.equal(parameter.grad, gradient)
        path.write_text("[1")
        expect_error(ValueError, lambda: snug.torch.apply(path), "")
    others = [{"fix": "checkpoint", "modules": ["GPT.h.0"]}]
    expect_error(ValueError, lambda: snug.torch.apply(others, model), "GPT")
    gone = [{"fix": "checkpoint", "modules": ["Two.third"]}]
    expect_error(ValueError, lambda: snug.torch.apply(gone, model), "third")
    expect_error(ValueError, lambda: snug.torch.apply([{"fix": "magic"}]), "magic")


def main() -> int:
    if len(sys.argv) > 1:
        load_standins(sys.argv[1])
    checks = [check_explain, check_programs, check_notebook, check_apply]
    passed = failed = 0
    for check in checks:
        try:
            check()
            passed += 1
        except Exception:
            failed += 1
            print(f"FAIL {check.__name__}\n{traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
