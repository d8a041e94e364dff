"""A function of a notebook's in a process of its own: the cells that were run so far, in order,
then the function.

A cell that fails is left out, with a line on standard error: what a notebook shows or asks its user
is of no use there. Of the cell that is being run only imports, functions and classes count, since
the rest calls fit().
"""

from __future__ import annotations

import ast
import json
import os
import sys
from typing import Any

RUNNER = """
import json, linecache, sys
sys.path[:0] = {path!r}
class _Shell:
    def __getattr__(self, name):
        return lambda *args, **kwargs: None
def get_ipython():
    return _Shell()
def display(*args, **kwargs):
    pass
def _no_fit(*args, **kwargs):
    raise RuntimeError("this is a dry run of fit() already")
def _run_cells(path, names):
    try:
        import snug.torch
        snug.torch.fit = _no_fit
    except ImportError:
        pass
    with open(path, encoding="utf-8") as file:
        cells = json.load(file)
    for number, cell in enumerate(cells, 1):
        name = f"<cell {{number}}>"
        linecache.cache[name] = len(cell), None, cell.splitlines(True), name
        try:
            exec(compile(cell, name, "exec"), names)
        except Exception as error:
            print(f"snug: cell {{number}} is left out: {{error!r}}", file=sys.stderr)
_run_cells({cells!r}, globals())
{function}()
"""


def _definitions(cell: str) -> str:
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    try:
        body = ast.parse(cell).body
    except SyntaxError:
        return ""
    return "\n".join(ast.unparse(part) for part in body if isinstance(part, kinds))


def shell() -> Any:
    """IPython's, where this is a notebook or a session of it; else None."""
    if "IPython" not in sys.modules:
        return None
    return sys.modules["IPython"].get_ipython()


def program_of(function: str, folder: str) -> list[str]:
    """A command line that calls |function|; what it needs is written to |folder|."""
    cells = list(shell().user_ns.get("In", []))[1:]
    cells[-1:] = [_definitions(cell) for cell in cells[-1:]]
    written, script = (os.path.join(folder, name) for name in ("cells.json", "cells.py"))
    with open(written, "w", encoding="utf-8") as file:
        json.dump(cells, file)
    path = [entry or os.getcwd() for entry in sys.path]
    with open(script, "w", encoding="utf-8") as file:
        file.write(RUNNER.format(path=path, cells=written, function=function))
    return [sys.executable, script]
