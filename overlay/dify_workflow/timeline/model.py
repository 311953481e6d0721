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
    """An attempt of a node that failed and was tried again.

    Args:
        number: Which one, from 1.
        end: When it failed.
        error: Its error text.
        elapsed: Its duration in seconds, as the server says.
    """

    number: int
    end: Instant
    error: str
    elapsed: float | None


@attrs.define(eq=False)
class Form:
    """A form at which a node waited for a person.

    Args:
        begin: When it was told.
        content: Its text (Markdown).
        fields: Its fields.
        actions: The ways to send it off.
        expires: When it expires, in Unix seconds.
        end: When it was answered or expired; None while it waits.
        answer: What was chosen.
        values: What was filled in, by name of the field; None where the server does not tell.
    """

    begin: Instant
    content: str
    fields: JSON
    actions: JSON
    expires: float | None
    end: Instant | None = None
    answer: str | None = None
    values: JSON = None


@attrs.define(eq=False)
class Streamed:
    """Text that a node streamed.

    Args:
        begin: When its first piece came.
        end: When its latest one came.
        pieces: How many there were.
        characters: How long they are together.
    """

    begin: Instant
    end: Instant
    pieces: int = 0
    characters: int = 0


@attrs.define(eq=False)
class Round:
    """An item of an iteration, or a round of a loop.

    Args:
        index: Number of it, from 0.
        begin: When it was told; for a parallel iteration that is long before it began.
        before: What the one before it gave, where the server tells.
        duration: Its duration in seconds, where the server tells.
    """

    index: int
    begin: Instant
    before: JSON = None
    duration: float | None = None


@attrs.define(eq=False)
class Execution:
    """A node at work: once in a run, or once in each round of an iteration or a loop.

    Args:
        id: Id of the execution.
        node_id: Id of the node in the workflow.
        title: Title of the node.
        kind: Kind of the node, such as ``"llm"``.
        begin: When it started.
        status: Its state; ``"running"`` until something ended it.
        end: When it ended; None where nobody told.
        elapsed: Its duration in seconds, as the server says.
        error: Its error text.
        values: What it took, did and gave, by the heading to show it under.
        truncated: The headings under which the server cut something off.
        tokens: Tokens that its model calls used.
        price: What they cost.
        currency: In which currency.
        attempts: Attempts that failed.
        forms: Forms at which it waited, by id.
        note: What it is doing just now, in a few words.
        model: What its process data says of a model call: ``usage``, and the model's name.
        steps: Steps of an agent, by id, as the latest event told each.
        reasoning: A model's reasoning.
        streamed: Text that it streamed.
        around: The iteration or loop in which it stands.
        round: Which round of it; None where that is not known.
        branch: Id of the first node of its parallel branch, where the server tells.
        length: How many items an iteration has, or rounds a loop at most; None where nobody told.
        rounds: The rounds that were begun, by index.
        inside: What ran in them.
    """

    id: str
    node_id: str
    title: str
    kind: str
    begin: Instant
    status: str = "running"
    end: Instant | None = None
    elapsed: float | None = None
    error: str | None = None
    values: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    truncated: set[str] = attrs.field(factory=set[str])
    tokens: int = 0
    price: Decimal | None = None
    currency: str = ""
    attempts: list[Attempt] = attrs.field(factory=list[Attempt])
    forms: dict[str, Form] = attrs.field(factory=dict[str, Form])
    note: str = ""
    model: JSONObject = attrs.field(factory=dict[str, JSON])
    steps: dict[str, JSONObject] = attrs.field(factory=dict[str, JSONObject])
    reasoning: StringIO | None = None
    streamed: Streamed | None = None
    around: Execution | None = None
    round: int | None = None
    branch: str | None = None
    length: int | None = None
    rounds: dict[int, Round] = attrs.field(factory=dict[int, Round])
    inside: list[Execution] = attrs.field(factory=list["Execution"])

    @property
    def is_container(self) -> bool:
        """Whether it is an iteration or a loop."""
        return self.length is not None or self.kind in ROUNDS


@attrs.define(eq=False)
class Span:
    """A time in which nothing was told: the run waited for people, or its stream was lost.

    Args:
        begin: When it began.
        end: When it was over; None where it never was.
        reason: Why.
    """

    begin: Instant
    end: Instant | None = None
    reason: str = ""


@attrs.define(eq=False)
class Timeline:
    """A run, as far as its events told it.

    Args:
        run_id: Id of the run.
        task_id: Id of the task.
        workflow_id: Id of the published version that ran.
        status: How it ended; ``"running"`` where nobody told.
        error: Its error text.
        values: Its inputs and outputs, by the heading to show them under.
        begin: When it began.
        end: When it ended.
        elapsed: Its duration in seconds, as the server says.
        is_lost: Whether its stream was lost for good.
        tokens: Tokens that it used, as the server says.
        executions: The nodes that ran, without those inside iterations and loops.
        nodes: All executions by id of their node, in the order in which they started.
        gaps: Where its stream was lost.
        pauses: Where it waited for people.
        text: What it streamed.
        events: How many events there were, by name.
        others: Events that a timeline has no place for.
        instants: All moments that the rest refers to.
    """

    run_id: str | None = None
    task_id: str | None = None
    workflow_id: str | None = None
    status: str = "running"
    error: str | None = None
    values: dict[str, JSON] = attrs.field(factory=dict[str, JSON])
    begin: Instant | None = None
    end: Instant | None = None
    elapsed: float | None = None
    is_lost: bool = False
    tokens: int | None = None
    executions: list[Execution] = attrs.field(factory=list[Execution])
    nodes: dict[str, list[Execution]] = attrs.field(factory=dict[str, list[Execution]])
    gaps: list[Span] = attrs.field(factory=list[Span])
    pauses: list[Span] = attrs.field(factory=list[Span])
    text: StringIO = attrs.field(factory=StringIO)
    events: Counter[str] = attrs.field(factory=Counter[str])
    others: list[JSONObject] = attrs.field(factory=list[JSONObject])
    instants: list[Instant] = attrs.field(factory=list[Instant])


def with_inner(nodes: Iterable[Execution]) -> Iterator[Execution]:
    """Nodes, each followed by what ran in it.

    Args:
        nodes: The nodes.
    """
    for node in nodes:
        yield node
        yield from with_inner(node.inside)


def settle(instants: Iterable[Instant]) -> None:
    """Set the time of every moment of a run.

    Args:
        instants: All of them, in any order.
    """
    ordered = sorted(instants, key=lambda instant: instant.order)
    if any(instant.arrived is not None for instant in ordered):
        _settle_by_arrival(ordered)
    else:
        _settle_by_stamps(ordered)


def ahead(instants: Iterable[Instant]) -> float:
    """Seconds by which the watcher's clock is ahead of the server's, as far as arrivals tell.

    What arrived first after its stamp tells how far the two are apart, at most.

    Args:
        instants: All moments of the run.
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
