"""compiled-plan: what a compiled program (torch.compile) keeps for backward fits a budget in bytes.

PyTorch's partitioner cuts each compiled graph into forward and backward by choosing the values that
are kept. Its choice is taken where it fits; else values are dropped, and computed again in backward
(compiled_graph.py). Random operators are never drawn anew, so that dropout is as without. PyTorch's
own activation_memory_budget, which is no amount of bytes, draws them anew in 2.15.

A graph that the program itself has plans for (checkpoints inside it, a budget of its own) is left
as it is. Only backends that use PyTorch's min-cut partitioner are reached: Inductor's is one.

Options: "budget", bytes of all compiled graphs together, and "of", what they hold as they are: each
gets its share. Without "of" each gets the whole.

Private interface: torch._functorch.partitioners.choose_saved_values_set(graph, node_info,
memory_budget), of PyTorch 2.4 to 2.15. Without it the fix is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snug_fixes.tell import tell

FIDELITY = "exact"

#: Shares of what graphs hold as they are, for which a profile tells what a plan would give.
SHARES = (0.5, 0.25, 0.125, 0.0)

_undo: list[tuple[Any, str, Any]] = []


class LeftAlone(Exception):
    """Why a graph keeps PyTorch's own plan."""


def _joint(torch: Any, graph: Any, info: Any, kept: list[Any]) -> Any:
    from snug_fixes.compiled_graph import Joint

    nodes = list(graph.nodes)
    if any("RECOMPUTE" in str(node.meta.get("recompute")) for node in nodes):
        raise LeftAlone("the program has checkpoints in it")
    return Joint(torch, nodes, info, kept)


def _set(owner: Any, name: str, value: Any) -> None:
    _undo.append((owner, name, getattr(owner, name)))
    setattr(owner, name, value)


def _choose_with(torch: Any, choose: Callable[[Any, Any, list[Any]], list[Any]]) -> None:
    """Has |choose|(graph, info, kept) act on what PyTorch chose to keep."""
    from torch._functorch import partitioners

    original = partitioners.choose_saved_values_set

    def improved(graph: Any, info: Any, memory_budget: float) -> list[Any]:
        kept = original(graph, info, memory_budget=memory_budget)
        if memory_budget != 1:
            raise LeftAlone("the program has an activation_memory_budget of its own")
        return choose(graph, info, list(kept))

    def chosen(graph: Any, info: Any, memory_budget: float = 1) -> list[Any]:
        try:
            return improved(graph, info, memory_budget)
        except LeftAlone as reason:
            tell(f"compiled-plan: a compiled graph is left as it is: {reason}")
        except Exception as error:
            tell(f"compiled-plan: a compiled graph is left as it is: {error!r}")
        return original(graph, info, memory_budget=memory_budget)

    _set(partitioners, "choose_saved_values_set", chosen)
    # Plans of graphs that were compiled before, without the fix or with another budget, are found
    # there, and these would be.
    config = torch._functorch.config
    if hasattr(config, "enable_autograd_cache"):
        _set(config, "enable_autograd_cache", False)


def _share(options: dict[str, Any], as_it_is: int) -> int:
    budget, of = int(options.get("budget", 0)), int(options.get("of", 0))
    return budget * as_it_is // of if of else budget


def install(torch: Any, options: dict[str, Any]) -> None:
    def choose(graph: Any, info: Any, kept: list[Any]) -> list[Any]:
        joint = _joint(torch, graph, info, kept)
        plain = joint.as_it_is().most()
        budget = _share(options, plain)
        if plain <= budget:
            return kept
        return joint.kept(joint.best(budget))

    _choose_with(torch, choose)


def watch(torch: Any, plans: list[dict[str, Any]]) -> None:
    """Notes in |plans| what the compiled graphs hold together as they are (the first entry), and
    with plans for SHARES of that: "budget", that was asked for, "bytes", and "again", what is
    computed again as a share of a forward pass."""
    graphs: list[list[tuple[int, int, float, float]]] = []

    def choose(graph: Any, info: Any, kept: list[Any]) -> list[Any]:
        joint = _joint(torch, graph, info, kept)
        plain = joint.as_it_is()
        forward = joint.forward_seconds()
        budgets = [int(plain.most() * share) for share in (1.0, *SHARES)]
        found = [(budget, joint.best(budget)) for budget in budgets]
        graphs.append(
            [(budget, one.most(), one.seconds - plain.seconds, forward) for budget, one in found]
        )
        plans[:] = [_sum_of(column) for column in zip(*graphs)]
        return kept

    _choose_with(torch, choose)


def _sum_of(column: tuple[tuple[int, int, float, float], ...]) -> dict[str, Any]:
    budget, held, again, forward = (sum(one) for one in zip(*column))
    return {"budget": budget, "bytes": held, "again": again / forward if forward else 0.0}


def take_back(torch: Any) -> None:
    for owner, name, value in reversed(_undo):
        setattr(owner, name, value)
    _undo.clear()
