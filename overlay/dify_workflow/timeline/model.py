"""What is known of a run, and when things in it happened. Pure.

Servers tell times in whole seconds, and durations to the microsecond. Who watches a stream live
knows when each event arrived, too, by a clock that may differ from the server's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from io import StringIO

import attrs

from .._json import JSON, JSONObject

ROUNDS = ("iteration", "loop")
"""Kinds of nodes that have others inside, in rounds."""

_TICK = 1.0
"""Seconds within which a time of the server lies."""


@attrs.define(eq=False)
class Instant:
    """A moment of a run.

    Args:
        order: Which event told of it.
        stamp: The server's time, in whole Unix seconds; None where it told none.
        arrived: When the event arrived, in seconds by the clock of whoever watched; None where
            nobody did.
        after: A moment that was not later.
        seconds: How long after that one it was, as the server says.
        told: When it was told, by the watcher's clock: later than it was, where a replay told it.
        time: When it was, in seconds by the server's clock; set by `settle`.
    """

    order: int
    stamp: float | None = None
    arrived: float | None = None
    after: Instant | None = None
    seconds: float = 0.0
    told: float | None = None
    time: float = 0.0

    @property
    def least(self) -> float:
        """The time before which it cannot have been."""
        return self.after.time + self.seconds if self.after else float("-inf")


@attrs.define(eq=False)
class Attempt:
    """An attempt of a node that failed and was tried again."""

    number: int  # from 1
    end: Instant
    error: str
    elapsed: float | None  # seconds, as the server says


@attrs.define(eq=False)
class Form:
    """A form at which a node waited for a person."""

    begin: Instant  # when it was told
    content: str  # Markdown
    fields: JSON
    actions: JSON
    expires: float | None  # Unix seconds
    end: Instant | None = None  # answered or expired; None while it waits
    answer: str | None = None  # what was chosen
    values: JSON = None  # what was filled in, where the server tells


@attrs.define(eq=False)
class Streamed:
    """Text that a node streamed."""

    begin: Instant  # of the first piece
    end: Instant  # of the latest one
    pieces: int = 0
    characters: int = 0


@attrs.define(eq=False)
class Round:
    """An item of an iteration, or a round of a loop."""

    index: int  # from 0
    begin: Instant  # told long before it began, in a parallel iteration
    before: JSON = None  # what the one before it gave, where the server tells
    duration: float | None = None  # seconds, where the server tells


@attrs.define(eq=False)
class Execution:
    """A node at work: once in a run, or once in each round of an iteration or a loop."""

    id: str
    node_id: str
    title: str
    kind: str  # such as "llm"
    begin: Instant
    status: str = "running"  # until something ends it
    end: Instant | None = None  # None where nobody told
    elapsed: float | None = None  # seconds, as the server says
    error: str | None = None
    # By the heading to show them under
    values: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    # Headings under which the server cut something off
    truncated: set[str] = attrs.field(factory=set[str])
    tokens: int = 0
    price: Decimal | None = None
    currency: str = ""
    attempts: list[Attempt] = attrs.field(factory=list[Attempt])
    forms: dict[str, Form] = attrs.field(factory=dict[str, Form])  # at which it waited, by id
    note: str = ""  # what it is doing just now
    # Of its process data: usage, and the model's name
    model: JSONObject = attrs.field(factory=dict[str, JSON])
    # Of an agent: the latest event of each, by id
    steps: dict[str, JSONObject] = attrs.field(factory=dict[str, JSONObject])
    reasoning: StringIO | None = None
    streamed: Streamed | None = None
    around: Execution | None = None  # the iteration or loop in which it stands
    round: int | None = None  # None where that is not known
    branch: str | None = None  # id of the first node of its parallel branch
    # Items of an iteration, or most rounds of a loop; None where not told
    length: int | None = None
    # Those that were begun, by index
    rounds: dict[int, Round] = attrs.field(factory=dict[int, Round])
    inside: list[Execution] = attrs.field(factory=list["Execution"])  # what ran in them

    @property
    def is_container(self) -> bool:
        """Whether it is an iteration or a loop."""
        return self.length is not None or self.kind in ROUNDS


@attrs.define(eq=False)
class Span:
    """A time in which nothing was told: the run waited for people, or its stream was lost."""

    begin: Instant
    end: Instant | None = None  # None where it never was over
    reason: str = ""


@attrs.define(eq=False)
class Timeline:
    """A run, as far as its events told it."""

    run_id: str | None = None
    task_id: str | None = None
    workflow_id: str | None = None
    status: str = "running"  # until something ends it
    error: str | None = None
    # Inputs and outputs, by the heading to show them under
    values: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    begin: Instant | None = None
    end: Instant | None = None
    elapsed: float | None = None  # seconds, as the server says
    is_lost: bool = False  # its stream never came back
    tokens: int | None = None  # as the server says
    # Without those inside others
    executions: list[Execution] = attrs.field(factory=list[Execution])
    # All executions, by id of their node
    nodes: dict[str, list[Execution]] = attrs.field(factory=dict[str, list[Execution]])
    gaps: list[Span] = attrs.field(factory=list[Span])  # where its stream was lost
    pauses: list[Span] = attrs.field(factory=list[Span])  # where it waited for people
    text: StringIO = attrs.field(factory=StringIO)
    events: Counter[str] = attrs.field(factory=Counter[str])  # how many there were, by name
    # Events that a timeline has no place for
    others: list[JSONObject] = attrs.field(factory=list[JSONObject])
    instants: list[Instant] = attrs.field(factory=list[Instant])  # all that the rest refers to


def with_inner(nodes: Iterable[Execution]) -> Iterator[Execution]:
    """Nodes, each followed by what ran in it."""
    for node in nodes:
        yield node
        yield from with_inner(node.inside)


def settle(instants: Iterable[Instant]) -> None:
    """Set the time of every moment of a run."""
    ordered = sorted(instants, key=lambda instant: instant.order)
    if any(instant.arrived is not None for instant in ordered):
        _settle_by_arrival(ordered)
    else:
        _settle_by_stamps(ordered)


def ahead(instants: Iterable[Instant]) -> float:
    """Seconds by which the watcher's clock is ahead of the server's, as far as arrivals tell.

    What arrived first after its stamp tells how far the two are apart, at most.
    """
    return min(
        (each.arrived - each.stamp for each in instants if each.arrived and each.stamp), default=0.0
    )


def _settle_by_arrival(ordered: list[Instant]) -> None:
    lead = ahead(ordered)
    now = 0.0
    for each in ordered:
        seen = None if each.arrived is None else each.arrived - lead
        if seen is None or (each.stamp is not None and seen > each.stamp + _TICK):
            # Told late, by the replay of a stream that was lost: nobody saw it.
            seen = _unseen(each, now)
        each.time = max(seen, each.after.time) if each.after else seen
        now = each.time


def _unseen(instant: Instant, now: float) -> float:
    """When something was, as the server says; else just after what was told before it."""
    if instant.stamp is None:
        return now
    least = instant.least if instant.after else now
    return min(max(least, instant.stamp), instant.stamp + _TICK)


def _settle_by_stamps(ordered: list[Instant]) -> None:
    """Nothing is later than it has to be, by durations, stamps and the order of events.

    Where in its second the run began is not told: so that no duration crosses into the next one
    too early or too late, it is the least fraction with which the stamps agree.
    """
    base = next((each.stamp for each in ordered if each.stamp is not None), 0.0)
    _run_through(ordered, base)
    late = [each.stamp - each.time for each in ordered if each.stamp is not None]
    offset = max((each for each in late if each < _TICK), default=0.0)
    _run_through(ordered, base + max(offset, 0.0), stamped=True)


def _run_through(ordered: list[Instant], begin: float, *, stamped: bool = False) -> None:
    now = begin
    for each in ordered:
        stamp = each.stamp if stamped and each.stamp is not None else begin
        now = each.time = max(now, each.least, stamp)
