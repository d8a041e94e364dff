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


class Watch:
    """A finder that finds nothing itself. It asks the others, and wraps what loads PyTorch."""

    def __init__(self) -> None:
        self.prepared = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        try:
            return self.find(name, path, target)
        except Exception as error:
            tell_failure(Watch.find_spec, error)
            return None

    def find(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        if name in OTHERS:
            if name not in others:
                others.append(name)
                from snug_hook import ending

                ending.watch_exit()
            return None
        if name not in FIRST_USERS or self.prepared:
            return None
        spec = self.find_elsewhere("torch", path, target)
        if spec is None or spec.loader is None or not spec.submodule_search_locations:
            return None
        self.prepared = True
        from snug_hook import standins

        standins.prepare(list(spec.submodule_search_locations))
        if name == "torch":
            spec.loader = Loader(spec.loader)  # type: ignore[assignment]
            return spec
        # Another module came first: PyTorch's import is still to come.
        sys.meta_path.insert(0, Late(self))
        return None

    def find_elsewhere(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            if isinstance(finder, (Watch, Late)):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
        return None


class Late:
    """Wraps what loads PyTorch after the stand-ins have come for another module."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        try:
            if name != "torch":
                return None
            spec = self.watch.find_elsewhere(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = Loader(spec.loader)  # type: ignore[assignment]
            return spec
        except Exception as error:
            tell_failure(Late.find_spec, error)
            return None


@guarded
def _watch_exit() -> None:
    from snug_hook import ending

    ending.watch_exit()


@guarded
def _begin(module: ModuleType) -> None:
    from snug_hook import begin

    begin.after_import(module)


class Loader:
    """PyTorch's own loader, with the hook's start behind the import."""

    def __init__(self, loader: Any) -> None:
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
        try:
            self.loader.exec_module(module)
        except ImportError as error:
            failure = str(error)
            raise
        finally:
            _watch_exit()
        _begin(module)
