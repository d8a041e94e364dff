"""mixed-precision: the outermost module runs under autocast to bfloat16.

Activations and the arithmetic that is safe in it take 16 bits, by PyTorch's own lists; weights,
gradients of weights and the optimizer's state stay float32, and outputs come back in float32. A
program that has autocast of its own is left as it is. Changes precision. No loss scaling is needed:
bfloat16 has float32's range.
"""

from __future__ import annotations

from typing import Any

from snug_fixes import calls
from snug_fixes.tell import tell

FIDELITY = "precision"


def _to_float32(value: Any, torch: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype == torch.bfloat16 else value
    if isinstance(value, dict):
        for key in list(value):
            value[key] = _to_float32(value[key], torch)
        return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_to_float32(part, torch) for part in value))
    if type(value) in (list, tuple):
        return type(value)(_to_float32(part, torch) for part in value)
    return value


def install(torch: Any, options: dict[str, Any]) -> None:
    def wrapper(call: Any, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        parameter = next(module.parameters())
        kind = parameter.device.type
        if torch.is_autocast_enabled(kind):
            tell("mixed-precision: the program has autocast of its own; it is left as it is")
            return call(*args, **kwargs)
        with torch.autocast(kind, dtype=torch.bfloat16):
            outputs = call(*args, **kwargs)
        return _to_float32(outputs, torch)

    calls.install(torch)
    calls.wrap_outermost("mixed-precision", wrapper)


def take_back(torch: Any) -> None:
    pass
