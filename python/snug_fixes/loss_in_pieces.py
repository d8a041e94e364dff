"""loss-in-pieces: cross-entropy of a large vocabulary goes through the logits in pieces.

Logits of N tokens and V words are, in PyTorch, four and more times their size: a copy in float32,
its log-softmax, and gradients of both. Here a piece of the tokens at a time is turned into its loss
and its gradient, in float32, and one tensor of the logits' size and type is kept: the gradient,
made in the forward pass. Where the logits come from the network's last linear layer, they are not
made at all (last_linear.py). Changes the results by rounding (sums of pieces); no second
derivatives.

Option "pieces": how many.
"""

from __future__ import annotations

from typing import Any

from snug_fixes import last_linear
from snug_fixes.tell import tell

FIDELITY = "rounding"

#: Below so many bytes of logits nothing is gained.
SMALLEST = 1 << 20

_original: Any = None


def piece_of_loss(
    torch: Any, logits: Any, target: Any, wanted: Any, smoothing: float, scale: Any
) -> tuple[Any, Any]:
    """Of a piece (n, classes): the sum of the losses that are wanted, and the logits' gradient."""
    classes = torch.where(wanted, target, 0).unsqueeze(1)
    logs = torch.log_softmax(logits.float(), dim=1)
    losses = -logs.gather(1, classes).squeeze(1)
    if smoothing > 0:
        losses = (1 - smoothing) * losses - smoothing * logs.mean(dim=1)
    total = torch.where(wanted, losses, 0).sum()
    part = logs.exp_()
    if smoothing > 0:
        part -= smoothing / logits.shape[1]
    part.scatter_add_(1, classes, torch.full_like(classes, smoothing - 1, dtype=part.dtype))
    part *= (wanted * scale).unsqueeze(1)
    return total, part


def _make_function(torch: Any, pieces: int) -> Any:
    class CrossEntropyInPieces(torch.autograd.Function):
        """Loss of logits (N, V) and classes (N,); mean over those not |ignored|, or sum."""

        @staticmethod
        def forward(
            ctx: Any, logits: Any, target: Any, ignored: int, smoothing: float, mean: bool
        ) -> Any:
            wanted = target != ignored
            # A mean over nothing is NaN, as PyTorch has it.
            scale = 1.0 / wanted.sum().float() if mean else torch.ones((), device=logits.device)
            gradient = torch.empty_like(logits) if logits.requires_grad else None
            total = torch.zeros((), dtype=torch.float32, device=logits.device)
            rows = -(-logits.shape[0] // pieces)
            for at in range(0, logits.shape[0], rows):
                piece = slice(at, at + rows)
                loss, part = piece_of_loss(
                    torch, logits[piece], target[piece], wanted[piece], smoothing, scale
                )
                total += loss
                if gradient is not None:
                    gradient[piece] = part
            # Saved as PyTorch saves: it is gone behind backward, though the loss lives on.
            if gradient is not None:
                ctx.save_for_backward(gradient)
            ctx.used = None  # address and factor of the last backward pass
            loss = total * scale
            is_cast = torch.is_autocast_enabled(logits.device.type)
            return loss if is_cast else loss.to(logits.dtype)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, upstream: Any) -> Any:
            # The gradient is this function's own, so it is scaled in place (|data|: no version is
            # counted); in a second backward pass (retain_graph) what the first has done is taken
            # back, but where it comes back from elsewhere (offload).
            (gradient,) = ctx.saved_tensors
            factor = upstream.float()
            if ctx.used is not None and ctx.used[0] == gradient.data_ptr():
                factor = factor / ctx.used[1]
            ctx.used = gradient.data_ptr(), upstream.float()
            gradient.data.mul_(factor.to(gradient.dtype))
            return gradient, None, None, None, None

    return CrossEntropyInPieces


def _prove(torch: Any, function: Any) -> None:
    """In backward there is no way back: what can fail there, fails before."""
    with torch.enable_grad():
        logits = torch.zeros(2, 2, requires_grad=True)
        function.apply(logits, torch.zeros(2, dtype=torch.int64), -100, 0.0, True).backward()
    wanted = torch.tensor([[-0.25, 0.25], [-0.25, 0.25]])
    if logits.grad is None or not torch.allclose(logits.grad, wanted):
        raise RuntimeError(f"a gradient is {logits.grad}")


def install(torch: Any, options: dict[str, Any]) -> None:
    global _original
    pieces = max(1, int(options.get("pieces", 8)))
    function, fused = _make_function(torch, pieces), last_linear.make_loss(torch, pieces)
    deferred: Any = ()  # of which type logits are that were put off
    functional = torch.nn.functional
    original = functional.cross_entropy

    def fits(logits: Any, target: Any, weight: Any, reduction: str) -> bool:
        return (
            isinstance(logits, torch.Tensor)
            and logits.dim() == 2
            and target.dim() == 1
            and not target.is_floating_point()
            and weight is None
            and reduction in ("mean", "sum")
            and logits.is_floating_point()
            and logits.dtype != torch.float64
            and logits.numel() * logits.element_size() >= SMALLEST
            and torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
        )

    def in_pieces(
        input: Any,
        target: Any,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> Any:
        """The loss; None where it is left to PyTorch."""
        if size_average is not None or reduce is not None:
            return None
        if not fits(input, target, weight, reduction):
            return None
        mean = reduction == "mean"
        if isinstance(input, deferred) and input.root.logits is None:
            root, is_cast = input.root, torch.is_autocast_enabled(input.device.type)
            dtype = torch.float32 if is_cast else input.dtype
            settings = (ignore_index, label_smoothing, mean, dtype)
            return fused.apply(input.rows(), root.weight, root.bias, root, target, settings)
        return function.apply(input, target, ignore_index, label_smoothing, mean)

    def cross_entropy(*args: Any, **kwargs: Any) -> Any:
        try:
            loss = in_pieces(*args, **kwargs)
            if loss is not None:
                return loss
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:
            tell(f"loss-in-pieces: a loss is left as it is: {error!r}")
        return original(*args, **kwargs)

    _prove(torch, function)
    try:
        deferred = last_linear.install(torch, SMALLEST, fused)
    except Exception as error:
        tell(f"loss-in-pieces: logits of the last layer are made: {error!r}")
    functional.cross_entropy = cross_entropy
    _original = original


def take_back(torch: Any) -> None:
    global _original
    if _original is not None:
        torch.nn.functional.cross_entropy = _original
    _original = None
