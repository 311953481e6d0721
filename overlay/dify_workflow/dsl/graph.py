"""The nodes of a workflow, and which of them have always run when an End node is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from .._json import is_list, is_object

OK = "ok"
"""A node succeeded."""

_OUTCOMES = {"fail-branch": "failed", "__timeout": "expired"}
"""Outcome of a node by the handle that is followed after it."""

Fact: TypeAlias = tuple[str, str]
"""Id of a node, and its outcome."""


@attrs.frozen(eq=False)
class Node:
    """A node of the workflow.

    Args:
        id: Id of the node.
        type: Kind of the node, such as ``"llm"``.
        title: Title for people; not unique.
        data: Everything that the export has about it.
        parent: Id of the iteration or loop that contains it; None if it is not in one.
    """

    id: str
    type: str
    title: str
    data: Mapping[str, Any]
    parent: str | None = None

    @property
    def handles_failure(self) -> bool:
        """Whether the workflow continues if the node fails."""
        return self.data.get("error_strategy") in ("fail-branch", "default-value")


@attrs.frozen
class Edge:
    """An edge from a node to the next one.

    Args:
        source: Id of the node where it starts.
        target: Id of the node where it ends.
        handle: The decision for which it is followed; ``"source"`` if there is no decision.
    """

    source: str
    target: str
    handle: str = "source"

    @property
    def fact(self) -> Fact:
        """The outcome of its source if it is followed."""
        return self.source, _OUTCOMES.get(self.handle, OK)


class Flow:
    """Finds out which nodes have always run when another one is reached.

    A node runs as soon as one of the edges to it is followed. From a node without a decision, all
    edges are followed. A node where branches join waits for all of them.

    Args:
        nodes: The nodes.
        edges: The edges between them.
    """

    def __init__(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._into: dict[str, list[Edge]] = {}
        self._out: dict[str, list[Edge]] = {}
        for edge in edges:
            if edge.source in self._nodes and edge.target in self._nodes:
                self._into.setdefault(edge.target, []).append(edge)
                self._out.setdefault(edge.source, []).append(edge)
        self._on_every_path = self._dominators()
        self._known: dict[str, frozenset[Fact]] = {}

    def certain(self, node_id: str) -> frozenset[Fact]:
        """The outcomes that are certain when a node is reached."""
        if node_id not in self._known:
            self._known[node_id] = self._found_certain(node_id)
        return self._known[node_id]

    def _found_certain(self, node_id: str) -> frozenset[Fact]:
        known = set(self._on_every_path.get(node_id, frozenset()))
        before = self._ancestors(node_id)
        waiting = list(known)
        while waiting:  # a node also waits for parallel branches that join its path
            source, outcome = waiting.pop()
            for edge in self._unconditional(source) if outcome == OK else ():
                found = {*self._facts_of(edge.target), *self._on_every_path.get(edge.target, ())}
                if edge.target in before and not found <= known:
                    waiting += found - known
                    known |= found
        return frozenset(known)

    def certain_by_edge(self, node_id: str) -> list[frozenset[Fact]]:
        """The outcomes that are certain when a node is reached, for each of the edges to it."""
        return [self.certain(edge.source) | {edge.fact} for edge in self._into.get(node_id, ())]

    def always_runs(self, node_id: str, parent: str) -> bool:
        """Whether a node runs in each round of the iteration or loop that contains it.

        Args:
            node_id: The node.
            parent: The iteration or loop.
        """
        inside = [node.id for node in self._nodes.values() if node.parent == parent]
        handles = [{edge.handle for edge in self._out.get(each, ())} for each in inside]
        if any(len(found) == 1 and "source" not in found for found in handles):
            return False  # after this decision, only one branch continues
        last = [each for each in inside if not self._out.get(each)]
        fact = (node_id, OK)
        return bool(last) and all(each == node_id or fact in self.certain(each) for each in last)

    def always_ends(self) -> bool:
        """Whether each run reaches an End node, for all decisions."""
        sure = {node.id for node in self._nodes.values() if node.type == "end"}
        waiting = list(sure)
        while waiting:
            for edge in self._into.get(waiting.pop(), ()):
                if edge.source not in sure and self._leads_to(sure, edge.source):
                    sure.add(edge.source)
                    waiting.append(edge.source)
        return any(self._nodes[each].type == "start" for each in sure)

    def _leads_to(self, goals: set[str], node_id: str) -> bool:
        """Whether one of these nodes follows a node, for all of its outcomes."""
        taken = {edge.handle for edge in self._out[node_id] if edge.target in goals}
        return bool(taken) and all(taken & each for each in _decisions(self._nodes[node_id]))

    def _facts_of(self, node_id: str) -> list[Fact]:
        """The outcome of a node that runs; empty if several outcomes are possible."""
        node = self._nodes[node_id]
        decides = node.data.get("error_strategy") == "fail-branch" or node.type == "human-input"
        return [] if decides else [(node_id, OK)]

    def _unconditional(self, node_id: str) -> Iterator[Edge]:
        """The edges from a node that are always followed."""
        for edge in self._out.get(node_id, ()):
            if edge.handle == "source" and self._facts_of(node_id):
                yield edge

    def _ancestors(self, node_id: str) -> set[str]:
        """The nodes from which a path leads to a node."""
        found: set[str] = set()
        waiting = [node_id]
        while waiting:
            for edge in self._into.get(waiting.pop(), ()):
                if edge.source not in found:
                    found.add(edge.source)
                    waiting.append(edge.source)
        return found

    def _dominators(self) -> dict[str, frozenset[Fact]]:
        """The outcomes on every path to each node that can be reached (dominators, a fixpoint)."""
        found: dict[str, frozenset[Fact]] = {
            node.id: frozenset()
            for node in self._nodes.values()
            if node.type == "start" or (node.parent is not None and not self._into.get(node.id))
        }
        waiting = list(found)
        while waiting:
            for edge in self._out.get(waiting.pop(0), ()):
                common, *others = (
                    found[each.source] | {each.fact}
                    for each in self._into[edge.target]
                    if each.source in found
                )
                common = common.intersection(*others)
                if found.get(edge.target) != common:
                    found[edge.target] = common
                    waiting.append(edge.target)
        return found


def _decisions(node: Node) -> list[set[str]]:
    """The possible outcomes of a node, each as a set of handles; empty if there is only one."""
    if node.data.get("error_strategy") == "fail-branch":
        return [{"source", "success-branch"}, {"fail-branch"}]
    if node.type not in _CHOICES:
        return []
    key, name, otherwise = _CHOICES[node.type]
    choices = node.data.get(key)
    found = [each.get(name) for each in choices if is_object(each)] if is_list(choices) else []
    return [{str(each)} for each in [*(found or ["true"]), otherwise] if each is not None]


_CHOICES: dict[str, tuple[str, str, str | None]] = {
    "if-else": ("cases", "case_id", "false"),
    "question-classifier": ("classes", "id", None),
    "human-input": ("user_actions", "id", "__timeout"),
}
"""By kind of node: key of its choices, key of a choice's handle, and the handle if none matches."""
