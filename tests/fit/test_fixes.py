#!/usr/bin/env python3
"""Fixes on the CPU against the same program without them, bit for bit.

    PYTHON tests/fit/test_fixes.py [STAND-INS]     prints N passed, N failed

STAND-INS is build/lib/snug/stand-in: a PyTorch that was installed without NVIDIA's packages needs
them to be imported. No card is used.

Every network runs 10 steps with and without each fix that applies: losses, gradients, weights,
buffers and random state are compared, bits for "exact" and 1e-5 relative for "rounding".
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))


def load_standins(folder: str) -> None:
    from importlib.util import find_spec

    from snug_hook import settings, standins

    os.environ["SNUG_STANDIN"] = "gpus=0"
    settings.standins = folder
    spec = find_spec("torch")
    standins.prepare(list(spec.submodule_search_locations or []) if spec else [])


if len(sys.argv) > 1:
    load_standins(sys.argv[1])

import last_linear  # noqa: E402
import snug_fixes  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from snug_fixes import tell  # noqa: E402
from torch import nn  # noqa: E402

STEPS = 10


# ---- Networks


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *[nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Dropout(0.2)) for _ in range(4)]
        )
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.layers(x))


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.drop = nn.Dropout2d(0.1)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(x + self.drop(self.bn2(self.conv2(out))), inplace=True)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*[Block(8) for _ in range(3)])
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.dropout = dropout
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)
        return self.out(y.transpose(1, 2).reshape(b, t, c))


class Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(width), Attention(width)
        self.ln2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.drop(self.mlp(self.ln2(x)))


class GPT(nn.Module):
    """Tied embedding and head, as GPT-2 has them."""

    def __init__(self, vocabulary: int = 40000) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary, 16)
        self.h = nn.ModuleList([Layer(16) for _ in range(3)])
        self.lm_head = nn.Linear(16, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens)
        for layer in self.h:
            x = layer(x)
        return self.lm_head(x)


class Experts(nn.Module):
    """A mixture with a counter, a list of losses and data-dependent routing."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(16, 4)
        self.experts = nn.ModuleList([nn.Linear(16, 16) for _ in range(4)])
        self.register_buffer("load", torch.zeros(4))
        self.calls = 0
        self.losses = []

    def forward(self, x):
        self.calls += 1
        scores = self.gate(x).softmax(-1)
        top = scores.argmax(-1)
        if self.training:
            self.load += torch.bincount(top, minlength=4)
        self.losses.append(scores.mean().detach())
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            rows = (top == i).nonzero().squeeze(1)
            out = out.index_add(0, rows, expert(x[rows]) * scores[rows, i : i + 1])
        return x + out


class Mixture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.moe = nn.Sequential(Experts(), Experts())
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        return self.fc(self.moe(x))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 16, 2, batch_first=True, dropout=0.2)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


class NoDropout(Recurrent):
    def __init__(self) -> None:
        super().__init__()
        self.lstm.dropout = 0.0


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU())
        self.mid = nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.SiLU())
        self.attn = Attention(8, dropout=0.0)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.out = nn.Conv2d(16, 5, 1)

    def forward(self, x):
        a = self.down(x)
        b = self.mid(a)
        n, c, h, w = b.shape
        b = b + self.attn(b.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(n, c, h, w)
        return self.out(torch.cat([a, self.up(b)], 1)).mean((2, 3))


class Spectral(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16)), nn.Tanh(), nn.Dropout(0.3)
        )
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        # Called three times a step.
        return self.fc(self.body(self.body(self.body(x))))


# ---- Programs: each runs STEPS steps and returns what is compared


def state_of(network: nn.Module, losses: list[Any], grads: list[Any]) -> dict[str, Any]:
    found = {f"state {k}": v.detach().clone() for k, v in network.state_dict().items()}
    found["losses"] = torch.stack(losses)
    found["random"] = torch.get_rng_state()
    for i, grad in enumerate(grads):
        found[f"grad {i}"] = grad
    for name, module in network.named_modules():
        if isinstance(module, Experts):
            found[f"calls {name}"] = torch.tensor([module.calls, len(module.losses)])
    return found


def train(
    make: Callable[[], nn.Module],
    sample: Callable[[], Any],
    optimizer: Callable[[Any], Any] = lambda p: torch.optim.AdamW(p, lr=1e-2),
    accumulate: int = 1,
    clip: bool = False,
    evaluate: bool = True,
    keep_grads: bool = True,
) -> dict[str, Any]:
    torch.manual_seed(0)
    network = make()
    network.train()
    opt = optimizer(network.parameters())
    losses, grads = [], []
    for step in range(STEPS):
        opt.zero_grad()
        for _ in range(accumulate):
            x = sample()
            classes = network(x)
            if x.dtype == torch.int64:
                loss = F.cross_entropy(classes.view(-1, classes.shape[-1]), x.reshape(-1))
            else:
                loss = F.cross_entropy(classes, torch.randint(5, (classes.shape[0],)))
            (loss / accumulate).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        if keep_grads:
            grads += [p.grad.clone() for p in network.parameters() if p.grad is not None]
        opt.step()
        losses.append(loss.detach())
        if evaluate and step % 4 == 1:
            network.eval()
            with torch.no_grad():
                losses.append(network(sample()).float().mean())
            network.train()
    return state_of(network, losses, grads)


def vector() -> Any:
    return torch.randn(8, 16)


def image() -> Any:
    return torch.randn(8, 3, 8, 8)


def tokens() -> Any:
    return torch.randint(40000, (4, 12))


def sequence() -> Any:
    return torch.randn(8, 6, 16)


def two_networks(**_: Any) -> dict[str, Any]:
    """A generator and a discriminator with an optimizer each."""
    torch.manual_seed(0)
    g = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16))
    d = nn.Sequential(nn.Linear(16, 16), nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.Linear(16, 1))
    og, od = torch.optim.Adam(g.parameters(), 1e-3), torch.optim.Adam(d.parameters(), 1e-3)
    losses = []
    for _ in range(STEPS):
        fake = g(torch.randn(8, 16))
        od.zero_grad()
        loss_d = F.softplus(d(fake.detach())).mean() + F.softplus(-d(torch.randn(8, 16))).mean()
        loss_d.backward()
        od.step()
        og.zero_grad()
        loss_g = F.softplus(-d(fake)).mean()
        loss_g.backward()
        og.step()
        losses += [loss_d.detach(), loss_g.detach()]
    return state_of(nn.ModuleList([g, d]), losses, [])


PROGRAMS: dict[str, tuple[Callable[[], dict[str, Any]], list[str]]] = {
    "mlp": (lambda: train(MLP, vector), ["MLP.layers.0", "MLP.layers.2"]),
    "resnet": (
        lambda: train(ResNet, image, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
        ["ResNet.blocks.0", "ResNet.blocks.1", "ResNet.blocks.2"],
    ),
    "resnet whole": (lambda: train(ResNet, image), ["ResNet"]),
    "gpt": (lambda: train(GPT, tokens), ["GPT.h.0", "GPT.h.1", "GPT.h.2"]),
    "gpt nested": (lambda: train(GPT, tokens), ["GPT.h.0", "GPT.h.0.mlp", "GPT.h.1.attn"]),
    "mixture": (lambda: train(Mixture, vector), ["Mixture.moe.0", "Mixture.moe.1"]),
    "lstm": (lambda: train(Recurrent, sequence), ["Recurrent.lstm"]),
    "unet": (lambda: train(UNet, image), ["UNet.down", "UNet.mid", "UNet.attn"]),
    "spectral": (lambda: train(Spectral, vector), ["Spectral.body"]),
    "two networks": (two_networks, ["Sequential", "Sequential#2"]),
    "accumulation": (lambda: train(ResNet, image, accumulate=3), ["ResNet.blocks"]),
    "clipping": (lambda: train(GPT, tokens, clip=True), ["GPT.h.1"]),
}


def compare(one: dict[str, Any], other: dict[str, Any], tolerance: float) -> list[str]:
    wrong = [f"missing {key}" for key in one.keys() ^ other.keys()]
    for key in one.keys() & other.keys():
        a, b = one[key], other[key]
        if tolerance == 0 or not a.is_floating_point():
            if not torch.equal(a, b):
                wrong.append(key)
        elif (a - b).norm() > tolerance * a.norm() + 1e-12:
            wrong.append(f"{key} by {float((a - b).norm() / a.norm()):.1e}")
    return wrong


def with_fixes(
    program: Callable[[], dict[str, Any]], fixes: list[dict[str, Any]]
) -> dict[str, Any]:
    tell.said.clear()
    tell._told.clear()
    snug_fixes.apply(torch, fixes)
    try:
        return program()
    finally:
        snug_fixes.take_back(torch)


def cases() -> list[tuple[str, Callable[[], dict[str, Any]], list[dict[str, Any]], float]]:
    found = []
    for name, (program, modules) in PROGRAMS.items():
        checkpoint = {"fix": "checkpoint", "modules": modules}
        offload = {"fix": "offload", "modules": modules}
        found.append((f"{name}: checkpoint", program, [checkpoint], 0.0))
        found.append((f"{name}: offload", program, [offload], 0.0))
        found.append((f"{name}: checkpoint and offload", program, [checkpoint, offload], 0.0))
    for make, sample, name in (
        (GPT, tokens, "gpt"),
        (MLP, vector, "mlp"),
        (ResNet, image, "resnet"),
    ):

        def plain(make: Any = make, sample: Any = sample) -> dict[str, Any]:
            return train(make, sample, keep_grads=False)

        found.append((f"{name}: early-update", plain, [{"fix": "early-update"}], 0.0))
    pieces = {"fix": "loss-in-pieces", "pieces": 5}

    def by_sgd() -> dict[str, Any]:
        # Adam would make as much of a gradient that is only rounding (of a key's bias) as of
        # others.
        return train(GPT, tokens, lambda p: torch.optim.SGD(p, 0.1))

    found.append(("gpt: loss-in-pieces", by_sgd, [pieces], 1e-5))
    batch = {"fix": "batch-in-pieces", "pieces": 3}
    for name, make, sample in (("unet", UNet, image), ("lstm", NoDropout, sequence)):

        def in_pieces(make: Any = make, sample: Any = sample) -> dict[str, Any]:
            return train(make, sample, lambda p: torch.optim.SGD(p, 0.1))

        # Dropout draws other numbers for pieces; these have none.
        found.append((f"{name}: batch-in-pieces", in_pieces, [batch], 1e-5))
    return found


def refusals() -> list[str]:
    """early-update refuses programs that need whole gradients, before a second update is lost."""
    from snug_fixes.early_update import Refused

    wrong = []
    for name, options in (("clipping", {"clip": True}), ("accumulation", {"accumulate": 2})):
        try:
            with_fixes(
                lambda options=options: train(MLP, vector, keep_grads=False, **options),
                [{"fix": "early-update"}],
            )
            wrong.append(name)
        except Refused:
            pass
    return wrong


class Noted(torch.nn.Module):
    """A part that says which of its activations are alive, also of a pass that runs again."""

    made: list[weakref.ref[torch.Tensor]] = []

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = torch.nn.Linear(8, 32), torch.nn.Linear(32, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = torch.nn.functional.gelu(self.up(x))
        Noted.made.append(weakref.ref(wide))
        return x + self.down(wide)


def most_alive(fixes: list[dict[str, Any]]) -> tuple[int, int]:
    """How many of six parts' activations are alive behind forward, and when the first part's
    turn comes in backward."""
    Noted.made.clear()
    network = torch.nn.Sequential(*[Noted() for _ in range(6)])
    in_backward: list[int] = []

    def count() -> int:
        return sum(one() is not None for one in Noted.made)

    network[0].up.weight.register_hook(lambda gradient: in_backward.append(count()))

    def program() -> dict[str, Any]:
        loss = network(torch.randn(3, 8)).sum()
        in_backward.append(count())
        loss.backward()
        return {}

    with_fixes(program, fixes)
    return in_backward[0], in_backward[1]


def memory() -> list[str]:
    """Results would be right, too, if checkpoint kept everything."""
    names = [f"Sequential.{i}" for i in range(6)]
    plain, fixed = most_alive([]), most_alive([{"fix": "checkpoint", "modules": names}])
    wrong = [] if plain[0] == 6 else [f"without fixes {plain} are alive"]
    return wrong if fixed[0] == 0 and fixed[1] <= 1 else [*wrong, f"with checkpoint {fixed}"]


def loss_is_freed() -> list[str]:
    """The loss in pieces keeps its gradient for a second backward pass, and not behind the last."""
    torch.manual_seed(0)
    tokens, target = torch.randn(64, 8192), torch.randint(8192, (64,))

    def program() -> dict[str, Any]:
        logits = tokens.clone().requires_grad_()
        loss = F.cross_entropy(logits * 1, target)
        (loss * 3).backward(retain_graph=True)
        (loss * 0.5).backward()
        found = {"gradient": logits.grad.flatten().clone()}
        del logits
        # The loss is alive, as in a loop that prints it; what it was made of is not.
        alive = [one for one in gc.get_objects() if type(one) is torch.Tensor]
        found["alive"] = torch.tensor(sum(one.shape == tokens.shape for one in alive))
        return found

    return compare(program(), with_fixes(program, [{"fix": "loss-in-pieces"}]), 1e-5)


# ---- Compiled programs


def kept_by(make: Callable[[], nn.Module], sample: Callable[[], Any]) -> int:
    """Bytes that a compiled network keeps for backward, without its parameters."""
    torch._dynamo.reset()
    network = make()
    own = {one.untyped_storage().data_ptr() for one in network.parameters()}
    output = torch.compile(network, backend="aot_eager")(sample())
    stores = [one.untyped_storage() for one in output.grad_fn.saved_tensors]
    kept = {one.data_ptr(): one.nbytes() for one in stores if one.data_ptr() not in own}
    return sum(kept.values())


def compiled(
    make: Callable[[], nn.Module], sample: Callable[[], Any]
) -> Callable[[], dict[str, Any]]:
    def program() -> dict[str, Any]:
        torch._dynamo.reset()
        return train(lambda: torch.compile(make(), backend="aot_eager"), sample)

    return program


def compiled_plan(make: Callable[[], nn.Module], sample: Callable[[], Any]) -> list[str]:
    """The least budget, with dropout: the same bits, and less kept."""
    program, fixes = compiled(make, sample), [{"fix": "compiled-plan", "budget": 0}]
    wrong = compare(program(), with_fixes(program, fixes), 0.0) + list(tell.said)
    plain = kept_by(make, sample)
    fixed = with_fixes(lambda: {"kept": kept_by(make, sample)}, fixes)["kept"]
    return wrong if fixed < 0.7 * plain else [*wrong, f"{fixed} of {plain} bytes are kept"]


def note_own_budget() -> None:
    """PyTorch's own setting, on a program with dropout."""
    from torch._functorch import config

    program = compiled(MLP, vector)
    plain = program()
    config.activation_memory_budget = 0.1
    try:
        wrong = compare(plain, program(), 0.0)
    finally:
        config.activation_memory_budget = 1.0
    print(f"note PyTorch's own activation_memory_budget: {len(wrong)} results differ")


def main() -> int:
    torch.set_num_threads(1)
    passed = failed = 0
    references: dict[Any, dict[str, Any]] = {}
    for name, program, fixes, tolerance in cases():
        if id(program) not in references:
            references[id(program)] = program()
        try:
            wrong = compare(references[id(program)], with_fixes(program, fixes), tolerance)
        except Exception:
            wrong = [traceback.format_exc()]
        print(("FAIL " if wrong else "ok   ") + name, *wrong[:4], sep="\n     " if wrong else "")
        passed, failed = passed + (not wrong), failed + bool(wrong)
    checks: list[tuple[str, Callable[[], list[str]]]] = [
        ("early-update refuses", refusals),
        ("checkpoint keeps no activations", memory),
        ("loss-in-pieces keeps no gradient", loss_is_freed),
        ("mlp: compiled-plan", lambda: compiled_plan(MLP, vector)),
        ("resnet: compiled-plan", lambda: compiled_plan(ResNet, image)),
        ("gpt: compiled-plan", lambda: compiled_plan(GPT, tokens)),
    ]
    for name, wrong in last_linear.check():
        print(("FAIL " if wrong else "ok   ") + name, *wrong[:4])
        passed, failed = passed + (not wrong), failed + bool(wrong)
    for name, check in checks:
        try:
            wrong = check()
        except Exception:
            wrong = [traceback.format_exc()]
        print(("FAIL " if wrong else "ok   ") + name, *wrong)
        passed, failed = passed + (not wrong), failed + bool(wrong)
    note_own_budget()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
