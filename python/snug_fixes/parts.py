"""Parts of a network by name: "GPT.transformer.h.0" is the part transformer.h.0 of the outermost
module GPT (calls.name_of); the outermost module itself is "GPT"."""

from __future__ import annotations

from typing import Any

from snug_fixes.tell import tell


def chosen(module: Any, of: str, names: list[str], fix: str) -> list[Any]:
    """The parts of |module|, which is called |of|, that are in |names|."""
    by_name = {(f"{of}.{name}" if name else of): part for name, part in module.named_modules()}
    found = []
    for name in names:
        if name in by_name:
            found.append(by_name[name])
        elif name.split(".")[0] == of:
            tell(f"{fix}: there is no part {name}; it is left out")
    return found


#: Packages whose own hooks may run again: their authors checkpoint the same modules.
KNOWN = ("torch", "transformers", "accelerate", "peft")


def _is_known(hook: Any) -> bool:
    hook = getattr(hook, "func", hook)  # functools.partial
    module = getattr(hook, "__module__", None) or type(hook).__module__
    return module.split(".")[0] in KNOWN


def has_hooks(part: Any) -> bool:
    """Whether a part, or one inside it, has hooks of the program's: they would run again."""
    return any(
        not _is_known(hook)
        for inner in part.modules()
        for hook in (*inner._forward_hooks.values(), *inner._forward_pre_hooks.values())
    )
