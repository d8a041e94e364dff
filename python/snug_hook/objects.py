"""Objects that ranks send each other arrive whole.

PyTorch's collectives for Python objects (`all_gather_object` and the like) do arithmetic on the
card in between: the largest of the sizes, a concatenation of what is sent. A dry run computes
nothing there, so inside those functions, and nowhere else, that arithmetic is done on the host with
the numbers that came from it. The program's tensors are where they would be, and as large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from snug_hook.guard import guarded

FUNCTIONS = (
    "all_gather_object",
    "gather_object",
    "broadcast_object_list",
    "scatter_object_list",
    "send_object_list",
    "recv_object_list",
)

#: What those functions compute, by the names that torch functions have.
ARITHMETIC = frozenset(["cat", "max", "sum", "add", "add_", "gt", "lt"])


def tensors_in(torch: Any, values: Any) -> Iterator[Any]:
    """The tensors among arguments, in lists and tuples as well."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(torch, value)


def to_host(torch: Any, value: Any) -> Any:
    """|value| with every tensor on the host."""
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, (list, tuple)):
        return [to_host(torch, one) for one in value]
    return value


def make_mode(torch: Any) -> Any:
    """A mode under which ARITHMETIC on a card's tensors is done on the host."""

    class OnHost(torch.overrides.TorchFunctionMode):  # type: ignore[name-defined, misc]
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if getattr(function, "__name__", "") in ARITHMETIC and not kwargs:
                devices = [one.device for one in tensors_in(torch, args) if one.is_cuda]
                if devices:
                    result = function(*to_host(torch, list(args)))
                    return result.to(devices[0]) if isinstance(result, torch.Tensor) else result
            return function(*args, **kwargs)

    return OnHost


def exact(function: Callable[..., Any], mode: Any) -> Callable[..., Any]:
    """|function| under |mode|."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with mode():
            return function(*args, **kwargs)

    call._torchdynamo_disable = True  # type: ignore[attr-defined]
    return call


@guarded
def install(torch: Any) -> None:
    """Puts the functions of torch.distributed under the mode, where there are any."""
    distributed = torch.distributed
    if not distributed.is_available():
        return
    mode = make_mode(torch)
    for module in (distributed, distributed.distributed_c10d):
        for name in FUNCTIONS:
            function = getattr(module, name, None)
            if function is not None and not hasattr(function, "snug"):
                call = exact(function, mode)
                call.snug = True  # type: ignore[attr-defined]
                setattr(module, name, call)
