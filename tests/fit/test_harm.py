#!/usr/bin/env python3
"""Whatever goes wrong in a fix or in the hook, the program's results are as they were.

    PYTHON tests/fit/test_harm.py [STAND-INS]     prints N passed, N failed

Every function of python/snug_fixes, python/snug_hook and python/start, nested ones included, is
made to raise in turn: the sources are loaded with a call at the beginning of each function's body,
or of its first statement where that is a `try` with a handler, since such a function answers for
the rest.
A program whose run reaches the function has to give the results that it gives without fixes (bits
for exact fixes), and a line on standard error has to tell of it.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "python"
PACKAGES = ("snug_fixes", "snug_hook")
FAULT = "snug_fault"


class Injected(RuntimeError):
    """What the functions are made to raise."""


# ---- Faults in the sources


class Faults(ast.NodeTransformer):
    """Puts FAULT("module:function:line") into each function."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.path: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self.inside(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.inside(node)
        name = f"{self.module}:{'.'.join([*self.path, node.name])}:{node.lineno}"
        call = ast.parse(f"{FAULT}({name!r})").body[0]
        body = node.body
        has_text = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        at = 1 if has_text and len(body) > 1 else 0
        while isinstance(body[at], (ast.Global, ast.Nonlocal, ast.ImportFrom, ast.Import)):
            at += 1
        first = body[at]
        if isinstance(first, ast.Try) and first.handlers:
            first.body.insert(0, call)
        else:
            body.insert(at, call)
        return node

    def inside(self, node: Any) -> ast.AST:
        self.path.append(node.name)
        self.generic_visit(node)
        self.path.pop()
        return node


def compiled(path: Path, module: str) -> Any:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    tree = ast.fix_missing_locations(Faults(module).visit(tree))
    return compile(tree, str(path), "exec")


class Loader(importlib.abc.Loader):
    def __init__(self, path: Path) -> None:
        self.path = path

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: Any) -> None:
        module.__dict__[FAULT] = fault
        exec(compiled(self.path, module.__name__), module.__dict__)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        parts = name.split(".")
        if parts[0] not in PACKAGES:
            return None
        file = PYTHON.joinpath(*parts)
        is_package = len(parts) == 1
        file = file / "__init__.py" if is_package else file.with_suffix(".py")
        if not file.exists():
            return None
        spec = importlib.util.spec_from_file_location(
            name,
            file,
            loader=Loader(file),
            submodule_search_locations=[str(file.parent)] if is_package else None,
        )
        return spec


reached: dict[str, int] = {}
armed = ""


def fault(name: str) -> None:
    reached[name] = reached.get(name, 0) + 1
    if name == armed:
        raise Injected(name)


# ---- Programs on the CPU, in this process


def load_standins(folder: str) -> None:
    from snug_hook import settings, standins

    os.environ["SNUG_STANDIN"] = "gpus=0"
    settings.standins = folder
    spec = importlib.util.find_spec("torch")
    standins.prepare(list(spec.submodule_search_locations or []) if spec else [])
    standins.driver = None
    settings.standins = ""


sys.meta_path.insert(0, Finder())
if len(sys.argv) > 1:
    load_standins(sys.argv[1])
STANDINS = sys.argv[1] if len(sys.argv) > 1 else ""

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402


class Network(nn.Module):
    """With what fixes touch: statistics, random numbers, a counter, a large vocabulary."""

    def __init__(self, dropout: float, words: int = 70) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 16)
        self.body = nn.Sequential(
            nn.Linear(16, 64), nn.BatchNorm1d(64) if dropout else nn.Identity(), nn.ReLU()
        )
        self.tail = nn.Sequential(nn.Linear(64, 16), nn.Dropout(dropout))
        self.head = nn.Linear(16, words)
        self.calls = 0

    def forward(self, tokens: Any) -> Any:
        self.calls += 1
        return self.head(self.tail(self.body(self.words(tokens))))


def program(dropout: float, optimizer: Callable[[Any], Any]) -> dict[str, Any]:
    torch.manual_seed(0)
    network = Network(dropout)
    opt = optimizer(network.parameters())
    losses = []
    for _ in range(3):
        tokens = torch.randint(50, (30,))
        loss = F.cross_entropy(network(tokens), tokens)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.detach())
        network.eval()
        with torch.no_grad():
            losses.append(network(tokens).mean())
        network.train()
    found = {key: value.clone() for key, value in network.state_dict().items()}
    found["losses"] = torch.stack(losses)
    found["random"] = torch.get_rng_state()
    if dropout:
        found["calls"] = torch.tensor(network.calls)
    return found


def exact() -> dict[str, Any]:
    return program(0.2, lambda p: torch.optim.AdamW(p, lr=1e-2))


def compiled_program() -> dict[str, Any]:
    torch.manual_seed(0)
    torch._dynamo.reset()
    network = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 4))
    loss = torch.compile(network, backend="aot_eager")(torch.randn(8, 16)).square().mean()
    loss.backward()
    found = {f"gradient {i}": p.grad for i, p in enumerate(network.parameters())}
    return {**found, "loss": loss.detach(), "random": torch.get_rng_state()}


def linear() -> dict[str, Any]:
    return program(0.0, lambda p: torch.optim.SGD(p, 0.1))


def looked_at() -> dict[str, Any]:
    torch.manual_seed(0)
    network = Network(0.0)
    tokens = torch.randint(50, (30,))
    logits = network(tokens).float()
    F.cross_entropy(logits[1:], tokens[1:]).backward(retain_graph=True)
    logits.square().mean().backward()
    return {name: one.grad for name, one in network.named_parameters()}


#: Fixes, the program, and how far its results may be from those without: relative, 0 for bits.
SCENARIOS: dict[str, tuple[list[dict[str, Any]], Callable[[], dict[str, Any]], float]] = {
    "exact": (
        [
            {"fix": "checkpoint", "modules": ["Network.body", "Network.tail"]},
            {"fix": "offload", "modules": ["Network"]},
            {"fix": "early-update"},
            {"fix": "release"},
        ],
        exact,
        0.0,
    ),
    "release": ([{"fix": "release", "when": "evaluation"}], exact, 0.0),
    "profile": ([], exact, 0.0),
    "rounding": (
        [{"fix": "loss-in-pieces", "pieces": 3}, {"fix": "batch-in-pieces", "pieces": 3}],
        linear,
        1e-5,
    ),
    # Logits that are put off, and looked at besides.
    "last layer": ([{"fix": "loss-in-pieces", "pieces": 3}], looked_at, 1e-5),
    "precision": ([{"fix": "mixed-precision"}, {"fix": "lean-optimizer"}], linear, 2e-2),
    "compiled": ([{"fix": "compiled-plan", "budget": 0}], compiled_program, 0.0),
    "profile compiled": ([], compiled_program, 0.0),
}

#: Of scenarios that take long: whose functions raise there; the others' do elsewhere.
ALONE: dict[str, str | tuple[str, ...]] = {
    "last layer": "snug_fixes.last_linear",
    "compiled": "snug_fixes.compiled_",
    "profile compiled": ("snug_fixes.compiled_plan", "snug_fixes.profile:_note_compiled"),
}


@contextlib.contextmanager
def as_it_was() -> Iterator[None]:
    """Takes back what the hook changed in PyTorch."""
    import torch.optim.optimizer as optimizers
    from snug_hook import objects
    from torch._functorch import config, partitioners

    distributed = torch.distributed
    places = [
        *[
            (owner, name)
            for owner in (distributed, distributed.distributed_c10d)
            for name in objects.FUNCTIONS
        ],
        (torch.autograd, "backward"),
        (torch.autograd, "grad"),
        (nn.Module, "train"),
        (nn.Module, "__call__"),
        (F, "cross_entropy"),
        (torch, "compile"),
        (partitioners, "choose_saved_values_set"),
        (config, "enable_autograd_cache"),
        (torch.optim, "Adam"),
        (torch.optim, "AdamW"),
        (torch.optim.Optimizer, "__init__"),
        (torch.amp.GradScaler, "scale"),
        *[
            (owner, name)
            for owner in (nn.utils, nn.utils.clip_grad)
            for name in ("clip_grad_norm_", "clip_grad_value_")
        ],
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name in places]
    hooks = (optimizers._global_optimizer_pre_hooks, optimizers._global_optimizer_post_hooks)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
        for known in hooks:
            known.clear()


def forget() -> None:
    """What fixes and hook keep from run to run."""
    from snug_fixes import last_linear, loss_in_pieces, offload, profile, tell
    from snug_hook import guard, marks, settings, steps

    # Small tensors are to do here.
    offload.SMALLEST = loss_in_pieces.SMALLEST = last_linear.FEWEST = 1
    tell.said.clear()
    tell._told.clear()
    guard.problems.clear()
    marks.current.clear()
    steps.counts.clear()
    steps._leader = None
    settings.steps = 0
    profile._done.clear()
    profile._networks.clear()
    profile.facts["compiled"] = False
    profile.facts["losses"].clear()


def run(name: str, arm: str) -> tuple[dict[str, Any], str]:
    """The results of a scenario with |arm| raising, and what was printed to standard error."""
    global armed
    import json

    import snug_fixes
    from snug_hook import begin, ending, settings

    fixes, make, _ = SCENARIOS[name]
    printed = io.StringIO()
    with as_it_was(), tempfile.TemporaryDirectory() as folder:
        forget()
        settings.directory = folder
        settings.profile = name.startswith("profile")
        settings.fixes = os.path.join(folder, "fixes.json")
        Path(settings.fixes).write_text(json.dumps(fixes), encoding="utf-8")
        armed = arm
        try:
            with contextlib.redirect_stderr(printed):
                begin.after_import(torch)
                results = make()
                ending._written_by = 0
                ending.write("end")
        finally:
            armed = ""
            names = dict(reached)
            snug_fixes.take_back(torch)
            reached.clear()
            reached.update(names)
    return results, printed.getvalue()


def compare(one: dict[str, Any], other: dict[str, Any], tolerance: float) -> list[str]:
    wrong = []
    for key, a in one.items():
        b = other[key]
        if tolerance == 0 or not a.is_floating_point():
            if not torch.equal(a, b):
                wrong.append(key)
        elif (a - b).norm() > tolerance * a.norm() + 1e-9:
            wrong.append(f"{key} by {float((a - b).norm() / a.norm()):.1e}")
    return wrong


def check(scenario: str) -> Iterator[tuple[str, list[str]]]:
    """Each function that the scenario reaches, and what was wrong when it raised."""
    _, make, tolerance = SCENARIOS[scenario]
    plain = make()
    reached.clear()
    results, printed = run(scenario, "")
    wrong = compare(plain, results, tolerance)
    yield f"{scenario}: nothing raises", wrong
    for name in sorted(reached):
        if not name.startswith(ALONE.get(scenario, "")):
            continue
        is_teller = ":tell" in name
        try:
            results, printed = run(scenario, name)
            wrong = compare(plain, results, tolerance)
            if not is_teller and name.split(":")[0] not in printed and "Injected" not in printed:
                wrong.append(f"nothing was said: {printed!r}")
        except Exception:
            wrong = [traceback.format_exc()]
        yield f"{scenario}: {name}", wrong


# ---- What happens at the import of PyTorch: a process each, with something else called torch

FAKE = "__version__ = '2.0'\ncuda = '13.0'\n"


def check_imports() -> Iterator[tuple[str, list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "torch"
        package.mkdir()
        (package / "__init__.py").write_text("from torch import version\nanswer = 42\n")
        (package / "version.py").write_text(FAKE)
        names = import_run(folder, "")[1]
        for name in ["", *names]:
            output, _, errors = import_run(folder, name)
            wrong = [] if output == "42\n" else [f"printed {output!r}", errors]
            # What tells of failures cannot tell of its own.
            if name and "Injected" not in errors and ":tell" not in name:
                wrong.append("nothing was said")
            yield f"import: {name or 'nothing raises'}", wrong


def import_run(folder: str, name: str) -> tuple[str, list[str], str]:
    """What a program prints that imports torch, the functions it reached, and its errors."""
    record = Path(folder) / "reached"
    environment = {
        **os.environ,
        "SNUG_HOOK": f"directory={folder};steps=0",
        "SNUG_TEST_ARM": name,
        "SNUG_TEST_REACHED": str(record),
        "PYTHONPATH": folder,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-S", str(Path(__file__).with_name("import_with_faults.py"))],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    names = record.read_text().split() if record.exists() else []
    return done.stdout, names, done.stderr


def main() -> int:
    torch.set_num_threads(1)
    passed = failed = 0
    for source in (*map(check, SCENARIOS), check_imports()):
        for name, wrong in source:
            if wrong:
                print(f"FAIL {name}", *wrong[:4], sep="\n     ")
            passed, failed = passed + (not wrong), failed + bool(wrong)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
