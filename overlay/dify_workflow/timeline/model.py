"""What a report knows of a run."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from io import StringIO

import attrs

from .._json import JSON, JSONObject
from .instants import Instant


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
        steps: Steps of an agent, by id, as the latest event told each.
        reasoning: A model's reasoning.
        streamed: Text that it streamed.
        around: The iteration or loop in which it stands.
        round: Which round of it; None where that is not known.
        branch: Id of the first node of its parallel branch, where the server tells.
        length: How many items an iteration has, or rounds a loop at most; None for other nodes.
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
        return self.length is not None


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
        steps: Nodes that ran, as the server says.
        executions: The nodes that ran, without those inside iterations and loops.
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
    steps: int | None = None
    executions: list[Execution] = attrs.field(factory=list[Execution])
    gaps: list[Span] = attrs.field(factory=list[Span])
    pauses: list[Span] = attrs.field(factory=list[Span])
    text: StringIO = attrs.field(factory=StringIO)
    events: Counter[str] = attrs.field(factory=Counter[str])
    others: list[JSONObject] = attrs.field(factory=list[JSONObject])
    instants: list[Instant] = attrs.field(factory=list[Instant])
