"""The nodes of a run as a tree, folded from its events. Pure, but for the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import attrs

from .._inert import headline, inert_line
from .._json import SHAPE_ERRORS
from .._streams.run_state import is_resumption
from ..errors import InvalidResponseError
from ..events import (
    AgentLog,
    HumanInputFormFilled,
    HumanInputFormTimeout,
    HumanInputRequired,
    IterationCompleted,
    IterationNext,
    IterationStarted,
    LoopCompleted,
    LoopNext,
    LoopStarted,
    NodeFinished,
    NodeRetry,
    NodeStarted,
    ReasoningChunk,
    TextChunk,
    TextReplace,
    WorkflowStarted,
)
from ..events.base import StreamEvent, UnreadableEvent

if TYPE_CHECKING:
    from dify_workflow_api.models import (
        IterationCompletedData,
        LoopCompletedData,
        NodeFinishedData,
        NodeRetryData,
        NodeStartedData,
    )

_FAILURES = frozenset({"failed", "exception"})
_LONGEST = 1e9
"""Seconds above which nothing is a duration."""


@attrs.define(eq=False)
class Node:
    """A node of the run; inside an iteration or loop it stands for all of its rounds.

    Its texts are safe for a terminal.

    Args:
        id: Id of the node in the workflow.
        title: Title of the node.
        kind: Kind of the node, such as ``"llm"``.
        since: When its latest round started, by the tree's clock.
        status: State of its latest round; ``"running"`` while one is going on.
        elapsed: Duration of the rounds that have ended, in seconds.
        tokens: Tokens that its model calls used.
        failures: Rounds that failed.
        retries: Attempts that failed and were tried again.
        message: What its latest failure says, on one line.
        note: What it is doing just now.
        item: Items (of an iteration) or rounds (of a loop) that were begun.
        items: How many there are; None where it is no iteration or loop.
        at_once: Whether items are worked on in parallel.
        children: The nodes inside, by id.
    """

    id: str
    title: str
    kind: str
    since: float
    status: str = "running"
    elapsed: float = 0.0
    tokens: int = 0
    failures: int = 0
    retries: int = 0
    message: str | None = None
    note: str | None = None
    item: int = 0
    items: int | None = None
    at_once: bool = False
    children: dict[str, Node] = attrs.field(factory=dict[str, "Node"])
    _seen: set[str] = attrs.field(factory=set[str])
    _running: set[str] = attrs.field(factory=set[str])

    @property
    def rounds(self) -> int:
        """Rounds that were started."""
        return len(self._seen)

    @property
    def is_running(self) -> bool:
        """Whether a round is going on."""
        return self.status == "running"

    def begin(self, execution: str, now: float) -> None:
        """Note that a round starts, or goes on after a pause.

        Args:
            execution: Id of the round.
            now: The time by the tree's clock.
        """
        if not self._running:
            self.since = now
        self._seen.add(execution)
        self._running.add(execution)
        self.status, self.note = "running", None

    def end(self, execution: str, status: str, elapsed: float | None, error: str | None) -> None:
        """Note that a round has ended; in parallel, others may be going on.

        Args:
            execution: Id of the round.
            status: How it ended.
            elapsed: Its duration in seconds.
            error: Its error text.
        """
        self._seen.add(execution)
        self._running.discard(execution)
        self.status, self.note = "running" if self._running else status, None
        self.elapsed += elapsed or 0.0
        if status in _FAILURES:
            self.failures += 1
        if error:
            self.message = headline(error)

    def halt(self, status: str, now: float, note: str | None = None) -> None:
        """Note that no round is going on, for a reason from outside.

        Args:
            status: State that it is left in.
            now: The time by the tree's clock.
            note: What it does now.
        """
        if self.is_running:
            self.elapsed += now - self.since
        self._running.clear()
        self.status, self.note = status, note


class RunTree:
    """What a run has done so far.

    Args:
        clock: Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.run_id: str | None = None
        self.nodes: dict[str, Node] = {}
        self.text: list[str] = []
        self.unreadable: list[str] = []
        """Why messages of the stream could not be read."""
        self.started_at: int | None = None
        """When the run began (Unix seconds), as far as its events tell."""
        self.was_resumed = False
        """Whether it went on after people had answered."""
        self._clock = clock
        self._all: dict[str, Node] = {}
        self.began = clock()

    @property
    def now(self) -> float:
        """The time by the tree's clock, in seconds."""
        return self._clock()

    @property
    def tokens(self) -> int:
        """Tokens that model calls used so far; containers report those inside once they end."""
        return sum(node.tokens for node in self._all.values() if not node.children)

    def take(self, event: StreamEvent[object]) -> Node | None:
        """Note what an event says; the node that it is about, if any.

        One of an unexpected shape is passed over: the run goes on, and its result will tell.
        """
        self.run_id = self.run_id or event.id
        try:
            return self._take(event)
        except (InvalidResponseError, *SHAPE_ERRORS):
            return None

    def _take(self, event: StreamEvent[object]) -> Node | None:
        match event:
            case UnreadableEvent():
                self.unreadable.append(event.reason)
            case TextChunk() if isinstance(event.data.text, str):
                self.text.append(event.data.text)
            case TextReplace() if isinstance(event.data.text, str):
                self.text = [event.data.text]
            case NodeStarted():
                return self._started(event.data)
            case NodeFinished():
                return self._finished(event.data)
            case NodeRetry():
                return self._retried(event.data)
            case IterationStarted() | LoopStarted():
                return self._opened(event)
            case IterationNext() | LoopNext():
                return self._next(event)
            case IterationCompleted() | LoopCompleted():
                return self._completed(event.data)
            case _:
                return self._noted(event)
        return None

    def text_tail(self, length: int) -> str:
        """The last characters of the text, at most this many."""
        tail, found = len(self.text), 0
        while tail and found < length:
            tail -= 1
            found += len(self.text[tail])
        return "".join(self.text[tail:])[-length:]

    def settle(self, status: str) -> None:
        """Note that the run has ended: what still runs, will send no event any more."""
        for node in self._all.values():
            if node.is_running:
                node.halt("paused" if status == "paused" else "stopped", self._clock())

    def walk(self, *roots: Node) -> Iterator[tuple[Node, str]]:
        """Nodes with the lines that lead to them, in the order in which they started.

        Args:
            roots: Nodes to begin with, to which no lines lead; by default the run, which has all.
        """
        if not roots:
            yield from _inside(self.nodes, "")
        for node in roots:
            yield node, ""
            yield from _inside(node.children, "")

    def _started(self, data: NodeStartedData) -> Node:
        node = self._node(data)
        node.begin(data.id, self._clock())
        return node

    def _finished(self, data: NodeFinishedData) -> Node:
        node = self._node(data)
        node.end(data.id, str(data.status), _seconds(data.elapsed_time), data.error)
        spent = data.execution_metadata and data.execution_metadata.total_tokens
        node.tokens += _count(spent)
        if data.status == "paused":
            node.note = "waits for a person"
        return node

    def _retried(self, data: NodeRetryData) -> Node:
        node = self._node(data)
        node.retries += 1
        node.message = headline(data.error or "")
        return node

    def _opened(self, event: IterationStarted | LoopStarted) -> Node:
        node = self._node(event.data)
        node.begin(event.data.id, self._clock())
        if isinstance(event, LoopStarted):
            node.items, node.item = _count(event.data.metadata.loop_length), 1
        else:
            length = event.data.metadata
            node.items = _count(length.iteration_length or length.iterator_length)
        return node

    def _next(self, event: IterationNext | LoopNext) -> Node:
        node = self._node(event.data)
        begun = event.data.index + 1
        # Up to Dify 1.8 there is one event more than items.
        begun = min(begun, node.items) if node.items else begun
        if isinstance(event, IterationNext) and 0 < node.item < begun and not node.children:
            node.at_once = True
        node.item = max(node.item, begun)
        return node

    def _completed(self, data: IterationCompletedData | LoopCompletedData) -> Node:
        node = self._node(data)
        node.end(data.id, str(data.status), _seconds(data.elapsed_time), data.error)
        node.tokens = _count(data.total_tokens)
        for inner in node.children.values():
            if inner.is_running:
                inner.halt("stopped", self._clock())
        return node

    def _noted(self, event: StreamEvent[object]) -> Node | None:
        """Note what a node is doing, or the run as a whole."""
        match event:
            case WorkflowStarted() if is_resumption(event):
                self.was_resumed = True
                return None
            case WorkflowStarted():
                self.started_at = event.data.created_at
                return None
            case HumanInputRequired():
                node, note = self._node(event.data), "waits for a person"
                node.halt("paused", self._clock())
            case HumanInputFormFilled():
                node, note = self._node(event.data), event.data.action_text
            case HumanInputFormTimeout():
                node, note = self._node(event.data), "nobody answered in time"
            case AgentLog() if event.data.node_id:
                node, note = self._node(event.data), event.data.label
            case ReasoningChunk() if event.data.node_id:
                node, note = self._node(event.data), "thinking"
            case _:
                return None
        node.note = inert_line(note or "")
        return node

    def _node(self, data: object) -> Node:
        """The node that an event is about; a new one where none was seen yet."""
        node_id = str(getattr(data, "node_id", None))
        if node_id not in self._all:
            title = getattr(data, "title", None) or getattr(data, "node_title", None) or node_id
            kind = getattr(data, "node_type", None) or ""
            node = Node(node_id, inert_line(title), inert_line(kind), self._clock())
            self._all[node_id] = node
            self._around(data)[node_id] = node
        return self._all[node_id]

    def _around(self, data: object) -> dict[str, Node]:
        """The nodes among which a node stands: those of its iteration or loop, or of the run."""
        for kind in ("iteration", "loop"):
            around = getattr(data, f"{kind}_id", None)
            if around is not None:
                if around not in self._all:  # replays leave the events of iterations out
                    node = Node(around, kind.capitalize(), kind, self._clock())
                    self._all[around] = self.nodes[around] = node
                return self._all[around].children
        return self.nodes


def _count(value: object) -> int:
    """A number as a server should send it; 0 for anything else."""
    return value if isinstance(value, int) else 0


def _seconds(value: object) -> float:
    """Likewise a duration in seconds."""
    return float(value) if isinstance(value, int | float) and abs(value) < _LONGEST else 0.0


def _inside(nodes: dict[str, Node], lead: str) -> Iterator[tuple[Node, str]]:
    last = len(nodes) - 1
    for index, node in enumerate(nodes.values()):
        yield node, f"{lead}{'├─ ' if index < last else '└─ '}"
        yield from _inside(node.children, f"{lead}{'│  ' if index < last else '   '}")
