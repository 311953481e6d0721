"""The nodes of a workflow, and which of them have certainly run when an End node is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from .schema import is_list, is_mapping

OK = "ok"
"""A node did what it is for."""

_OUTCOMES = {"fail-branch": "failed", "__timeout": "expired"}
"""What a node came to, by the handle that is followed then."""

Fact: TypeAlias = tuple[str, str]
"""A node, by its id, came to this."""


@attrs.frozen(eq=False)
class Node:
    """A node of the workflow.

    Args:
        id: Id of the node.
        type: Kind of the node, such as ``"llm"``.
        title: Title for people; not unique.
        data: All that the export says of it.
        parent: Id of the iteration or loop that it is in; None where it is in none.
    """

    id: str
    type: str
    title: str
    data: Mapping[str, Any]
    parent: str | None = None

    @property
    def handles_failure(self) -> bool:
        """Whether the workflow goes on where the node fails."""
        return self.data.get("error_strategy") in ("fail-branch", "default-value")


@attrs.frozen
class Edge:
    """An edge from a node to the next one.

    Args:
        source: Id of the node that it leaves.
        target: Id of the node that it leads to.
        handle: The decision with which it is taken; ``"source"`` where there is none.
    """

    source: str
    target: str
    handle: str = "source"

    @property
    def fact(self) -> Fact:
        """What is known where it is taken."""
        return self.source, _OUTCOMES.get(self.handle, OK)


class Flow:
    """Which nodes have certainly run where another one has been reached.

    A node runs as soon as one of its edges is taken. A node without a decision takes all edges that
    leave it, and a node at which branches join waits for all of them.

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
        """What is certain where a node has been reached."""
        if node_id not in self._known:
            self._known[node_id] = self._found_certain(node_id)
        return self._known[node_id]

    def _found_certain(self, node_id: str) -> frozenset[Fact]:
        known = set(self._on_every_path.get(node_id, frozenset()))
        before = self._ancestors(node_id)
        waiting = list(known)
        while waiting:  # branches beside the path that join it are waited for
            source, outcome = waiting.pop()
            for edge in self._unconditional(source) if outcome == OK else ():
                found = {*self._facts_of(edge.target), *self._on_every_path.get(edge.target, ())}
                if edge.target in before and not found <= known:
                    waiting += found - known
                    known |= found
        return frozenset(known)

    def certain_by_edge(self, node_id: str) -> list[frozenset[Fact]]:
        """What is certain where a node has been reached, for each of the edges to it."""
        return [self.certain(edge.source) | {edge.fact} for edge in self._into.get(node_id, ())]

    def always_runs(self, node_id: str, parent: str) -> bool:
        """Whether a node runs in each round of the iteration or loop that it is in.

        Args:
            node_id: The node.
            parent: The iteration or loop.
        """
        inside = [node.id for node in self._nodes.values() if node.parent == parent]
        handles = [{edge.handle for edge in self._out.get(each, ())} for each in inside]
        if any(len(found) == 1 and "source" not in found for found in handles):
            return False  # a decision after which one branch alone goes on
        last = [each for each in inside if not self._out.get(each)]
        fact = (node_id, OK)
        return bool(last) and all(each == node_id or fact in self.certain(each) for each in last)

    def always_ends(self) -> bool:
        """Whether each run comes to an End node, whatever is decided on its way."""
        sure = {node.id for node in self._nodes.values() if node.type == "end"}
        waiting = list(sure)
        while waiting:
            for edge in self._into.get(waiting.pop(), ()):
                if edge.source not in sure and self._leads_to(sure, edge.source):
                    sure.add(edge.source)
                    waiting.append(edge.source)
        return any(self._nodes[each].type == "start" for each in sure)

    def _leads_to(self, goals: set[str], node_id: str) -> bool:
        """Whether a node is followed by one of these nodes, whatever it comes to."""
        taken = {edge.handle for edge in self._out[node_id] if edge.target in goals}
        return bool(taken) and all(taken & each for each in _decisions(self._nodes[node_id]))

    def _facts_of(self, node_id: str) -> list[Fact]:
        """What a node comes to that runs; nothing, where it can come to several things."""
        node = self._nodes[node_id]
        decides = node.data.get("error_strategy") == "fail-branch" or node.type == "human-input"
        return [] if decides else [(node_id, OK)]

    def _unconditional(self, node_id: str) -> Iterator[Edge]:
        """The edges that a node takes whatever happens."""
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
        """What lies on every path to a node, for all that can be reached; the usual fixpoint."""
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
    """What a node can come to, each as the handles that are followed then; empty for one way."""
    if node.data.get("error_strategy") == "fail-branch":
        return [{"source", "success-branch"}, {"fail-branch"}]
    if node.type not in _CHOICES:
        return []
    key, name, otherwise = _CHOICES[node.type]
    choices = node.data.get(key)
    found = [each.get(name) for each in choices if is_mapping(each)] if is_list(choices) else []
    return [{str(each)} for each in [*(found or ["true"]), otherwise] if each is not None]


_CHOICES: dict[str, tuple[str, str, str | None]] = {
    "if-else": ("cases", "case_id", "false"),
    "question-classifier": ("classes", "id", None),
    "human-input": ("user_actions", "id", "__timeout"),
}
"""By kind of node: where its choices are, what of each is its handle, and the one beside them."""
