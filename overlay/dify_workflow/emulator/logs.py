"""The log of runs: its rows, filters and order (DIFY.md section 1)."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import attrs
from dateutil.parser import isoparse

from .._json import JSONObject
from .dialect import Dialect
from .requests import bounded, chosen, invalid, server_error
from .store import Store

ACCOUNT: JSONObject = {
    "id": str(uuid5(NAMESPACE_URL, "account")),
    "name": "Admin",
    "email": "admin@example.com",
}
"""The one account of the workspace."""

_KEYWORD_LENGTH = 30
"""Characters of a keyword that count."""

_STATUSES = ("succeeded", "failed", "stopped")
"""Statuses that can be filtered for."""

_PRIME = 1_000_003
"""Larger than the rows of any second, so that ties stand in any order."""


@attrs.frozen
class LogQuery:
    """What a request asks of the logs; an empty filter filters nothing.

    Args:
        page: Number of the page, from 1.
        limit: Rows a page.
        status: Only runs that ended so.
        keyword: Text to find.
        session: Only runs of this user.
        account: Only runs of this account.
        before: Only rows of this time or before (Unix seconds).
        after: Only rows of this time or after (Unix seconds).
    """

    page: int
    limit: int
    status: str | None
    keyword: str
    session: str
    account: str
    before: float | None
    after: float | None

    @classmethod
    def of(cls, query: Mapping[str, str], dialect: Dialect) -> LogQuery:
        """Read a query.

        Raises:
            ApiError: The server would not take it.
        """
        found = cls(
            page=bounded(query, "page", dialect, high=99999, default=1),
            limit=bounded(query, "limit", dialect, high=100, default=20),
            status=chosen(query, "status", _STATUSES, dialect),
            keyword=query.get("keyword", ""),
            session=query.get("created_by_end_user_session_id", ""),
            account=query.get("created_by_account", ""),
            before=_time(query.get("created_at__before"), dialect),
            after=_time(query.get("created_at__after"), dialect),
        )
        if not dialect.since(1, 5):
            return attrs.evolve(found, session="", account="")
        if found.keyword and found.session:
            raise server_error(dialect)
        if found.account and found.account != ACCOUNT["email"] and dialect.since(1, 9, 2):
            raise invalid(f"Account not found: {found.account}")
        return found


class Logs:
    """The logs of all apps.

    Args:
        store: Where they are kept.
        dialect: The server's version.
        seed: What the order of ties depends on, besides the number of the request.
    """

    def __init__(self, store: Store, dialect: Dialect, seed: int = 0) -> None:
        self._store = store
        self._dialect = dialect
        self._random = random.Random(seed)

    def page(self, app: str, query: LogQuery) -> JSONObject:
        """A page of an app's logs; rows of the same second stand in another order each time."""
        sources, conditions, values = self._selection(app, query)
        selection = f"{sources} WHERE {' AND '.join(conditions)}"
        counted = self._store.one(f"SELECT count(*) FROM {selection}", values)
        total = counted[0] if counted else 0
        ids = self._ids(selection, values, query)
        return {
            "page": query.page,
            "limit": query.limit,
            "total": total,
            "has_more": total > query.page * query.limit,
            "data": [self._row(row_id) for row_id in ids],
        }

    def _ids(self, selection: str, values: JSONObject, query: LogQuery) -> list[int]:
        """The rows of a page; only ties are sorted, so that a deep page sorts no more than one."""
        offset = (query.page - 1) * query.limit
        begin = self._store.one(
            f"SELECT logs.created FROM {selection} ORDER BY logs.created DESC "
            "LIMIT 1 OFFSET :offset",
            {**values, "offset": offset},
        )
        if begin is None:
            return []
        values = {**values, "begin": begin[0]}
        newer = self._store.one(
            f"SELECT count(*) FROM {selection} AND logs.created > :begin", values
        )
        rows = self._store.all(
            f"SELECT logs.rowid FROM {selection} AND logs.created <= :begin "
            "ORDER BY logs.created DESC, "
            f"logs.rowid * {self._random.randrange(1, _PRIME)} % {_PRIME} "
            "LIMIT :limit OFFSET :offset",
            {**values, "limit": query.limit, "offset": offset - (newer[0] if newer else 0)},
        )
        return [row[0] for row in rows]

    def _selection(self, app: str, query: LogQuery) -> tuple[str, list[str], JSONObject]:
        """Tables, conditions and values of a query."""
        sources = "logs"
        conditions = ["logs.app = :app"]
        values: JSONObject = {"app": app}
        if query.before is not None:
            conditions.append("logs.created <= :before")
            values["before"] = query.before
        if query.after is not None:
            conditions.append("logs.created >= :after")
            values["after"] = query.after
        if query.status or query.keyword:
            sources += " JOIN runs ON runs.id = logs.run_id"
        if query.session or query.keyword:
            sources += " LEFT JOIN users ON users.id = logs.user_id"
        if query.status:
            conditions.append("runs.status = :status")
            values["status"] = query.status
        if query.session:
            conditions.append("users.session = :session")
            values["session"] = query.session
        if query.account:
            conditions.append("logs.made_in = 'installed-app' AND :account = :known")
            values |= {"account": query.account, "known": ACCOUNT["email"]}
        if query.keyword:
            conditions.append(self._keyword(query.keyword, values))
        return sources, conditions, values

    def _keyword(self, keyword: str, values: JSONObject) -> str:
        """The condition for a keyword, in inputs and outputs as they are stored, and the user."""
        text = keyword[:_KEYWORD_LENGTH]
        if self._dialect.since(1, 12):
            for character in ("\\", "%", "_"):
                text = text.replace(character, f"\\{character}")
        else:
            # Stored text has letters beyond ASCII escaped, and the old server asked for it so.
            text = text.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\")
        values["pattern"] = f"%{text}%"
        values["run"] = _run_id(keyword)
        fields = ("runs.inputs", "runs.outputs", "coalesce(users.session, '')")
        likes = " OR ".join(f"{field} LIKE :pattern ESCAPE '\\'" for field in fields)
        return f"({likes} OR runs.id = :run)"

    def _row(self, rowid: int) -> JSONObject:
        row = self._store.one(
            "SELECT logs.id AS log_id, logs.created AS logged, logs.user_id AS of_user, made_in, "
            "runs.*, users.session FROM logs LEFT JOIN runs ON runs.id = logs.run_id "
            "LEFT JOIN users ON users.id = logs.user_id WHERE logs.rowid = ?",
            [rowid],
        )
        assert row is not None
        details: JSONObject = {"details": None} if self._dialect.since(1, 10) else {}
        by_account = row["made_in"] == "installed-app"
        return {
            "id": row["log_id"],
            "workflow_run": None if row["id"] is None else self._run(row),
            **details,
            "created_from": row["made_in"],
            "created_by_role": "account" if by_account else "end_user",
            "created_by_account": ACCOUNT if by_account else None,
            "created_by_end_user": (
                None if by_account or row["session"] is None else self._user(row)
            ),
            "created_at": row["logged"],
        }

    def _run(self, row: sqlite3.Row) -> JSONObject:
        has_ended = row["finished"] is not None
        triggered = {"triggered_from": "app-run"} if self._dialect.since(1, 10) else {}
        return {
            "id": row["id"],
            "version": row["version"],
            "status": row["status"],
            **triggered,
            "error": row["error"],
            "elapsed_time": row["elapsed"],
            "total_tokens": row["tokens"],
            "total_steps": row["steps"],
            "created_at": int(row["created"]),
            "finished_at": int(row["finished"]) if has_ended else None,
            "exceptions_count": row["exceptions"],
        }

    def _user(self, row: sqlite3.Row) -> JSONObject:
        of_api = "service-api" if self._dialect.since(1, 10) else "service_api"
        return {
            "id": row["of_user"],
            "type": "browser" if row["made_in"] == "web-app" else of_api,
            "is_anonymous": False,
            "session_id": row["session"],
        }


def _run_id(keyword: str) -> str | None:
    """The id that a keyword is, with or without dashes."""
    try:
        return str(UUID(keyword))
    except ValueError:
        return None


def _time(text: str | None, dialect: Dialect) -> float | None:
    """A bound of the logs: ISO 8601; without a zone, UTC."""
    if not text:
        return None
    if not dialect.since(1, 7) and len(text) < len("2026-01-31"):
        raise invalid(f"Invalid isoformat string: '{text}'")
    try:
        moment = isoparse(text) if dialect.since(1, 7) else datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise invalid(str(error)) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
