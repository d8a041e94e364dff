"""Notices the import of PyTorch, and of what else may be the first user of CUDA."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from snug_hook.guard import guarded, tell_failure

#: Modules that open CUDA's libraries by themselves, maybe before PyTorch does.
FIRST_USERS = frozenset(["torch", "pynvml", "triton", "cupy", "cuda", "nvidia", "pycuda", "numba"])

#: Frameworks that cannot be run dry: they have the runtime linked in.
OTHERS = frozenset(["jax", "jaxlib", "tensorflow", "paddle", "mxnet"])

#: Those of OTHERS that the program imported.
others: list[str] = []

#: Why importing PyTorch failed, as ImportError told it; "" while it did not.
failure = ""


#: Whether the stand-ins have come, or were looked for.
_prepared = False


def _find_elsewhere(
    name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
) -> ModuleSpec | None:
    for finder in list(sys.meta_path):
        find = None if isinstance(finder, Watch) else getattr(finder, "find_spec", None)
        spec = find(name, path, target) if find is not None else None
        if spec is not None:
            return spec
    return None


@guarded
def _prepare() -> None:
    """Before whatever opens CUDA's libraries first: the stand-ins that PyTorch will need."""
    global _prepared
    if _prepared:
        return
    spec = _find_elsewhere("torch")
    if spec is not None and spec.submodule_search_locations:
        _prepared = True
        from snug_hook import standins

        standins.prepare(list(spec.submodule_search_locations))


class Watch:
    """A finder that finds nothing itself. It asks the others, and wraps what loads the modules
    that matter: to be looked for is not to be imported (transformers and diffusers look for
    PyTorch, JAX and TensorFlow alike)."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        try:
            if name not in FIRST_USERS and name not in OTHERS:
                return None
            spec = _find_elsewhere(name, path, target)
            if spec is None:
                return None
            if hasattr(spec.loader, "exec_module") and spec.origin is not None:
                spec.loader = Loader(name, spec.loader)  # type: ignore[assignment]
                return spec
            # Folders without a module of their own, whose parts are users: cuda.bindings.
            if name in FIRST_USERS:
                _prepare()
            return None
        except Exception as error:
            tell_failure(Watch.find_spec, error)
            return None


@guarded
def _watch_exit() -> None:
    from snug_hook import ending

    ending.watch_exit()


@guarded
def _note_other(name: str) -> None:
    if name not in others:
        others.append(name)
        _watch_exit()


@guarded
def _begin(module: ModuleType) -> None:
    from snug_hook import begin

    begin.after_import(module)


class Loader:
    """A module's own loader: the stand-ins come before it, the hook's start behind PyTorch's."""

    def __init__(self, name: str, loader: Any) -> None:
        self.name = name
        self.loader = loader
        self.create_module = loader.create_module

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    @guarded
    def step_aside(self, module: ModuleType) -> None:
        """The module has its own loader, as without the hook."""
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader

    def exec_module(self, module: ModuleType) -> None:
        global failure
        try:
            self.step_aside(module)
        except Exception as error:
            tell_failure(self.step_aside, error)
        if self.name in OTHERS:
            _note_other(self.name)
        else:
            _prepare()
        if self.name != "torch":
            self.loader.exec_module(module)
            return
        try:
            self.loader.exec_module(module)
        except ImportError as error:
            failure = str(error)
            raise
        finally:
            _watch_exit()
        _begin(module)
