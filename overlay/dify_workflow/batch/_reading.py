"""What is read of a journal's rows.

Whatever is damaged there raises an AttributeError, TypeError or ValueError, and is never sent.
"""

from __future__ import annotations

from typing import Any

from .._json import JSONObject, is_object
from ._columns import digest
from ._schema import rows
from ._state import STATES, RowRecord, RowResult, status_of
from ._values import from_json

RECORD = (
    rows.c.number,
    rows.c.key,
    rows.c.row,
    rows.c.digest,
    rows.c.state,
    rows.c.attempts,
    rows.c.sent_at,
    rows.c.run_id,
)
"""Columns that `record_from` needs."""

RESULT = (
    rows.c.number,
    rows.c.key,
    rows.c.row,
    rows.c.state,
    rows.c.status,
    rows.c.message,
    rows.c.outputs,
    rows.c.run_id,
    rows.c.elapsed,
    rows.c.tokens,
    rows.c.attempts,
)
"""Columns that `result_from` needs."""


def record_from(record: Any) -> RowRecord:
    """The row that is to be run or followed, as a record of the database has it.

    Args:
        record: The columns of `RECORD`.

    Raises:
        ValueError: It is not the row that was given.
    """
    row = _row_from(record.row)
    if digest(row) != record.digest:
        raise ValueError(f"row {record.number + 1} is not what was given")
    return RowRecord(
        number=record.number,
        key=record.key,
        row=row,
        state=record.state,
        attempts=int(record.attempts),
        sent_at=None if record.sent_at is None else float(record.sent_at),
        run_id=record.run_id,
    )


def result_from(record: Any) -> RowResult:
    """The result that a record of the database holds.

    Args:
        record: The columns of `RESULT`.

    Raises:
        ValueError: It holds none.
    """
    return RowResult(
        number=record.number,
        key=record.key,
        row=_row_from(record.row),
        status=status_of(known_state(record.state), record.status),
        message=record.message,
        outputs={} if record.outputs is None else from_json(record.outputs),
        run_id=record.run_id,
        elapsed_time=record.elapsed,
        total_tokens=record.tokens,
        attempts=record.attempts,
    )


def known_state(state: str) -> str:
    """The state of a row.

    Raises:
        ValueError: It is none.
    """
    if state not in STATES:
        raise ValueError(f"{state!r} is no state of a row")
    return state


def _row_from(text: str) -> JSONObject:
    row = from_json(text)
    if not is_object(row):
        raise ValueError("a row is no JSON object")
    return row
