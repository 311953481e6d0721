"""Writing changes of rows to the database of a journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, func, insert, update

from ._schema import AnyText, earlier_runs, rows, shut_down_runs, some_of
from ._state import PENDING, RUNNING, SENDING, Began, Change, Claim, Ended, Release
from ._values import json_text

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
        run_id=func.coalesce(bindparam("run", type_=AnyText), rows.c.run_id),  # pyright: ignore[reportUnknownArgumentType]
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
    claims: list[Claim] = []
    for change in changes:
        match change:
            case Began(number, run_id, task_id):
                task = None if task_id is None else str(task_id)
                begins.append({"n": number, "run": str(run_id), "task": task})
            case Ended():
                ends.append(_end_values(change))
            case Release():
                releases.append(change)
            case Claim():
                claims.append(change)
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
    shut_down = [{"run_id": each.run_id} for each in releases if each.run_id and each.was_shut_down]
    if shut_down:
        connection.execute(insert(shut_down_runs), shut_down)


def _claim(connection: Connection, claims: Sequence[Claim]) -> set[int]:
    won: set[int] = set()
    for some in some_of(claims):
        first = min(claim.at for claim in some)
        values = {"numbers": [claim.number for claim in some], "now": first}
        won.update(connection.execute(_CLAIM, values).scalars())
    return won


def _end_values(end: Ended) -> dict[str, object]:
    outputs, message = None, end.message
    try:
        outputs = None if end.outputs is None else json_text(end.outputs)
    except RecursionError:
        message = message or "its outputs are nested too deeply to be kept"
    return {
        "n": end.number,
        "to": end.state,
        "how": end.status,
        "why": message,
        "out": outputs,
        "took": end.elapsed_time,
        "used": end.total_tokens,
        "run": end.run_id,
    }
