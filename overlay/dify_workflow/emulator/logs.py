"""The log of runs: its rows, filters and order."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, UUID, uuid5

from dateutil.parser import isoparse

from .._json import JSONObject
from .requests import Fields, invalid, server_error

if TYPE_CHECKING:
    from .dialect import Dialect
    from .store import Store

ACCOUNT: JSONObject = {
    "id": str(uuid5(NAMESPACE_URL, "account")),
    "name": "Admin",
    "email": "admin@example.com",
}
"""The only account of the workspace."""

_KEYWORD_LENGTH = 30
"""The number of characters of a keyword that are used."""

_STATUSES = ("succeeded", "failed", "stopped")
"""Statuses that are allowed as a filter."""

_PRIME = 1_000_003
"""Larger than the number of rows in any second, so that rows of a second get any order."""


class Logs:
    """The logs of all apps.

    Rows of the same second have no fixed order. While nothing is written, a page has the same rows
    as in PostgreSQL, so pages can miss rows although nothing changes. Within a page, their order
    is different each time.
    """

    def __init__(self, store: Store, dialect: Dialect) -> None:
        self._store = store
        self._dialect = dialect
        self._random = random.Random(0)

    def page(self, app: str, query: Mapping[str, str]) -> JSONObject:
        """Return a page of an app's logs.

        Raises:
            ApiError: The server refuses the query.
        """
        fields = Fields(query, "WorkflowLogQuery", self._dialect)
        status = fields.choice("status", _STATUSES)  # in the order in which errors name them
        page = fields.number("page", high=99999, default=1)
        limit = fields.number("limit", high=100, default=20)
        fields.check()
        values: JSONObject = {"app": app, "limit": limit, "offset": (page - 1) * limit}
        selection = self._selection(query, status, values)
        counted = self._store.one(f"SELECT count(*) FROM {selection}", values)
        total = counted[0] if counted else 0
        return {
            "page": page,
            "limit": limit,
            "total": total,
            "has_more": total > page * limit,
            "data": [self._row(row_id) for row_id in self._ids(selection, values, total)],
        }

    def _selection(self, query: Mapping[str, str], status: str | None, values: JSONObject) -> str:
        """Return tables and conditions of a query, and add their values to `values`.

        An empty filter filters nothing.
        """
        before = self._time(query.get("created_at__before"))
        after = self._time(query.get("created_at__after"))
        keyword = query.get("keyword", "")
        session = account = ""
        if self._dialect.since(1, 5):
            session = query.get("created_by_end_user_session_id", "")
            account = query.get("created_by_account", "")
        if account and account != ACCOUNT["email"] and self._dialect.since(1, 9, 2):
            raise invalid(f"Account not found: {account}")
        if keyword and session:
            raise server_error(self._dialect)

        values |= {"before": before, "after": after, "status": status, "session": session}
        values |= {"account": account, "known": ACCOUNT["email"]}
        values |= {"pattern": self._pattern(keyword), "run": _run_id(keyword)}
        texts = ("runs.inputs", "runs.outputs", "coalesce(users.session, '')")
        likes = " OR ".join(f"{text} LIKE :pattern ESCAPE '\\'" for text in texts)
        filters = {
            "logs.created <= :before": before is not None,
            "logs.created >= :after": after is not None,
            "runs.status = :status": status,
            "users.session = :session": session,
            "logs.made_in = 'installed-app' AND :account = :known": account,
            f"({likes} OR runs.id = :run)": keyword,
        }
        conditions = ["logs.app = :app", *(sql for sql, is_asked in filters.items() if is_asked)]
        # Joined only if a filter needs them: a log may be long.
        runs = " JOIN runs ON runs.id = logs.run_id" if status or keyword else ""
        users = " LEFT JOIN users ON users.id = logs.user_id" if session or keyword else ""
        return f"logs{runs}{users} WHERE {' AND '.join(conditions)}"

    def _pattern(self, keyword: str) -> str:
        """Return the pattern that a keyword searches, in stored inputs, outputs and the user."""
        text = keyword[:_KEYWORD_LENGTH]
        if self._dialect.since(1, 12):
            for character in ("\\", "%", "_"):
                text = text.replace(character, f"\\{character}")
        else:
            # Stored text has escapes for letters beyond ASCII. Old servers search for these.
            text = text.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\")
        return f"%{text}%"

    def _time(self, text: str | None) -> float | None:
        """Read a time limit of the logs: ISO 8601, in UTC if there is no zone."""
        if not text:
            return None
        is_new = self._dialect.since(1, 7)
        if not is_new and len(text) < len("2026-01-31"):
            raise invalid(f"Invalid isoformat string: '{text}'")
        try:
            moment = isoparse(text) if is_new else datetime.fromisoformat(text)
        except (ValueError, OverflowError) as error:
            raise invalid(str(error)) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def _ids(self, selection: str, values: JSONObject, total: int) -> list[int]:
        """Return the rows of a page. Only rows of one second are sorted: deep pages stay fast."""
        offset, end = values["offset"], values["offset"] + values["limit"]
        begin = self._store.one(
            f"SELECT logs.created FROM {selection} ORDER BY logs.created DESC "
            "LIMIT 1 OFFSET :offset",
            values,
        )
        if begin is None:
            return []
        values = {**values, "begin": begin[0]}
        counted = self._store.one(
            f"SELECT count(*) FROM {selection} AND logs.created > :begin", values
        )
        newer = counted[0] if counted else 0
        order = random.Random(self._store.changes).randrange(1, _PRIME)
        ordered = (
            f"SELECT logs.rowid, logs.created FROM {selection} AND logs.created <= :begin "
            f"ORDER BY logs.created DESC, logs.rowid * {order} % {_PRIME} "
        )
        rows = self._store.all(
            f"{ordered} LIMIT :limit OFFSET :offset", {**values, "offset": offset - newer}
        )
        if newer < offset and total > 2 * end:
            # For a page this short, PostgreSQL keeps rows in a heap while it reads the others. Of
            # the tied rows, the first one comes last: one row is repeated and one is missing.
            tied = sum(row["created"] == begin[0] for row in rows)
            rows[:tied] = [*rows[1:tied], *self._store.all(f"{ordered} LIMIT 1", values)]
        rows.sort(key=lambda row: (-row["created"], self._random.random()))
        return [row["rowid"] for row in rows]

    def _row(self, rowid: int) -> JSONObject:
        row = self._store.one(
            "SELECT logs.id AS log_id, logs.created AS logged, logs.user_id AS of_user, made_in, "
            "runs.*, users.session FROM logs LEFT JOIN runs ON runs.id = logs.run_id "
            "LEFT JOIN users ON users.id = logs.user_id WHERE logs.rowid = ?",
            [rowid],
        )
        assert row is not None
        by_account = row["made_in"] == "installed-app"
        is_known = not by_account and row["session"] is not None
        return {
            "id": row["log_id"],
            "workflow_run": None if row["id"] is None else self._run(row),
            **({"details": None} if self._dialect.since(1, 10) else {}),
            "created_from": row["made_in"],
            "created_by_role": "account" if by_account else "end_user",
            "created_by_account": ACCOUNT if by_account else None,
            "created_by_end_user": self._user(row) if is_known else None,
            "created_at": row["logged"],
        }

    def _run(self, row: sqlite3.Row) -> JSONObject:
        return {
            "id": row["id"],
            "version": row["version"],
            "status": row["status"],
            **({"triggered_from": "app-run"} if self._dialect.since(1, 10) else {}),
            "error": row["error"],
            "elapsed_time": row["elapsed"],
            "total_tokens": row["tokens"],
            "total_steps": row["steps"],
            "created_at": int(row["created"]),
            "finished_at": None if row["finished"] is None else int(row["finished"]),
            "exceptions_count": row["exceptions"],
        }

    def _user(self, row: sqlite3.Row) -> JSONObject:
        by_api = "service-api" if self._dialect.since(1, 10) else "service_api"
        return {
            "id": row["of_user"],
            "type": "browser" if row["made_in"] == "web-app" else by_api,
            "is_anonymous": False,
            "session_id": row["session"],
        }


def _run_id(keyword: str) -> str | None:
    """Return the id in a keyword, with or without dashes."""
    try:
        return str(UUID(keyword))
    except ValueError:
        return None
