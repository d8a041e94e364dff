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


def has_hooks(part: Any) -> bool:
    """Whether a part, or one inside it, has hooks of the program's: they would run again."""
    for inner in part.modules():
        if inner._forward_hooks or inner._forward_pre_hooks:
            return True
    return False
