"""What a journal says of a row, and what is done to it. Pure."""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from .._json import JSON, JSONObject, decode
from ..models import WorkflowRunResponse

PENDING: Final = "pending"
"""It was not sent yet."""
SENDING: Final = "sending"
"""It is about to be sent, or was: whether there is a run is not known."""
RUNNING: Final = "running"
"""Its run is known, and goes on or waits for people."""
DONE: Final = "done"
"""It has its result."""
UNKNOWN: Final = "unknown"
"""It was sent, and nobody can say what came of it."""

SUCCESSES = frozenset({"succeeded", "partial-succeeded"})
"""Statuses of rows that need nobody's attention."""


@attrs.frozen
class RowResult:
    """A row and what came of it.

    Args:
        number: Number of the row, from 0, in the order in which rows were first read.
        key: The row's id, where rows have one.
        row: The row itself.
        status: ``"succeeded"``, ``"partial-succeeded"``, ``"failed"``, ``"stopped"``, ``"paused"``
            (its run waits for people), or ``"unknown"`` (it was sent, and nobody can say what came
            of it); ``"pending"`` and ``"running"`` only while the batch goes on.
        message: Why it failed, or why its outcome is unknown; None where there is nothing to say.
        outputs: Value by name of the output.
        run_id: Id of its run; None where none is known.
        elapsed_time: Duration of the run in seconds.
        total_tokens: Tokens that model calls used.
        attempts: How often it was sent.
    """

    number: int
    key: str
    row: JSONObject
    status: str
    message: str | None = None
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])
    run_id: str | None = None
    elapsed_time: float | None = None
    total_tokens: int | None = None
    attempts: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether it has its outputs."""
        return self.status in SUCCESSES


@attrs.frozen
class RowRecord:
    """A row that is to be run or followed, as the journal has it.

    Args:
        number: Its number.
        key: Its id, or what stands for one.
        text: The row as JSON.
        state: Its state.
        attempts: How often it was sent.
        sent_at: When it was sent last (Unix seconds).
        run_id: Id of its run, where known.
    """

    number: int
    key: str
    text: str
    state: str
    attempts: int = 0
    sent_at: float | None = None
    run_id: str | None = None

    @property
    def row(self) -> JSONObject:
        """The row."""
        row: JSONObject = decode(self.text.encode())
        return row


@attrs.frozen
class Claim:
    """A row is about to be sent; refused where somebody else has sent it."""

    number: int


@attrs.frozen
class Release:
    """A row is to be sent again: it was refused before anything ran, or is to have another try.

    Args:
        number: Number of the row.
        was_sent: Whether that counts as an attempt.
        run_id: Run of the attempt that was, where there is one.
    """

    number: int
    was_sent: bool
    run_id: str | None = None


@attrs.frozen
class Began:
    """The run of a row is known."""

    number: int
    run_id: str
    task_id: str | None


@attrs.frozen
class Ended:
    """What came of a row, as far as that is known.

    Args:
        number: Number of the row.
        state: `DONE`, `RUNNING` where the run waits for people, or `UNKNOWN`.
        run: The run, where there is one.
        message: Why there is none, or none that is known.
        status: How it ended.
    """

    number: int
    state: str
    status: str
    message: str | None = None
    run: WorkflowRunResponse | None = None


Change: TypeAlias = Claim | Release | Began | Ended


def result_of(record: RowRecord, end: Ended, attempts: int) -> RowResult:
    """The result of a row that has just come to its end."""
    run = end.run
    return RowResult(
        number=record.number,
        key=record.key,
        row=record.row,
        status=end.status,
        message=end.message,
        outputs=run.outputs if run else {},
        run_id=run.id if run else record.run_id,
        elapsed_time=run.elapsed_time if run else None,
        total_tokens=run.total_tokens if run else None,
        attempts=attempts,
    )


def status_of(state: str, status: str | None) -> str:
    """The status of a row for people, from what the journal says of it."""
    if state == SENDING:  # somebody was interrupted before its outcome was looked for
        return UNKNOWN
    return status or state


@attrs.frozen
class About:
    """What a journal belongs to.

    Args:
        base_url: Base URL of the server.
        key_digest: What the app's key is recognised by; the key cannot be had from it.
        user_id: Who the runs are for.
        has_ids: Whether rows name themselves; None before the first row.
        columns: Names of the first row's columns.
    """

    base_url: str
    key_digest: str
    user_id: str
    has_ids: bool | None = None
    columns: tuple[str, ...] = ()
