"""Writing changes of rows to the database of a journal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence

import orjson
from sqlalchemy import Connection, bindparam, func, insert, update

from .._json import JSONObject
from ._schema import earlier_runs, rows, some_of
from ._state import PENDING, RUNNING, SENDING, Began, Change, Claim, Ended, Release

_CLAIM = (
    update(rows)
    .where(rows.c.number.in_(bindparam("numbers", expanding=True)), rows.c.state == PENDING)
    .values(state=SENDING, attempts=rows.c.attempts + 1, sent_at=bindparam("now"))
    .returning(rows.c.number)
)
_of_number = rows.c.number == bindparam("n")
_RELEASE = (
    update(rows)
    .where(_of_number)
    .values(
        state=PENDING,
        attempts=rows.c.attempts - bindparam("back"),
        sent_at=None,
        run_id=None,
        task_id=None,
        status=None,
        message=None,
    )
)
_BEGIN = (
    update(rows)
    .where(_of_number)
    .values(state=RUNNING, run_id=bindparam("run"), task_id=bindparam("task"))
)
_END = (
    update(rows)
    .where(_of_number)
    .values(
        state=bindparam("to"),
        status=bindparam("how"),
        message=bindparam("why"),
        outputs=bindparam("out"),
        elapsed=bindparam("took"),
        tokens=bindparam("used"),
        run_id=func.coalesce(bindparam("run"), rows.c.run_id),  # pyright: ignore[reportUnknownArgumentType]
    )
)


def write_changes(connection: Connection, changes: Iterable[Change]) -> set[int]:
    """Write changes of rows; those of a kind go in one statement.

    Args:
        connection: A transaction.
        changes: Of each row no more than one of a kind, which happened in the order begin, end,
            release, claim.

    Returns:
        The rows that were claimed.
    """
    begins: list[dict[str, object]] = []
    ends: list[dict[str, object]] = []
    releases: list[Release] = []
    claims: list[int] = []
    for change in changes:
        match change:
            case Began():
                begins.append({"n": change.number, "run": change.run_id, "task": change.task_id})
            case Ended():
                ends.append(_end_values(change))
            case Release():
                releases.append(change)
            case Claim():
                claims.append(change.number)
    if begins:
        connection.execute(_BEGIN, begins)
    if ends:
        connection.execute(_END, ends)
    if releases:
        _release(connection, releases)
    return _claim(connection, claims)


def _release(connection: Connection, releases: Sequence[Release]) -> None:
    connection.execute(
        _RELEASE, [{"n": each.number, "back": 0 if each.was_sent else 1} for each in releases]
    )
    runs = [{"run_id": each.run_id, "number": each.number} for each in releases if each.run_id]
    if runs:
        connection.execute(insert(earlier_runs), runs)


def _claim(connection: Connection, numbers: Sequence[int]) -> set[int]:
    won: set[int] = set()
    for some in some_of(numbers):
        won.update(connection.execute(_CLAIM, {"numbers": some, "now": time.time()}).scalars())
    return won


def _end_values(end: Ended) -> dict[str, object]:
    run = end.run
    return {
        "n": end.number,
        "to": end.state,
        "how": end.status,
        "why": end.message,
        "out": _as_text(run.outputs) if run else None,
        "took": run.elapsed_time if run else None,
        "used": run.total_tokens if run else None,
        "run": run.id if run else None,
    }


def _as_text(outputs: JSONObject) -> str:
    try:
        return orjson.dumps(outputs).decode()
    except TypeError:  # a number of more than 64 bits
        return json.dumps(outputs, ensure_ascii=False)
