"""The parts of a run, and when each of them happened. Pure.

Servers report times in whole seconds, and durations in microseconds. A live stream also has the
arrival time of each event, by the client's clock, which may differ from the server's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from io import StringIO

import attrs

from .._json import JSON, JSONObject

ROUNDS = ("iteration", "loop")
"""Kinds of nodes that contain other nodes, in rounds."""

_TICK = 1.0
"""The length of the interval, in seconds, in which a time of the server lies."""


@attrs.define(eq=False)
class Instant:
    """A moment of a run.

    Args:
        order: Number of the event that reported it.
        stamp: The server's time, in whole Unix seconds; None if the event has no time.
        arrived: When the event arrived, in seconds by the client's clock; None if unknown.
        after: An earlier moment, or one at the same time.
        seconds: How long after `after` it was, as the server says.
        told: When it was reported, by the client's clock. In a replay that is later than the
            moment itself.
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
        """The earliest time it can have."""
        return self.after.time + self.seconds if self.after else float("-inf")


@attrs.define(eq=False)
class Attempt:
    """An attempt of a node that failed and was repeated."""

    number: int  # from 1
    end: Instant
    error: str
    elapsed: float | None  # seconds, as the server says


@attrs.define(eq=False)
class Form:
    """A form at which a node waited for a person."""

    begin: Instant  # when it was reported
    content: str  # Markdown
    fields: JSON
    actions: JSON
    expires: float | None  # Unix seconds
    end: Instant | None = None  # answered or expired; None while the run waits
    answer: str | None = None  # the chosen action
    values: JSON = None  # the values entered, if the server reports them


@attrs.define(eq=False)
class Streamed:
    """Text that a node streamed."""

    begin: Instant  # the first piece
    end: Instant  # the latest one
    pieces: int = 0
    characters: int = 0


@attrs.define(eq=False)
class Round:
    """An item of an iteration, or a round of a loop."""

    index: int  # from 0
    begin: Instant  # in a parallel iteration, reported long before it began
    before: JSON = None  # the output of the one before it, if the server reports it
    duration: float | None = None  # seconds, if the server reports it


@attrs.define(eq=False)
class Execution:
    """An execution of a node: once in a run, or once in each round of an iteration or a loop."""

    id: str
    node_id: str
    title: str
    kind: str  # such as "llm"
    begin: Instant
    status: str = "running"  # until an event ends it
    end: Instant | None = None  # None if it was not reported
    elapsed: float | None = None  # seconds, as the server says
    error: str | None = None
    # By heading
    values: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    # Headings whose values the server cut
    truncated: set[str] = attrs.field(factory=set[str])
    tokens: int = 0
    price: Decimal | None = None
    currency: str = ""
    attempts: list[Attempt] = attrs.field(factory=list[Attempt])
    forms: dict[str, Form] = attrs.field(factory=dict[str, Form])  # forms at which it waited, by id
    note: str = ""  # what it is doing now
    # From its process data: usage, and the model's name
    model: JSONObject = attrs.field(factory=dict[str, JSON])
    # For an agent: the latest event of each step, by id
    steps: dict[str, JSONObject] = attrs.field(factory=dict[str, JSONObject])
    reasoning: StringIO | None = None
    streamed: Streamed | None = None
    around: Execution | None = None  # the iteration or loop around it
    round: int | None = None  # None if unknown
    branch: str | None = None  # id of the first node of its parallel branch
    # Items of an iteration, or the largest number of rounds of a loop; None if not reported
    length: int | None = None
    # Those that began, by index
    rounds: dict[int, Round] = attrs.field(factory=dict[int, Round])
    inside: list[Execution] = attrs.field(factory=list["Execution"])  # what ran in them

    @property
    def is_container(self) -> bool:
        """Whether it is an iteration or a loop."""
        return self.length is not None or self.kind in ROUNDS

    @property
    def lasted(self) -> float | None:
        """The seconds that it ran, as the server says; None if it had breaks or still runs."""
        has_breaks = self.is_container or self.attempts or self.forms
        return None if has_breaks or self.end is None else self.elapsed


@attrs.define(eq=False)
class Span:
    """A time without events: the run waited for people, or its stream was lost."""

    begin: Instant
    end: Instant | None = None  # None if it never ended
    reason: str = ""


@attrs.define(eq=False)
class Timeline:
    """A run, as far as its events report it."""

    run_id: str | None = None
    task_id: str | None = None
    workflow_id: str | None = None
    status: str = "running"  # until an event ends it
    error: str | None = None
    # Inputs and outputs, by heading
    values: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    begin: Instant | None = None
    end: Instant | None = None
    elapsed: float | None = None  # seconds, as the server says
    is_lost: bool = False  # its stream never came back
    tokens: int | None = None  # as the server says
    # Without those inside others
    executions: list[Execution] = attrs.field(factory=list[Execution])
    # All executions, by node id
    nodes: dict[str, list[Execution]] = attrs.field(factory=dict[str, list[Execution]])
    gaps: list[Span] = attrs.field(factory=list[Span])  # where its stream was lost
    pauses: list[Span] = attrs.field(factory=list[Span])  # where it waited for people
    text: StringIO = attrs.field(factory=StringIO)
    events: Counter[str] = attrs.field(factory=Counter[str])  # their number, by name
    # Events that are not part of the timeline
    others: list[JSONObject] = attrs.field(factory=list[JSONObject])
    # All moments that the other fields refer to
    instants: list[Instant] = attrs.field(factory=list[Instant])


def with_inner(nodes: Iterable[Execution]) -> Iterator[Execution]:
    """Yield nodes, each followed by the nodes that ran in it."""
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
    """Return by how many seconds at most the client's clock is ahead of the server's.

    The event with the shortest time between stamp and arrival decides.
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
            # Reported late, by the replay of a lost stream: its arrival says nothing.
            seen = _unseen(each, now)
        each.time = max(seen, each.after.time) if each.after else seen
        now = each.time


def _unseen(instant: Instant, now: float) -> float:
    """Return when something was, as the server says, or the time of the moment before it."""
    if instant.stamp is None:
        return now
    least = instant.least if instant.after else now
    return min(max(least, instant.stamp), instant.stamp + _TICK)


def _settle_by_stamps(ordered: list[Instant]) -> None:
    """Set each time as early as durations, stamps and the order of events allow.

    Stamps are whole seconds, so the fraction at which the run began is not reported. The smallest
    fraction that agrees with all stamps is used, which keeps every duration in its seconds.
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
