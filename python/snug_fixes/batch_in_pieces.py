"""batch-in-pieces: the outermost module's batch goes through it in pieces, inside the program's
step.

Each piece keeps only its inputs, and is computed again in backward, one after the other; the
outputs are put together, and the program goes on as if nothing had happened: its loss, its loop,
its counts and its optimizer see one batch. Costs one more forward pass. Rounding; with batch
norm, whose means are then of a piece, statistics.

What is cut: arguments whose first dimension is the batch's, that of the first tensor among them.
Outputs come back in the same containers: tensors of the batch are joined, numbers (a loss that the
network itself works out) are averaged by the samples of the pieces, or by the labels that count
where there is an argument called labels. What cannot be put together is left alone, and said.

Option "pieces": how many.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from snug_fixes import calls, recompute
from snug_fixes.calls import LeftAlone

FIDELITY = "rounding"
IGNORED_LABEL = -100  # PyTorch's ignore_index


def _tensors(value: Any, torch: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in _tensors(part, torch)]
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in _tensors(part, torch)]
    return []


def _cut(value: Any, torch: Any, batch: int, piece: slice) -> Any:
    """|value| with each tensor of the batch cut to |piece|."""
    if isinstance(value, torch.Tensor):
        return value[piece] if value.dim() > 0 and value.shape[0] == batch else value
    if isinstance(value, dict):
        cut = {key: _cut(part, torch, batch, piece) for key, part in value.items()}
        return cut if type(value) is dict else type(value)(cut)
    if isinstance(value, list) and type(value) is list:
        return [_cut(part, torch, batch, piece) for part in value]
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_cut(part, torch, batch, piece) for part in value)
    return value


def _join_numbers(parts: list[Any], weights: list[Any]) -> Any:
    total = sum(weights)
    return sum(part * (weight / total) for part, weight in zip(parts, weights))


def _join(parts: list[Any], torch: Any, sizes: list[int], weights: list[Any]) -> Any:
    """One output out of those of the pieces."""
    first = parts[0]
    if isinstance(first, torch.Tensor):
        if all(part.dim() > 0 and part.shape[0] == size for part, size in zip(parts, sizes)):
            return torch.cat(parts)
        if first.dim() == 0 and first.is_floating_point():
            return _join_numbers(parts, weights)
        raise LeftAlone(f"an output of shape {tuple(first.shape)} has no batch dimension")
    if first is None or isinstance(first, (bool, int, str)):
        if any(part != first for part in parts):
            raise LeftAlone(f"an output differs from piece to piece: {first!r}")
        return first
    if isinstance(first, dict):
        joined = {key: _join([part[key] for part in parts], torch, sizes, weights) for key in first}
        return joined if type(first) is dict else type(first)(**joined)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        columns = zip(*parts)
        return type(first)(*(_join(list(column), torch, sizes, weights) for column in columns))
    if isinstance(first, (list, tuple)) and type(first) in (list, tuple):
        return type(first)(_join(list(column), torch, sizes, weights) for column in zip(*parts))
    if dataclasses.is_dataclass(first):
        fields = {
            field.name: _join([getattr(part, field.name) for part in parts], torch, sizes, weights)
            for field in dataclasses.fields(first)
        }
        return type(first)(**fields)
    raise LeftAlone(f"an output is a {type(first).__name__}")


def _weight(torch: Any, kwargs: dict[str, Any], size: int) -> Any:
    labels = kwargs.get("labels")
    if isinstance(labels, torch.Tensor) and not labels.is_floating_point():
        return (labels != IGNORED_LABEL).sum().float()
    return float(size)


def has_sequences_first(torch: Any, module: Any) -> bool:
    """Whether the first dimension may be time and not the batch: so recurrent networks and
    PyTorch's attention take it unless they are told otherwise."""
    kinds = (torch.nn.RNNBase, torch.nn.MultiheadAttention)
    return any(isinstance(part, kinds) and not part.batch_first for part in module.modules())


def _check_order(torch: Any, module: Any) -> None:
    if has_sequences_first(torch, module):
        raise LeftAlone("its sequences may come first, and not its batch (batch_first=False)")


def install(torch: Any, options: dict[str, Any]) -> None:
    wanted = max(1, int(options.get("pieces", 2)))

    def wrapper(call: Any, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tensors = _tensors((args, kwargs), torch)
        batch = tensors[0].shape[0] if tensors and tensors[0].dim() > 0 else 0
        if not module.training or batch < 2:
            return call(*args, **kwargs)
        _check_order(torch, module)
        rows = -(-batch // min(wanted, batch))
        parts, sizes, weights = [], [], []
        for at in range(0, batch, rows):
            piece = slice(at, min(at + rows, batch))
            cut_args = _cut(args, torch, batch, piece)
            cut_kwargs = _cut(kwargs, torch, batch, piece)
            try:
                parts.append(recompute.checkpointed(torch, call, module, cut_args, cut_kwargs))
            except torch.cuda.OutOfMemoryError:
                raise
            except Exception as error:
                raise LeftAlone(f"it does not take a piece of its batch: {error!r}") from error
            sizes.append(piece.stop - piece.start)
            weights.append(_weight(torch, cut_kwargs, sizes[-1]))
        return _join(parts, torch, sizes, weights)

    calls.install(torch)
    calls.wrap_outermost("batch-in-pieces", wrapper)


def take_back(torch: Any) -> None:
    pass
