"""A process of test_harm.py: starts the hook as Python's start does, and imports PyTorch. One
function of the hook's, which the environment names, raises."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
import types
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]


def borrowed() -> types.ModuleType:
    """The parts of test_harm.py that load sources with faults, without PyTorch."""
    text = (HERE / "test_harm.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    end = next(i for i, node in enumerate(tree.body) if isinstance(node, ast.Expr) and i > 0)
    tree.body = tree.body[:end]
    module = types.ModuleType("borrowed")
    module.__file__ = str(HERE / "test_harm.py")
    exec(compile(tree, module.__file__, "exec"), module.__dict__)
    return module


harm = borrowed()
harm.armed = os.environ["SNUG_TEST_ARM"]
sys.meta_path.insert(0, harm.Finder())

start = harm.PYTHON / "start" / "sitecustomize.py"
sitecustomize = types.ModuleType("sitecustomize")
sitecustomize.__file__ = str(start)
sitecustomize.__spec__ = importlib.machinery.ModuleSpec("sitecustomize", None)
setattr(sitecustomize, harm.FAULT, harm.fault)
try:
    exec(harm.compiled(start, "sitecustomize"), sitecustomize.__dict__)
except harm.Injected as error:
    # What Python itself does with it: it says so, and goes on.
    print(f"Error in sitecustomize: {error!r}", file=sys.stderr)

import torch  # noqa: E402

print(torch.answer)
record = os.environ["SNUG_TEST_REACHED"]
if not harm.armed:
    Path(record).write_text("\n".join(sorted(harm.reached)), encoding="utf-8")
