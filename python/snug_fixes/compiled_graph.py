"""Which values a compiled graph keeps for backward, and which it computes again: within a budget.

A joint graph (forward and backward, functional ATen) is cut by the values that are kept. Dropping
one has its ancestors run again in backward, down to others that are kept, or to inputs. Values are
dropped in the order of bytes freed by time spent, while what runs again in one piece (values that
hang together) stays under a limit: it is alive as a whole. Several limits are tried, from no limit
to a 64th; of those plans that keep and compute again at most |budget| bytes at a time, the fastest
is taken, else the one with the fewest bytes.

What never runs again: random operators (a second draw would be another one), those that change
something, read an input that the forward pass changes, or are not PyTorch's own; and what the
program asked to be kept. A value that would need them keeps their result in its place.
"""

from __future__ import annotations

import heapq
import itertools
import operator
from dataclasses import dataclass, field
from typing import Any

#: Operations for each byte moved, at which a card is busy with both: they compare operators.
OPERATIONS_PER_BYTE = 100
LIMITS = (1, 2, 4, 8, 16, 32, 64)
OWN = ("aten", "prims")  # namespaces of operators whose results depend on their inputs alone
#: Of these the contents are whatever was there.
UNSET = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted")


def whole(size: Any) -> int:
    """A size as a number, without a guard on it."""
    if isinstance(size, int):
        return size
    hint = getattr(size.node, "hint", None)
    if hint is None:
        raise ValueError("sizes are known only when it runs")
    return int(hint)


@dataclass
class Plan:
    """What is kept, what runs again, and how these hang together."""

    kept: set[Any]
    again: dict[Any, Any] = field(default_factory=dict)  # node -> another of its piece, or itself
    pieces: dict[Any, int] = field(default_factory=dict)  # a piece's node -> bytes
    bytes: int = 0  # that are kept, without inputs
    seconds: float = 0.0  # of what runs again; comparable, no promise

    def piece_of(self, node: Any) -> Any:
        while self.again[node] is not node:
            self.again[node] = self.again[self.again[node]]
            node = self.again[node]
        return node

    def most(self) -> int:
        return self.bytes + max(self.pieces.values(), default=0)


class Joint:
    """A joint graph: |nodes| in their order, |info| and |kept| as the partitioner has them."""

    def __init__(self, torch: Any, nodes: list[Any], info: Any, kept: list[Any]) -> None:
        self.torch = torch
        self.nodes = nodes
        self.first = list(kept)
        self.inputs = set(info.inputs)
        self.backward = info.required_bw_nodes
        self.size: dict[Any, int] = {}
        self.storage: dict[Any, Any] = {}
        for node in nodes:
            self._measure(node)
        self.free = {self.storage[node] for node in self.inputs}
        self.changed = self._changed_inputs()
        self.fixed = {node for node in nodes if self._is_fixed(node)}
        self.cost = {node: self._seconds(node) for node in nodes if node not in self.backward}
        # What backward reads of the forward pass.
        self.read = [
            one
            for node in nodes
            if node in self.backward and node.op != "output"
            for one in node.all_input_nodes
            if one not in self.backward
        ]

    def _measure(self, node: Any) -> None:
        value = node.meta.get("val")
        self.size[node], self.storage[node] = 0, node
        if isinstance(value, self.torch.Tensor) and value.layout is self.torch.strided:
            count = 1
            for size in value.shape:
                count *= whole(size)
            self.size[node] = count * value.element_size()
            self.storage[node] = value.untyped_storage()._cdata

    def _changed_inputs(self) -> set[Any]:
        """Inputs that the forward pass changes: copied into, or told as changed afterwards. Where
        that is not told (before PyTorch 2.9) one of an output's shape and type may be."""
        changed = {
            node.args[0]
            for node in self.nodes
            if "copy_" in str(node.target) and node.op == "call_function"
        }
        values = [node.meta.get("val") for node in self.outputs() if node not in self.inputs]
        looks = {(v.dtype, tuple(map(str, v.shape))) for v in values if hasattr(v, "shape")}
        for node in self.inputs:
            value = node.meta.get("val")
            if node.meta.get("aot_runtime_epilogue_input_mutation"):
                changed.add(node)
            if hasattr(value, "shape") and (value.dtype, tuple(map(str, value.shape))) in looks:
                changed.add(node)
        return changed

    def outputs(self) -> list[Any]:
        """Of the forward pass."""
        last = [node for node in self.nodes if node.op == "output"]
        return [one for node in last for one in node.all_input_nodes if one not in self.backward]

    def _is_random(self, node: Any) -> bool:
        target = node.target
        if self.torch.Tag.nondeterministic_seeded not in target.tags:
            return False
        for at, argument in enumerate(target._schema.arguments):
            if argument.name == "dropout_p":
                given = node.args[at] if at < len(node.args) else node.kwargs.get("dropout_p", 0.0)
                return given != 0.0
        return True

    def _is_fixed(self, node: Any) -> bool:
        """Whether |node| may not run again."""
        if any(one in self.changed for one in node.all_input_nodes):
            return True
        if "SAVE" in str(node.meta.get("recompute")):
            return True
        if node.meta.get("partitioner_tag") == "must_be_in_forward":
            return True
        if node.target is operator.getitem:
            return node.args[0].op != "call_function" or self._is_fixed(node.args[0])
        if node.op != "call_function" or not hasattr(node.target, "_schema"):
            return True
        name = node.target._schema.name.split("::")
        if name[0] not in OWN or name[1] in UNSET or "seed" in name[1].replace("lookup_seed", ""):
            return True
        return node.target._schema.is_mutable or self._is_random(node)

    def _operations(self, node: Any) -> int:
        from torch.utils.flop_counter import flop_registry

        packet = getattr(node.target, "_overloadpacket", None)
        if packet not in flop_registry:
            return 0
        values = [one.meta.get("val") if hasattr(one, "meta") else one for one in node.args]
        if any(not isinstance(n, int) for v in values for n in getattr(v, "shape", ())):
            return 0
        return int(flop_registry[packet](*values, **node.kwargs, out_val=node.meta.get("val")))

    def _seconds(self, node: Any) -> float:
        if node.target is operator.getitem or node.op != "call_function":
            return 0.0
        if any(self.storage[node] == self.storage[one] for one in node.all_input_nodes):
            return 0.0  # a view
        moved = self.size[node] + sum(self.size[one] for one in node.all_input_nodes)
        return max(float(moved), self._operations(node) / OPERATIONS_PER_BYTE)

    # ---- Plans

    def _can_keep(self, node: Any) -> bool:
        value = node.meta.get("val")
        if isinstance(value, (self.torch.SymInt, self.torch.SymFloat, self.torch.SymBool)):
            return True
        told = {self.storage[one] for one in self.changed}
        return isinstance(value, self.torch.Tensor) and self.storage[node] not in told

    def reach(
        self, plan: Plan, start: list[Any], fixed: set[Any]
    ) -> tuple[list[Any], list[Any]] | None:
        """What runs again to have |start|, and what is kept for that, since it is |fixed|; None: it
        cannot be had."""
        dropped, again, held, seen = set(start), [], [], set()
        stack = list(start)
        while stack:
            node = stack.pop()
            if node in seen or node in self.inputs or node in plan.again:
                continue
            seen.add(node)
            if node in plan.kept and node not in dropped:
                continue
            if node in fixed:
                if node in dropped or not self._can_keep(node):
                    return None
                held.append(node)
                continue
            again.append(node)
            stack.extend(node.all_input_nodes)
        return again, held

    def bytes_of(self, nodes: list[Any], known: set[Any]) -> int:
        """Of their storages, each once, but for inputs' and |known| ones."""
        sizes: dict[Any, int] = {}
        for node in nodes:
            key = self.storage[node]
            if key not in self.free and key not in known:
                sizes[key] = max(sizes.get(key, 0), self.size[node])
        return sum(sizes.values())

    def _join(self, plan: Plan, again: list[Any]) -> None:
        for node in again:
            plan.again[node] = node
            plan.pieces[node] = self.size[node] if self.cost.get(node) else 0
            plan.seconds += self.cost.get(node, 0.0)
        for node in again:
            for near in (*node.all_input_nodes, *node.users):
                if near in plan.again:
                    one, other = plan.piece_of(node), plan.piece_of(near)
                    if one is not other:
                        plan.again[other] = one
                        plan.pieces[one] += plan.pieces.pop(other)

    def as_it_is(self) -> Plan:
        """PyTorch's own plan."""
        plan = Plan(set(self.first))
        read = [node for node in self.read if node not in plan.kept]
        again, _ = self.reach(plan, read, set()) or ([], [])
        plan.bytes = self.bytes_of(self.first, set())
        self._join(plan, again)
        return plan

    def _gain(self, plan: Plan, group: list[Any], limit: float) -> tuple[float, Any]:
        """Bytes freed by time spent, 0 where it is not to be done; and what it takes."""
        found = self.reach(plan, group, self.fixed)
        if found is None:
            return 0.0, None
        again, held = found
        touched = {
            plan.piece_of(near)
            for node in again
            for near in (*node.all_input_nodes, *node.users)
            if near in plan.again
        }
        piece = sum(plan.pieces[one] for one in touched)
        piece += sum(self.size[node] for node in again if self.cost.get(node))
        known = {self.storage[node] for node in plan.kept if node not in set(group)}
        freed = self.bytes_of(group, set()) - self.bytes_of(held, known)
        if freed <= 0 or piece > limit:
            return 0.0, None
        return freed / (sum(self.cost.get(node, 0.0) for node in again) + 1.0), found

    def within(self, budget: int, limit: float) -> Plan:
        plan = self.as_it_is()
        groups: dict[Any, list[Any]] = {}
        for node in self.first:
            if self.size[node] and self.storage[node] not in self.free:
                groups.setdefault(self.storage[node], []).append(node)
        count = itertools.count()
        heap = []
        for group in groups.values():
            heap.append((-self._gain(plan, group, limit)[0], next(count), group))
        heapq.heapify(heap)
        while heap and plan.most() > budget:
            _, _, group = heapq.heappop(heap)
            gain, found = self._gain(plan, group, limit)
            if found is None:
                continue
            if heap and gain < -heap[0][0]:
                heapq.heappush(heap, (-gain, next(count), group))
                continue
            again, held = found
            plan.kept.difference_update(group)
            known = {self.storage[node] for node in plan.kept}
            plan.bytes += self.bytes_of(held, known) - self.bytes_of(group, set())
            plan.kept.update(held)
            self._join(plan, again)
        return plan

    def best(self, budget: int) -> Plan:
        """The fastest plan within |budget| bytes, else the one with the fewest."""
        plain = self.as_it_is()
        if plain.most() <= budget:
            return plain
        plans = [self.within(budget, plain.bytes / part) for part in LIMITS]
        fitting = [plan for plan in plans if plan.most() <= budget]
        if fitting:
            return min(fitting, key=lambda plan: plan.seconds)
        return min([plain, *plans], key=lambda plan: plan.most())

    def kept(self, plan: Plan) -> list[Any]:
        """What the partitioner is to keep: values, and the inputs that are read again."""
        wanted, seen, stack = [], set(), list(self.read)
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in self.inputs or node in plan.kept:
                wanted.append(node)
            elif node in plan.again:
                stack.extend(node.all_input_nodes)
            else:
                raise ValueError(f"{node} is neither kept nor computed again")
        known = set(wanted)
        first = [node for node in self.first if node in known]
        return [*first, *(n for n in self.nodes if n in known and n not in set(first))]

    def forward_seconds(self) -> float:
        return sum(self.cost.values())
