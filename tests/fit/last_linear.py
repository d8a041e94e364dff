"""loss-in-pieces on logits of the last linear layer: programs that use them in many ways, with and
without. Imported by test_fixes.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import snug_fixes
import torch
import torch.nn.functional as F
from snug_fixes import last_linear
from torch import nn

CLASSES, ROWS, TIME = 5000, 15, 12


class Head(nn.Module):
    def __init__(self, tied: bool = False, bias: bool = True, dropout: float = 0.2) -> None:
        super().__init__()
        self.words = nn.Embedding(CLASSES, 16)
        self.body = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Dropout(dropout))
        self.head = nn.Linear(16, CLASSES, bias=bias)
        if tied:
            self.head.weight = self.words.weight

    def forward(self, tokens: Any) -> Any:
        return self.head(self.body(self.words(tokens)))


def flat(logits: Any, tokens: Any, **options: Any) -> Any:
    return F.cross_entropy(logits.view(-1, CLASSES), tokens.reshape(-1), **options)


def shifted(logits: Any, tokens: Any) -> Any:
    """As transformers did until 4.45: a slice of the rows, contiguous, in float32."""
    logits = logits.float()[..., :-1, :].contiguous()
    return nn.CrossEntropyLoss()(logits.view(-1, CLASSES), tokens[..., 1:].reshape(-1))


def padded(logits: Any, tokens: Any) -> Any:
    """As transformers does: the targets are shifted."""
    target = F.pad(tokens, (0, 1), value=-100)[..., 1:].reshape(-1)
    return F.cross_entropy(logits.float().view(-1, CLASSES), target, ignore_index=-100)


def with_z_loss(logits: Any, tokens: Any) -> Any:
    return flat(logits, tokens) + 1e-2 * logits.logsumexp(-1).square().mean()


def z_loss_first(logits: Any, tokens: Any) -> Any:
    return 1e-2 * logits.logsumexp(-1).square().mean() + flat(logits, tokens)


def in_place(logits: Any, tokens: Any) -> Any:
    logits /= 0.7
    return flat(logits, tokens)


def masked(logits: Any, tokens: Any) -> Any:
    view = logits.view(-1, CLASSES)
    view[:, 3] = -1e4
    return flat(logits, tokens)


def looked_at(logits: Any, tokens: Any) -> Any:
    loss = flat(logits, tokens)
    hits = (logits.argmax(-1) == tokens).float().mean()
    return loss + 0 * hits + 0 * float(logits.detach().cpu().numpy().sum())


def transposed(logits: Any, tokens: Any) -> Any:
    return F.cross_entropy(logits.transpose(1, 2), tokens)


def weighed(logits: Any, tokens: Any) -> Any:
    weight = torch.linspace(0.5, 1.5, CLASSES)
    return flat(logits, tokens, weight=weight)


def halves(logits: Any, tokens: Any) -> Any:
    return flat(logits[:6], tokens[:6]) + flat(logits[6:], tokens[6:], reduction="sum") / 50


def fewer_classes(logits: Any, tokens: Any) -> Any:
    few = CLASSES - 8
    return F.cross_entropy(logits[..., :few].reshape(-1, few), tokens.reshape(-1) % few)


def seen_by_hook(network: Any) -> None:
    network.head.register_forward_hook(lambda module, args, output: output * 0.5)


def frozen(network: Any) -> None:
    network.head.weight.requires_grad_(False)


def run(
    loss_of: Callable[[Any, Any], Any], prepare: Any = None, cast: bool = False, **options: Any
) -> dict[str, Any]:
    torch.manual_seed(0)
    network = Head(**options)
    if prepare:
        prepare(network)
    optimizer = torch.optim.SGD(network.parameters(), 0.5)
    found: dict[str, Any] = {}
    for step in range(3):
        tokens = torch.randint(CLASSES, (ROWS, TIME))
        with torch.autocast("cpu", torch.bfloat16, enabled=cast):
            loss = loss_of(network(tokens), tokens)
        loss.backward()
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                found[f"{step} {name}"] = parameter.grad.clone()
        optimizer.step()
        optimizer.zero_grad()
        found[f"{step} loss"] = loss.detach()
    return {**found, "random": torch.get_rng_state()}


#: Name -> the loss, options of run(), further fixes, whether no logits are ever made.
CASES: dict[str, tuple[Any, dict[str, Any], list[dict[str, Any]], bool]] = {
    "flat": (flat, {}, [], True),
    "tied": (flat, {"tied": True, "bias": False}, [], True),
    "frozen": (flat, {"prepare": frozen}, [], True),
    "smoothing": (lambda x, y: flat(x, y, label_smoothing=0.1), {}, [], True),
    "ignored": (lambda x, y: flat(x, y, ignore_index=7, reduction="sum"), {}, [], True),
    "shifted": (shifted, {}, [], True),
    "padded": (padded, {}, [], True),
    "halves": (halves, {}, [], True),
    "each": (lambda x, y: flat(x, y, reduction="none").mean(), {}, [], False),
    "weighed": (weighed, {}, [], False),
    "transposed": (transposed, {}, [], False),
    "z-loss": (with_z_loss, {}, [], False),
    "z-loss first": (z_loss_first, {}, [], False),
    "in place": (in_place, {}, [], False),
    "masked": (masked, {}, [], False),
    "looked at": (looked_at, {}, [], False),
    "fewer classes": (fewer_classes, {}, [], False),
    "hook": (flat, {"prepare": seen_by_hook}, [], True),
    "checkpoint": (shifted, {}, [{"fix": "checkpoint", "modules": ["Head"]}], True),
    "checkpoint of the head": (flat, {}, [{"fix": "checkpoint", "modules": ["Head.head"]}], True),
    "offload": (flat, {}, [{"fix": "offload", "modules": ["Head"]}], True),
    "batch in pieces": (
        padded,
        {"dropout": 0.0},
        [{"fix": "batch-in-pieces", "pieces": 3}],
        True,
    ),
}


def difference(one: dict[str, Any], other: dict[str, Any], tolerance: float) -> list[str]:
    wrong = [f"missing {key}" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        a, b = one[key].double(), other[key].double()
        if (a - b).norm() > tolerance * a.norm():
            wrong.append(f"{key} by {float((a - b).norm() / a.norm()):.1e}")
    return wrong


def check() -> list[tuple[str, list[str]]]:
    """Each case, and what is wrong with it."""
    made: list[int] = []
    original = last_linear.Root.make

    def make(self: Any) -> Any:
        made.append(self.logits is None)
        return original(self)

    results = []
    last_linear.Root.make = make
    try:
        for name, (loss, options, more, is_never_made) in CASES.items():
            plain = run(loss, **options)
            snug_fixes.apply(torch, [{"fix": "loss-in-pieces", "pieces": 5}, *more])
            made.clear()  # what the fix tried out
            try:
                wrong = difference(plain, run(loss, **options), 1e-5)
            except Exception as error:
                wrong = [repr(error)]
            finally:
                snug_fixes.take_back(torch)
            if any(made) == is_never_made:
                wrong.append("logits were made" if is_never_made else "no logits were made")
            results.append((f"last layer: {name}", wrong))
    finally:
        last_linear.Root.make = original
    return results
