"""offload: activations that chosen modules keep for backward wait in pinned host memory.

Changes nothing in the results: the same bytes come back. Costs two copies of each over the bus.
Parameters, and tensors below SMALLEST bytes, stay where they are.

Option "modules": names of parts (parts.py).
"""

from __future__ import annotations

from typing import Any

from snug_fixes import calls, parts

FIDELITY = "exact"
SMALLEST = 1 << 20


def install(torch: Any, options: dict[str, Any]) -> None:
    names = list(options.get("modules", []))

    def pack(tensor: Any) -> Any:
        is_small = tensor.numel() * tensor.element_size() < SMALLEST
        if (
            is_small
            or isinstance(tensor, torch.nn.Parameter)
            or tensor._base is not None
            and (isinstance(tensor._base, torch.nn.Parameter))
        ):
            return tensor
        pinned = tensor.device.type == "cuda"
        host = torch.empty_like(tensor, device="cpu", pin_memory=pinned)
        host.copy_(tensor, non_blocking=pinned)
        return (tensor.device, host)

    def unpack(packed: Any) -> Any:
        if isinstance(packed, tuple):
            device, host = packed
            return host.to(device, non_blocking=device.type == "cuda")
        return packed

    def wrapper(call: Any, part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            return call(*args, **kwargs)

    calls.install(torch)
    calls.wrap_parts(
        "offload", wrapper, lambda module, of: parts.chosen(module, of, names, "offload")
    )


def take_back(torch: Any) -> None:
    pass
