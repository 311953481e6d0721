"""What is read of a journal's rows."""

from __future__ import annotations

from typing import Any

from .._json import JSONObject, decode
from ._schema import rows
from ._state import RowResult, status_of

RECORD = (
    rows.c.number,
    rows.c.key,
    rows.c.row,
    rows.c.state,
    rows.c.attempts,
    rows.c.sent_at,
    rows.c.run_id,
)
"""Columns of a `RowRecord`."""

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


def result_from(row: Any) -> RowResult:
    """The result that a record of the database holds.

    Args:
        row: The columns of `RESULT`.
    """
    return RowResult(
        number=row.number,
        key=row.key,
        row=_from_text(row.row),
        status=status_of(row.state, row.status),
        message=row.message,
        outputs=_from_text(row.outputs) if row.outputs else {},
        run_id=row.run_id,
        elapsed_time=row.elapsed,
        total_tokens=row.tokens,
        attempts=row.attempts,
    )


def _from_text(text: str) -> JSONObject:
    value: JSONObject = decode(text.encode())
    return value
