"""offload: activations that chosen modules keep for backward wait in pinned host memory.

Changes nothing in the results: the same bytes come back. Costs two copies of each over the bus.
Parameters, and tensors below SMALLEST bytes, stay where they are. In a dry run no bytes are kept:
what comes back is as large.

Option "modules": names of parts (parts.py).
"""

from __future__ import annotations

from typing import Any

import snug_fixes
from snug_fixes import calls, parts
from snug_fixes.tell import tell

FIDELITY = "exact"
SMALLEST = 1 << 20

Packed = tuple[Any, Any]  # the device that it was on, and it on the host


def _stays(torch: Any, tensor: Any) -> bool:
    if tensor.numel() * tensor.element_size() < SMALLEST:
        return True
    return isinstance(tensor, torch.nn.Parameter) or isinstance(tensor._base, torch.nn.Parameter)


def _to_host(torch: Any, tensor: Any) -> Packed:
    on_card = tensor.device.type == "cuda"
    if on_card and snug_fixes.dry:
        return tensor.device, torch.empty_like(tensor, device="meta")
    host = torch.empty_like(tensor, device="cpu", pin_memory=on_card)
    host.copy_(tensor, non_blocking=on_card)
    return tensor.device, host


def _back(torch: Any, packed: Packed) -> Any:
    device, host = packed
    if host.device.type == "meta":
        return torch.empty_like(host, device=device)
    return host.to(device, non_blocking=device.type == "cuda")


def _prove(torch: Any) -> None:
    """In backward there is no way back: what can fail there, fails before."""
    one = torch.ones(1)
    if not torch.equal(_back(torch, _to_host(torch, one)), one):
        raise RuntimeError("a tensor came back changed")


def install(torch: Any, options: dict[str, Any]) -> None:
    names = list(options.get("modules", []))

    def pack(tensor: Any) -> Any:
        try:
            return tensor if _stays(torch, tensor) else _to_host(torch, tensor)
        except Exception as error:
            tell(f"offload: a tensor stays on the card: {error!r}")
            return tensor

    def unpack(packed: Any) -> Any:
        return _back(torch, packed) if isinstance(packed, tuple) else packed

    def wrapper(call: Any, part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            return call(*args, **kwargs)

    _prove(torch)
    unpack(pack(torch.ones(1)))
    calls.install(torch)
    calls.wrap_parts(
        "offload", wrapper, lambda module, of: parts.chosen(module, of, names, "offload")
    )


def take_back(torch: Any) -> None:
    pass
