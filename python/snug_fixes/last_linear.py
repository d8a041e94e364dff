"""The last linear layer, put off until the loss: loss-in-pieces never has the whole logits.

The widest linear layer of a network, where it is the only one of its width, returns a tensor
without memory of its own (Deferred) that knows its inputs. Views of its rows, slices of them, casts
and what batch-in-pieces joins are put off with it. A cross-entropy takes the inputs instead, and
works out a piece of the logits at a time: its loss, and the gradients of inputs, weight and bias.
Any other use makes the logits, and goes on as if they had been there from the start: autograd sees
a linear layer (Hold).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from snug_fixes import calls
from snug_fixes.tell import tell

#: Fewer classes than these are no vocabulary.
FEWEST = 4096


#: Of a graph of autograd's: what may lie between such a layer and its loss, and the layer.
BETWEEN = ("View", "UnsafeView", "Slice", "ToCopy", "Alias", "Clone", "ReshapeAlias")
LAYERS = ("Addmm", "Mm", "Linear")


def is_last(logits: Any) -> bool:
    """Whether |logits| are a linear layer's outputs, as far as autograd tells."""
    node = logits.grad_fn
    for _ in range(8):
        kind = type(node).__name__.split("Backward")[0]
        if kind not in BETWEEN:
            return kind in LAYERS
        node = node.next_functions[0][0]
    return False


class Root:
    """A linear layer that was put off: inputs (..., in), and what its outputs will be."""

    def __init__(self, torch: Any, inputs: Any, module: Any, dtype: Any) -> None:
        self.torch = torch
        self.inputs, self.weight, self.bias, self.dtype = inputs, module.weight, module.bias, dtype
        self.device = inputs.device
        self.logits: Any = None  # made after all

    def make(self) -> Any:
        if self.logits is None:
            tensors = (self.inputs, self.weight, self.bias)
            parts = [one if one is None else one.detach().to(self.dtype) for one in tensors]
            with self.torch.no_grad():
                self.logits = self.torch.nn.functional.linear(*parts)
        return self.logits


class Joined:
    """Outputs of one layer, one after the other: what batch-in-pieces makes of its pieces."""

    def __init__(self, torch: Any, parts: list[Any]) -> None:
        self.torch, self.joined = torch, parts
        first = parts[0].root
        self.weight, self.bias, self.dtype = first.weight, first.bias, first.dtype
        self.device = first.device
        self.logits: Any = None

    @property
    def inputs(self) -> Any:
        return self.torch.cat([one.rows() for one in self.joined])

    def make(self) -> Any:
        if self.logits is None:
            with self.torch.no_grad():
                self.logits = self.torch.cat([one.made() for one in self.joined])
        return self.logits


def make_types(torch: Any) -> tuple[Any, Any]:
    """The tensor that is put off, and the function that autograd sees in its place."""
    aten = torch.ops.aten

    class Deferred(torch.Tensor):
        """Logits that are not there yet; |steps| were done to the rows of |root|."""

        @staticmethod
        def __new__(cls: Any, root: Any, shape: Any, dtype: Any, steps: Any = ()) -> Any:
            return torch.Tensor._make_wrapper_subclass(cls, shape, dtype=dtype, device=root.device)

        def __init__(self, root: Any, shape: Any, dtype: Any, steps: Any = ()) -> None:
            self.root, self.steps = root, steps

        __torch_function__ = torch._C._disabled_torch_function_impl

        def made(self) -> Any:
            value = self.root.make()
            for function, arguments in self.steps:
                value = function(value, *arguments)
            return value

        def rows(self) -> Any:
            """The inputs of these rows, (rows, in)."""
            inputs = self.root.inputs
            for function, arguments in self.steps:
                if function is aten.view.default:
                    inputs = inputs.reshape(*arguments[0][:-1], inputs.shape[-1])
                elif function is aten.slice.Tensor:
                    inputs = function(inputs, *arguments)
            return inputs

        @classmethod
        def __torch_dispatch__(
            cls: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            try:
                later = put_off(function, args, kwargs or {})
                if later is not None:
                    return later
            except Exception as error:
                tell(f"loss-in-pieces: logits are made: {error!r}")
            return with_logits(function, args, kwargs or {})

    def with_logits(function: Any, args: Any, kwargs: Any) -> Any:
        """What |function| does to the logits themselves."""
        made = torch.utils._pytree.tree_map_only(Deferred, Deferred.made, (args, kwargs))
        result = function(*made[0], **made[1])
        # What changed its first argument returns it.
        changes = function._schema.is_mutable and args and isinstance(args[0], Deferred)
        return args[0] if changes else result

    def joined(parts: Any) -> Any:
        if not all(isinstance(one, Deferred) and one.root.logits is None for one in parts):
            return None
        first = parts[0]
        for one in parts:
            if one.root.weight is not first.root.weight or one.shape[1:] != first.shape[1:]:
                return None
            if one.dtype != first.dtype or one.dtype != one.root.dtype:
                return None
        shape = (sum(one.shape[0] for one in parts), *first.shape[1:])
        return Deferred(Joined(torch, list(parts)), shape, first.dtype)

    def put_off(function: Any, args: Any, kwargs: Any) -> Any:
        """A step on the rows that needs no logits; None: it needs them."""
        self = args[0] if args else None
        if function is aten.cat.default and (len(args) == 1 or args[1] == 0):
            return joined(args[0])
        if not isinstance(self, Deferred) or self.root.logits is not None:
            return None
        classes, shape, dtype = self.shape[-1], self.shape, self.dtype
        if function in (aten.view.default, aten._unsafe_view.default):
            wanted = list(args[1])
            if not wanted or wanted[-1] not in (classes, -1) or classes == 0:
                return None
            rows = torch.empty(shape[:-1], device="meta").view(wanted[:-1] or [1]).shape
            if rows.numel() * classes != shape.numel() or len(wanted) < 2:
                return None
            step, shape = (aten.view.default, ([*rows, classes],)), (*rows, classes)
        elif function is aten.slice.Tensor and not kwargs:
            dim = args[1] if len(args) > 1 else 0
            if dim % len(shape) == len(shape) - 1:
                if args[2:] and (args[2] not in (None, 0) or args[3] < classes):
                    return None
                return Deferred(self.root, shape, dtype, self.steps)
            shape = aten.slice.Tensor(torch.empty(shape, device="meta"), *args[1:]).shape
            step = (function, args[1:])
        elif function is aten._to_copy.default and set(kwargs) == {"dtype"}:
            dtype = kwargs["dtype"]
            if not dtype.is_floating_point:
                return None
            step = (torch.Tensor.to, (dtype,))
        elif function is aten.alias.default:
            return Deferred(self.root, shape, dtype, self.steps)
        else:
            return None
        return Deferred(self.root, shape, dtype, (*self.steps, step))

    class Hold(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, inputs: Any, weight: Any, bias: Any, root: Any) -> Any:
            ctx.save_for_backward(inputs, weight)
            ctx.dtype = root.dtype
            return Deferred(root, (*inputs.shape[:-1], weight.shape[0]), root.dtype)

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            inputs, weight = ctx.saved_tensors
            rows = upstream.reshape(-1, weight.shape[0]).to(ctx.dtype)
            needs = ctx.needs_input_grad
            to_inputs = rows @ weight.to(ctx.dtype) if needs[0] else None
            wide = inputs.reshape(-1, inputs.shape[-1]).to(ctx.dtype)
            return (
                to_inputs.reshape(inputs.shape).to(inputs.dtype) if needs[0] else None,
                (rows.t() @ wide).to(weight.dtype) if needs[1] else None,
                rows.sum(0).to(weight.dtype) if needs[2] else None,
                None,
            )

    return Deferred, Hold


def make_loss(torch: Any, pieces: int) -> Any:
    class LinearCrossEntropyInPieces(torch.autograd.Function):
        """Loss of rows (N, in) through |root|'s layer and classes (N,), as
        loss_in_pieces.CrossEntropyInPieces. Gradients are made in the forward pass."""

        @staticmethod
        def forward(
            ctx: Any, rows: Any, weight: Any, bias: Any, root: Any, target: Any, options: Any
        ) -> Any:
            from snug_fixes.loss_in_pieces import piece_of_loss

            ignored, smoothing, mean, dtype = options
            wide, own, offset = rows.to(root.dtype), weight.to(root.dtype), bias
            offset = None if bias is None else bias.to(root.dtype)
            wanted = target != ignored
            scale = 1.0 / wanted.sum().float() if mean else torch.ones((), device=rows.device)
            needs = ctx.needs_input_grad
            to_rows = torch.empty_like(wide) if needs[0] else None
            sums = {"device": rows.device, "dtype": torch.float32}
            to_weight = torch.zeros(weight.shape, **sums) if needs[1] else None
            to_bias = torch.zeros(weight.shape[0], **sums) if needs[2] else None
            total = torch.zeros((), **sums)
            step = max(1, -(-rows.shape[0] // pieces))
            for at in range(0, rows.shape[0], step):
                piece = slice(at, at + step)
                logits = torch.nn.functional.linear(wide[piece], own, offset)
                loss, part = piece_of_loss(
                    torch, logits, target[piece], wanted[piece], smoothing, scale
                )
                total += loss
                part = part.to(root.dtype)
                if to_rows is not None:
                    to_rows[piece] = part @ own
                if to_weight is not None:
                    to_weight += part.t() @ wide[piece]
                if to_bias is not None:
                    to_bias += part.sum(0)
            made = ((to_rows, rows), (to_weight, weight), (to_bias, bias))
            kept = [None if one is None else one.to(like.dtype) for one, like in made]
            ctx.save_for_backward(*kept)
            ctx.used = None  # address and factor of the last backward pass
            return (total * scale).to(dtype)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, upstream: Any) -> Any:
            # Scaled in place, as loss_in_pieces does.
            factor = upstream.float()
            kept = [one for one in ctx.saved_tensors if one is not None]
            address = kept[0].data_ptr() if kept else 0
            if ctx.used is not None and ctx.used[0] == address:
                factor = factor / ctx.used[1]
            ctx.used = address, upstream.float()
            for one in kept:
                one.data.mul_(factor.to(one.dtype))
            return (*ctx.saved_tensors, None, None, None)

    return LinearCrossEntropyInPieces


def _is_plain(torch: Any, module: Any) -> bool:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return (
        type(module) is torch.nn.Linear
        and "forward" not in module.__dict__
        and not any(getattr(module, name, None) for name in hooks)
        and type(module.weight) in (torch.Tensor, torch.nn.Parameter)
        and module.weight.is_floating_point()
    )


def last_of(torch: Any, network: Any) -> list[Any]:
    """The widest linear layer, where it is the only one of its width; [] otherwise."""
    layers = [part for part in network.modules() if isinstance(part, torch.nn.Linear)]
    widest = max((layer.out_features for layer in layers), default=0)
    found = [layer for layer in layers if layer.out_features == widest]
    return found if len(found) == 1 and widest >= FEWEST and _is_plain(torch, found[0]) else []


def _prove(torch: Any, hold: Any, loss: Any) -> None:
    """In backward there is no way back: what can fail there, fails before."""
    target, settings = torch.tensor([0, 2]), (-100, 0.0, True, torch.float32)
    found = []
    for way in range(3):
        rows = torch.tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True)
        weight = torch.tensor([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]], requires_grad=True)
        bias = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
        root = Root(torch, rows, SimpleNamespace(weight=weight, bias=bias), torch.float32)
        with torch.enable_grad():
            if way == 0:
                value = loss.apply(rows, weight, bias, root, target, settings)
            else:
                plain = torch.nn.functional.linear
                logits = hold.apply(*tensors(root)) if way == 1 else plain(rows, weight, bias)
                value = -logits.log_softmax(1)[[0, 1], target].mean()
            value.backward()
        found.append(torch.cat([one.grad.flatten() for one in (rows, weight, bias)]))
    for one in found:
        if not torch.allclose(one, found[2], atol=1e-6):
            raise RuntimeError(f"gradients are {one}, and are to be {found[2]}")


def tensors(root: Root) -> tuple[Any, ...]:
    """What Hold takes."""
    return root.inputs, root.weight, root.bias, root


def install(torch: Any, smallest: int, loss: Any) -> Any:
    """Puts last layers off whose logits have |smallest| bytes; |loss| is what make_loss() made.
    Returns the type of what is put off."""
    Deferred, Hold = make_types(torch)
    _prove(torch, Hold, loss)

    def wrapper(call: Any, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = args[0] if len(args) == 1 and not kwargs else None
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        if type(inputs) is not torch.Tensor or inputs.dim() < 2 or distributed:
            return call(*args, **kwargs)
        device, dtype = inputs.device.type, inputs.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        elif dtype != module.weight.dtype:
            return call(*args, **kwargs)
        rows = inputs.numel() // inputs.shape[-1] if inputs.shape[-1] else 0
        is_small = rows * module.out_features * dtype.itemsize < smallest
        if is_small or not _is_plain(torch, module) or dtype == torch.float64:
            return call(*args, **kwargs)
        return Hold.apply(*tensors(Root(torch, inputs, module, dtype)))

    calls.install(torch)
    calls.wrap_parts("loss-in-pieces", wrapper, lambda module, _: last_of(torch, module))
    return Deferred
