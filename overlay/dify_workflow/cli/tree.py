"""The nodes of a run as a tree, with one entry per node, even if it ran several times."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import attrs

from .._streams.run_state import is_resumption
from ..events import StreamEvent, UnreadableEvent, WorkflowStarted
from ..timeline.facts import Facts
from ..timeline.fold import Fold
from ..timeline.inert import headline, inert_line
from ..timeline.model import Execution

_FAILURES = frozenset({"failed", "exception"})


@attrs.frozen
class Node:
    """A node of the run; inside an iteration or loop, all rounds of the node together.

    Its texts are safe for a terminal.
    """

    id: str
    title: str
    kind: str
    status: str  # "running" while a round is running
    seconds: float  # working time of its rounds
    tokens: int
    rounds: int  # rounds that were started
    failures: int  # rounds that failed
    retries: int  # attempts that failed and were repeated
    message: str | None  # message of its latest failure
    note: str  # what it is doing now
    item: int  # items or rounds that were started
    items: int | None  # number of items; None if it is not an iteration or loop
    at_once: bool  # items run in parallel

    @property
    def is_running(self) -> bool:
        """Whether a round is running."""
        return self.status == "running"


class RunTree:
    """What a run has done so far."""

    def __init__(self) -> None:
        self._fold = Fold(content=False)
        self._left_as = "running"
        """Status of nodes whose end was not reported."""
        self._end: float | None = None
        self.began = self.now
        self.unreadable: list[str] = []
        """Why messages of the stream could not be read."""
        self.started_at: int | None = None
        """When the run began (Unix seconds), if its events say so."""
        self.was_resumed = False
        """Whether it continued after people had answered."""

    @property
    def run_id(self) -> str | None:
        """Id of the run."""
        return self._fold.timeline.run_id

    @property
    def task_id(self) -> str | None:
        """Id of its task, which is needed to stop it, while it is running."""
        return self._fold.timeline.task_id if self._end is None else None

    @property
    def text(self) -> str:
        """The text that the run has streamed."""
        return self._fold.timeline.text.getvalue()

    @property
    def now(self) -> float:
        """The time in seconds, by the monotonic clock."""
        return time.monotonic()

    @property
    def tokens(self) -> int:
        """Tokens used so far. Iterations and loops report the tokens inside when they end."""
        nodes = self._fold.timeline.nodes.values()
        return sum(each.tokens for node in nodes for each in node if not each.inside)

    def take(self, event: StreamEvent[object]) -> None:
        """Add an event."""
        self._fold.take(event, self.now)
        if isinstance(event, UnreadableEvent):
            self.unreadable.append(event.reason)
        elif isinstance(event, WorkflowStarted) and is_resumption(event):
            self.was_resumed = True
        elif isinstance(event, WorkflowStarted):
            self.started_at = Facts(event.raw.get("data")).count("created_at")

    def settle(self, status: str) -> None:
        """Note that the run has ended: nodes that are still running will send no more events."""
        self._left_as = "paused" if status == "paused" else "stopped"
        self._end = self.now

    def node(self, event: StreamEvent[object], *, as_round: bool = False) -> Node | None:
        """The node of an event; None if it has no node.

        Args:
            event: The event.
            as_round: Whether the event is about one round; a node with several rounds gives None.
        """
        node_id = Facts(event.raw.get("data")).text("node_id")
        executions = self._fold.timeline.nodes.get(node_id) if node_id else None
        if not executions or (as_round and (len(executions) > 1 or executions[0].around)):
            return None
        return self._node(executions)

    def walk(self, root: Node | None = None) -> Iterator[tuple[Node, str]]:
        """Nodes with the tree lines before them, in the order in which they started.

        Args:
            root: The node to begin with, which gets no tree lines; None for the whole run.
        """
        nodes = self._fold.timeline.nodes
        inside: dict[str | None, list[str]] = {}
        for node_id, executions in nodes.items():
            around = executions[0].around
            inside.setdefault(around.node_id if around else None, []).append(node_id)
        if root is not None:
            yield root, ""
        for node_id, lead in _leads(inside, root.id if root else None, ""):
            yield self._node(nodes[node_id]), lead

    def _node(self, executions: Sequence[Execution]) -> Node:
        first, latest = executions[0], executions[-1]
        last_told = max(executions, key=lambda each: (each.end or each.begin).order)
        running = [each for each in executions if self._status(each) == "running"]
        failed = next((each for each in reversed(executions) if each.error or each.attempts), None)
        return Node(
            id=first.node_id,
            title=inert_line(first.title),
            kind=inert_line(first.kind),
            status="running" if running else self._status(last_told),
            seconds=self._seconds(executions, running),
            tokens=sum(each.tokens for each in executions),
            rounds=len(executions),
            failures=sum(each.status in _FAILURES for each in executions),
            retries=sum(len(each.attempts) for each in executions),
            message=headline(failed.error or failed.attempts[-1].error) if failed else None,
            note=inert_line(last_told.note),
            item=next(reversed(latest.rounds), -1) + 1,
            items=latest.length,
            at_once=_is_at_once(latest),
        )

    def _status(self, each: Execution) -> str:
        if each.status != "running":
            return each.status
        return "stopped" if each.around and each.around.end else self._left_as

    def _seconds(self, executions: Sequence[Execution], running: Sequence[Execution]) -> float:
        if not running:
            return sum(self._worked(each) for each in executions)
        so_far = self.now - min(each.begin.told or self.now for each in running)
        if executions[-1].length:  # an iteration or loop: the time of this execution
            return so_far
        ended = (each for each in executions if self._status(each) != "running")
        return so_far + sum(self._worked(each) for each in ended)

    def _worked(self, each: Execution) -> float:
        """Working time of a round; the server's time leaves out the time before a wait."""
        seconds = each.elapsed or 0.0
        if each.forms:
            asked = next(iter(each.forms.values())).begin
            return seconds + _between(each.begin.told, asked.told)
        if each.end or each.status == "paused":
            return seconds
        end = each.around.end.told if each.around and each.around.end else self._end
        return _between(each.begin.told, end)


def _between(begin: float | None, end: float | None) -> float:
    return 0.0 if begin is None or end is None else end - begin


def _is_at_once(node: Execution) -> bool:
    """Whether a second item was started before any node of the first one."""
    if node.kind == "loop" or len(node.rounds) < 2:  # noqa: PLR2004  # a second one
        return False
    _, second = islice(node.rounds.values(), 2)
    return not node.inside or second.begin.order < node.inside[0].begin.order


def _leads(
    inside: Mapping[str | None, Sequence[str]], around: str | None, lead: str
) -> Iterator[tuple[str, str]]:
    last = len(inside.get(around, ())) - 1
    for index, node_id in enumerate(inside.get(around, ())):
        yield node_id, f"{lead}{'├─ ' if index < last else '└─ '}"
        yield from _leads(inside, node_id, f"{lead}{'│  ' if index < last else '   '}")
