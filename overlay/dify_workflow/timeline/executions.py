"""Which execution of which node an event is about, and where that stands. Pure."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from .facts import Facts
from .instants import Instant
from .model import Execution

ROUNDS = ("iteration", "loop")
"""Kinds of nodes that have others inside, in rounds."""

_DEEPEST = 20
"""How deep iterations and loops are shown inside each other; Dify allows less."""


class Executions:
    """The nodes that ran, found by what events tell of them.

    Args:
        top: Where those go that stand in no iteration or loop.
        instant: Makes the moment that the current event tells of, with the server's time for it.
    """

    def __init__(self, top: list[Execution], instant: Callable[[float | None], Instant]) -> None:
        self._top = top
        self._instant = instant
        self._by_id: dict[str, Execution] = {}
        self._by_node: dict[str, Execution] = {}

    def latest(self, node_id: str) -> Execution | None:
        """The latest execution of a node; None where none was seen yet.

        Args:
            node_id: Id of the node.
        """
        return self._by_node.get(node_id)

    def of(self, data: Facts) -> Execution:
        """The execution that a payload is about; a new one where it was not seen yet.

        Args:
            data: The payload.
        """
        node_id = data.text("node_id") or "?"
        identifier = data.text("id") or node_id
        node = self._by_id.get(identifier) or self._told_otherwise(node_id, identifier, data)
        if node is None:
            node = self._new(identifier, node_id, data)
        self._by_id[identifier] = self._by_node[node_id] = node
        return node

    def opened(self, data: Facts) -> Execution:
        """The iteration or loop that starts; a new one where it was there before, and has ended.

        Args:
            data: The payload of the event that tells it.
        """
        node_id = data.text("node_id") or "?"
        known = self._by_node.get(node_id)
        if known is not None and known.end is not None:  # once more, in a round of another one
            self._by_id.pop(data.text("id") or node_id, None)
        return self.of(data)

    def named(self, data: Facts, identifier: str | None = None) -> Execution:
        """The execution of an id, else the latest one of the node that a payload names.

        Args:
            data: The payload.
            identifier: Id of the execution, where the payload has it.
        """
        node_id = data.text("node_id") or "?"
        known = self._by_id.get(identifier) if identifier else None
        known = known or self._by_node.get(node_id)
        return known or self.of(Facts({**data.raw, "id": node_id}))

    def _told_otherwise(self, node_id: str, identifier: str, data: Facts) -> Execution | None:
        """The iteration or loop that goes by the node's id live, and by another one in replays."""
        known = self._by_node.get(node_id)
        if known is None or data.text("node_type") not in ROUNDS or not known.is_container:
            return None
        if identifier == node_id:  # live, of one that a replay told first
            known = known if known.end is None else None
        elif known.id != node_id:  # another time of it
            known = None
        else:
            known.id = identifier
        return known

    def _new(self, identifier: str, node_id: str, data: Facts) -> Execution:
        begin = self._instant(data.number("created_at"))
        title = data.text("title") or data.text("node_title") or node_id
        node = Execution(identifier, node_id, title, data.text("node_type") or "", begin)
        node.branch = data.text("parallel_start_node_id")
        if node.kind in ROUNDS:
            node.length = 0
        self._put(node, data)
        return node

    def _put(self, node: Execution, data: Facts) -> None:
        """Put an execution where it belongs: into the run, or into an iteration or a loop."""
        around = [self._container(data.text(f"{kind}_id"), kind, node.begin) for kind in ROUNDS]
        found = sorted((each for each in around if each), key=lambda each: each.begin.order)
        for outer, inner in pairwise(found):
            # Only what runs inside both tells that one is in the other.
            if inner.around is None and inner not in _line(outer):
                self._top.remove(inner)
                _put_inside(inner, outer)
        if found:
            _put_inside(node, found[-1])
        else:
            self._top.append(node)

    def _container(self, node_id: str | None, kind: str, begin: Instant) -> Execution | None:
        """The iteration or loop of an id; replays leave out the events that tell of it."""
        if node_id is None:
            return None
        found = self._by_node.get(node_id)
        if found is None or not found.is_container:
            found = Execution(node_id, node_id, kind.capitalize(), kind, begin, length=0)
            self._by_node[node_id] = self._by_id[node_id] = found
            self._top.append(found)
        return found


def _put_inside(node: Execution, around: Execution) -> None:
    line = _line(around)
    around = line[max(len(line) - _DEEPEST, 0)]
    node.around = around
    if node.round is None:  # what ends in a parallel iteration tells it better
        node.round = max(around.rounds, default=None)
    around.inside.append(node)


def _line(node: Execution) -> list[Execution]:
    """A node and what it stands in, from the inside out."""
    found = [node]
    while (around := found[-1].around) is not None:
        found.append(around)
    return found
