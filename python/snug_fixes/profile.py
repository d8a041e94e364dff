"""What each part of a network keeps for backward and computes: the figures that `snug fit` plans
with.

One training call of each outermost module is watched, its second (the first may set things up). Of
every part that was called in it:

    saved     bytes kept for backward while it ran, each storage once, without parameters and
              without what its inputs hold: what dropping them would free
    inputs    bytes of its input tensors: what a checkpoint of it keeps
    own       of what is saved while it ran, inputs too, that which nothing outside it saves
    freed     of that, what goes where a checkpoint keeps its inputs alone
    largest   of the tensors that it saves or is given
    flops     of its forward pass, PyTorch's own count (torch.utils.flop_counter)
    calls     in that one call

without what a cross-entropy inside saves, and of each outermost module how its batch looks; of
compiled graphs what they keep, and would with plans of compiled_plan.py. The figures go to
PID.profile.json.
"""

from __future__ import annotations

import json
import os
from typing import Any

from snug_fixes import batch_in_pieces, calls, compiled_plan, last_linear
from snug_fixes.tell import said, tell

WATCHED_CALL = 2

_torch: Any = None
_done: dict[int, int] = {}  # outermost module -> its calls so far
_networks: list[dict[str, Any]] = []
facts: dict[str, Any] = {
    "autocast": False,
    "scaler": False,
    "clips": False,
    "backwards_per_step": 0.0,
    "compiled": False,
    "batch_norm": False,
    "sequences_first": False,
    "loss_inside": False,
    "losses": [],
    "optimizers": [],
    "plans": [],
}
_counts = {"backward": 0, "step": 0}


def _key(tensor: Any) -> tuple[int, int]:
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.nbytes()


def _tensors(value: Any) -> list[Any]:
    if isinstance(value, _torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for part in value.values() for tensor in _tensors(part)]
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in _tensors(part)]
    return []


class Watch:
    """One call of an outermost module, part by part."""

    def __init__(self, network: Any, name: str) -> None:
        self.names = {
            id(part): (f"{name}.{path}" if path else name) for path, part in network.named_modules()
        }
        held = [*network.parameters(), *network.buffers()]
        self.held = {_key(tensor) for tensor in held}
        self.stack: list[dict[str, Any]] = []
        # Storage -> the parts that ran whenever it was saved, outermost first.
        self.owners: dict[tuple[int, int], list[dict[str, Any]]] = {}
        self.parts: dict[str, dict[str, Any]] = {}

    def enter(self, part: Any, args: Any, kwargs: Any) -> None:
        name = self.names.get(id(part), "")
        inputs = {_key(tensor): 0 for tensor in _tensors((args, kwargs))}
        entry = self.parts.setdefault(
            name,
            {
                "name": name,
                "class": type(part).__name__,
                "calls": 0,
                "saved": 0,
                "inputs": 0,
                "own": 0,
                "freed": 0,
                "largest": 0,
                "parameters": sum(p.numel() * p.element_size() for p in part.parameters()),
                "parts": sum(1 for _ in part.children()),
            },
        )
        entry["calls"] += 1
        entry["inputs"] += sum(size for _, size in inputs)
        entry["largest"] = max([entry["largest"], *(size for _, size in inputs)])
        self.stack.append({"entry": entry, "seen": set(inputs), "inputs": inputs})

    def leave(self) -> None:
        level = self.stack.pop()
        entry = level["entry"]
        # Inputs that nothing else keeps stay because of the checkpoint. Who keeps them is known
        # now, while they are there: later their addresses may be others'.
        entry["freed"] -= sum(
            key[1]
            for key in level["inputs"]
            if key not in self.held
            and (key not in self.owners or any(one is entry for one in self.owners[key]))
        )

    def finish(self) -> None:
        """After the call: what each part alone keeps."""
        for (_, size), owners in self.owners.items():
            for entry in owners:
                entry["own"] += size
        for entry in self.parts.values():
            entry["freed"] = max(0, entry["own"] + entry["freed"])

    def pack(self, tensor: Any) -> Any:
        try:
            self.count(tensor)
        except Exception as error:
            tell(f"profile: a tensor is not counted: {error!r}")
        return tensor

    def count(self, tensor: Any) -> None:
        key = _key(tensor)
        if key in self.held or _in_loss:
            return
        running = [level["entry"] for level in self.stack]
        known = self.owners.setdefault(key, running)
        shared = 0
        while shared < min(len(known), len(running)) and known[shared] is running[shared]:
            shared += 1
        self.owners[key] = known[:shared]
        for level in self.stack:
            level["entry"]["largest"] = max(level["entry"]["largest"], key[1])
            if key not in level["seen"]:
                level["seen"].add(key)
                level["entry"]["saved"] += key[1]


_watch: Watch | None = None
_in_loss = 0


def _wrapper(call: Any, part: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if _watch is None:
        return call(*args, **kwargs)
    watch = _watch
    watch.enter(part, args, kwargs)
    try:
        return call(*args, **kwargs)
    finally:
        watch.leave()


def _outermost(call: Any, network: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    global _watch
    count = _done[id(network)] = _done.get(id(network), 0) + 1
    if count != WATCHED_CALL or not network.training:
        return call(*args, **kwargs)
    name = calls.name_of(network)
    _watch = watch = Watch(network, name)
    counter = _flop_counter()
    kind = next(network.parameters()).device.type
    facts["autocast"] = facts["autocast"] or _torch.is_autocast_enabled(kind)
    try:
        with _torch.autograd.graph.saved_tensors_hooks(watch.pack, lambda tensor: tensor):
            if counter is None:
                return call(*args, **kwargs)
            with counter:
                return call(*args, **kwargs)
    finally:
        _watch = None
        _note(network, name, watch, counter, args, kwargs)


def _flop_counter() -> Any:
    try:
        from torch.utils.flop_counter import FlopCounterMode

        return FlopCounterMode(display=False)
    except Exception as error:
        tell(f"operations are not counted: {error!r}")
        return None


def _note(network: Any, name: str, watch: Watch, counter: Any, args: Any, kwargs: Any) -> None:
    watch.finish()
    counts = counter.get_flop_counts() if counter is not None else {}
    kind = type(network).__name__
    for entry in watch.parts.values():
        path = entry["name"][len(name) :]
        entry["flops"] = int(sum(counts.get(kind + path, {}).values()))
    tensors = [t for t in _tensors((args, kwargs)) if t.dim() > 0]
    facts["sequences_first"] |= batch_in_pieces.has_sequences_first(_torch, network)
    norms = _torch.nn.modules.batchnorm._NormBase
    facts["batch_norm"] = facts["batch_norm"] or any(
        isinstance(part, norms) for part in network.modules()
    )
    _networks.append(
        {
            "name": name,
            "class": f"{type(network).__module__}.{kind}",
            "batch": tensors[0].shape[0] if tensors else 0,
            "element": next(network.parameters()).element_size(),
            "parts": list(watch.parts.values()),
        }
    )


def _watch_losses(torch: Any) -> None:
    def note(input: Any, *_: Any, **__: Any) -> None:
        shape = list(input.shape)
        known = [loss["shape"] for loss in facts["losses"]]
        if input.requires_grad and shape not in known and len(known) < 16:
            size, last = input.numel() * input.element_size(), last_linear.is_last(input)
            facts["losses"].append({"shape": shape, "bytes": size, "last": last})
        facts["loss_inside"] |= _watch is not None

    original = torch.nn.functional.cross_entropy

    def cross_entropy(*args: Any, **kwargs: Any) -> Any:
        global _in_loss
        try:
            note(*args, **kwargs)
        except Exception as error:
            tell(f"profile: a loss is not noted: {error!r}")
        _in_loss += 1
        try:
            return original(*args, **kwargs)
        finally:
            _in_loss -= 1

    torch.nn.functional.cross_entropy = cross_entropy


def _watch_call(owner: Any, name: str, note: Any) -> None:
    original = getattr(owner, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            note(*args, **kwargs)
        except Exception as error:
            tell(f"profile: a call of {name} is not noted: {error!r}")
        return original(*args, **kwargs)

    setattr(owner, name, watched)


def _count(what: str) -> Any:
    def note(*_: Any, **__: Any) -> None:
        _counts[what] += 1

    return note


def _note_scaler(scaler: Any, *_: Any, **__: Any) -> None:
    facts["scaler"] = facts["scaler"] or scaler.is_enabled()


def _set(fact: str) -> Any:
    def note(*_: Any, **__: Any) -> None:
        facts[fact] = True

    return note


def _note_compiled(*_: Any, **__: Any) -> None:
    # Its partitioner is imported by a program that compiles alone: it takes seconds.
    if not facts["compiled"]:
        facts["compiled"] = True
        compiled_plan.watch(_torch, facts["plans"])


def install(torch: Any) -> None:
    """Watches the program from now on."""
    global _torch
    _torch = torch
    calls.install(torch)
    calls.wrap_outermost("profile", _outermost, watches=True)
    calls.wrap_parts("profile", _wrapper, lambda network, _: list(network.modules()), watches=True)
    _watch_losses(torch)
    _watch_call(torch.autograd, "backward", _count("backward"))
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        _watch_call(torch.nn.utils, name, _set("clips"))
        _watch_call(torch.nn.utils.clip_grad, name, _set("clips"))
    _watch_call(torch.amp.GradScaler, "scale", _note_scaler)
    _watch_call(torch, "compile", _note_compiled)
    from torch.optim.optimizer import register_optimizer_step_post_hook

    def note_step(optimizer: Any, args: Any, kwargs: Any) -> None:
        try:
            _counts["step"] += 1
            kind = type(optimizer).__name__
            if kind not in facts["optimizers"]:
                facts["optimizers"].append(kind)
        except Exception as error:
            tell(f"profile: a step is not noted: {error!r}")

    register_optimizer_step_post_hook(note_step)


def write(directory: str) -> None:
    """Writes DIRECTORY/PID.profile.json, whole or not at all."""
    if not _networks and not facts["optimizers"]:
        return
    from snug_fixes import lean_optimizer

    steps = max(1, _counts["step"])
    found = {
        **facts,
        "backwards_per_step": _counts["backward"] / steps,
        "lean_optimizer": lean_optimizer.implementation(),
        "networks": _networks,
        "said": list(said),
    }
    path = os.path.join(directory, f"{os.getpid()}.profile.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(found, file)
    os.replace(path + ".part", path)
