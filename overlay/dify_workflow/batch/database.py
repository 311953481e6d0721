"""The database of a journal: tables, opening it, its lock, and writing changes."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from .._extras import needs
from .._json import is_text
from .errors import JournalError
from .records import (
    PENDING,
    RUNNING,
    SENDING,
    Began,
    Change,
    Claim,
    Ended,
    Release,
    RowResult,
    batched,
    json_text,
    prices_text,
)

if TYPE_CHECKING:
    from os import PathLike


class AnyText(sa.TypeDecorator[str]):
    """Any text that a server may send, including texts that databases refuse.

    A text with NUL characters or half of a surrogate pair is stored as a JSON string, and so is a
    text that looks like a JSON string.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return the text in its stored form."""
        if value is None or not (value.startswith('"') or "\x00" in value or not is_text(value)):
            return value
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return the text as it was given."""
        return json.loads(value) if value is not None and value.startswith('"') else value


VERSION = 2
"""Version of the tables; a journal with another version is refused."""

BUSY_SECONDS = 60
"""Seconds to wait for another process that writes to the same SQLite file."""

_DAMAGES = ("malformed", "not a database", "Could not decode to UTF-8")
"""Parts of SQLite's messages about a damaged file."""

_TWICE = re.compile("UNIQUE constraint|duplicate key")
"""Parts of the messages of SQLite and PostgreSQL about a duplicate key."""

SOME = 500
"""Values in one list of a statement; SQLite accepts some thousand."""

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # in SQLite it is then the rowid

metadata = sa.MetaData()

batch = sa.Table(
    "dify_batch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("key_digest", sa.String(32), nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("has_ids", sa.Boolean),
    sa.Column("columns", sa.Text),
)
"""The batch: one record. `has_ids` says whether its rows have ids. `columns` (JSON) has the names
of the first row's columns in their order."""

rows = sa.Table(
    "dify_batch_row",
    metadata,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("key", AnyText, nullable=False, unique=True),
    sa.Column("digest", sa.String(32), nullable=False),
    sa.Column("row", sa.Text, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("sent_at", sa.Float),
    sa.Column("run_id", AnyText),
    sa.Column("task_id", AnyText),
    sa.Column("status", AnyText),
    sa.Column("message", AnyText),
    sa.Column("outputs", sa.Text),
    sa.Column("elapsed", sa.Float),
    sa.Column("tokens", sa.BigInteger),
    sa.Column("prices", sa.Text),
)
"""One record per row, numbered from 0 in the order in which rows were first read. `row`, `outputs`
and `prices` are JSON. `sent_at` is in Unix seconds, by the server's clock if that was known."""

sa.Index("dify_batch_row_progress", rows.c.state, rows.c.status, rows.c.number, rows.c.tokens)
sa.Index("dify_batch_row_run", rows.c.run_id)

earlier_runs = sa.Table(
    "dify_batch_earlier_run",
    metadata,
    sa.Column("run_id", AnyText, primary_key=True),
    sa.Column("number", _NUMBER, nullable=False),
)
"""Runs of earlier attempts. They must not be mistaken for the run of a later attempt."""

shut_down_runs = sa.Table(
    "dify_batch_shut_down_run",
    metadata,
    sa.Column("run_id", AnyText, primary_key=True),
)
"""The earlier runs that the server stopped because its workers were shut down."""

control = sa.Table(
    "dify_batch_order",
    metadata,
    sa.Column("batch", sa.String(32), primary_key=True),
    sa.Column("wanted", sa.String(8), nullable=False),
)
"""The command of a running batch for the workers of its executor."""


def url_of(journal: str | PathLike[str]) -> URL:
    """The URL of a journal's database.

    Args:
        journal: Path of an SQLite file, or a URL for SQLAlchemy.

    Raises:
        JournalError: It is not a valid URL, or the database is not supported.
    """
    where = os.fspath(journal)
    if "://" not in where:
        return URL.create("sqlite", database=str(Path(where).absolute()))
    try:
        url = sa.make_url(where)
    except ArgumentError:
        raise JournalError("The journal is neither a path nor the URL of a database.") from None
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise JournalError(
            f"A journal must be an SQLite file or a PostgreSQL database, not {url.drivername}."
        )
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise JournalError("A journal in memory could not be resumed; give a file.")
    return url


def file_of(url: URL) -> Path | None:
    """The SQLite file of a journal; None if it is in another database."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def engine_of(url: URL) -> sa.Engine:
    """The engine of a journal's database.

    Raises:
        ImportError: The driver is not installed.
        JournalError: There is no such driver. Later errors of the engine are raised as this, too.
    """
    is_file = file_of(url) is not None
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if is_file else {}
    try:
        with needs("A journal in PostgreSQL needs", "cluster", "psycopg"):
            engine = sa.create_engine(url, pool_pre_ping=not is_file, **options)
    except NoSuchModuleError as error:
        raise JournalError(f"SQLAlchemy has no driver {url.drivername!r}.") from error
    if is_file:
        event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "handle_error", partial(_explain, url))
    return engine


def _explain(url: URL, context: sa.ExceptionContext) -> None:
    """Raise a database's error as a `JournalError`, except a duplicate key."""
    error = context.sqlalchemy_exception
    reason = " ".join(str(context.original_exception).split())
    if error is None or (isinstance(error, IntegrityError) and _TWICE.search(reason)):
        return
    if any(sign in reason for sign in _DAMAGES):
        raise damaged(url, reason)
    shown = url.render_as_string(hide_password=True)
    raise JournalError(f"The journal {shown} cannot be used: {reason}.")


def damaged(url: URL, reason: str) -> JournalError:
    """The error for a damaged journal."""
    path = file_of(url)
    recover = f" To see what can be read: sqlite3 {path} .recover" if path is not None else ""
    return JournalError(
        f"The journal {path or url.render_as_string()} is damaged or not a journal: {reason}. "
        "Continue with an intact copy of it, or with a new journal, which sends all rows again."
        + recover
    )


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # Commits must survive a power cut: a row that was sent must not look unsent.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


# --------------------------------------------------------------------------------------- locks


_LOCK_NAME = "hashtext('dify_batch' || current_schema())"
"""The number of the lock in PostgreSQL, in SQL."""


def lock(engine: sa.Engine) -> sqlite3.Connection | sa.Connection | None:
    """Lock a journal until `unlock`, or until the process ends.

    Returns:
        The lock; None if another batch has it.

    Raises:
        JournalError: The lock file is not a lock of a journal.
    """
    path = file_of(engine.url)
    return _lock_server(engine) if path is None else _lock_file(_lock_of(path))


def unlock(held: sqlite3.Connection | sa.Connection) -> None:
    """Unlock a journal. The next batch can lock it at once."""
    if isinstance(held, sa.Connection):
        # A server notices a moment later that a connection was closed.
        with suppress(JournalError, SQLAlchemyError):  # the connection is broken
            held.execute(sa.text(f"SELECT pg_advisory_unlock({_LOCK_NAME})"))
    held.close()


def remove(journal: Path) -> None:
    """Remove the file of a journal and its lock, which the caller must have."""
    files = [journal.with_name(f"{journal.name}{ending}") for ending in ("", "-wal", "-shm")]
    for file in (*files, _lock_of(journal)):
        with suppress(OSError):  # some systems cannot remove open files
            file.unlink()


def _lock_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.lock")


def _lock_file(path: Path) -> sqlite3.Connection | None:
    # An empty database next to it: SQLite's locks end with the process on every system.
    if path.is_symlink():  # somebody else may have made it, and SQLite would follow it
        raise JournalError(f"{path} is a link and not a lock of a journal; remove it.")
    held = sqlite3.connect(path, timeout=0, check_same_thread=False)
    try:
        opened = path.stat().st_ino
        held.execute("BEGIN EXCLUSIVE")
        # A refused batch removes its lock file. A lock on the removed file would lock nothing.
        is_there = path.exists() and path.stat().st_ino == opened
    except sqlite3.OperationalError:
        held.close()
        return None
    except (OSError, sqlite3.DatabaseError) as error:
        held.close()
        raise JournalError(f"{path} is not a lock of a journal ({error}); remove it.") from error
    if not is_there:
        held.close()
        return None
    return held


def _lock_server(engine: sa.Engine) -> sa.Connection | None:
    held = engine.connect()
    held.detach()  # from the pool, so that closing the connection ends the lock
    if not held.execute(sa.text(f"SELECT pg_try_advisory_lock({_LOCK_NAME})")).scalar():
        held.close()
        return None
    held.commit()
    return held


# ---------------------------------------------------------------------------- writing changes

_CLAIM = (
    sa.update(rows)
    .where(rows.c.number.in_(sa.bindparam("numbers", expanding=True)), rows.c.state == PENDING)
    .values(state=SENDING, attempts=rows.c.attempts + 1, sent_at=sa.bindparam("now"))
    .returning(rows.c.number)
)
_of_number = rows.c.number == sa.bindparam("n")
_RELEASE = (
    sa.update(rows)
    .where(_of_number)
    .values(
        state=PENDING,
        attempts=rows.c.attempts - sa.bindparam("back"),
        sent_at=None,
        run_id=None,
        task_id=None,
        status=None,
        message=None,
    )
)
_BEGIN = (
    sa.update(rows)
    .where(_of_number)
    .values(state=RUNNING, run_id=sa.bindparam("run"), task_id=sa.bindparam("task"))
)
_END = (
    sa.update(rows)
    .where(_of_number)
    .values(
        state=sa.bindparam("to"),
        status=sa.bindparam("how"),
        message=sa.bindparam("why"),
        outputs=sa.bindparam("out"),
        elapsed=sa.bindparam("took"),
        tokens=sa.bindparam("used"),
        prices=sa.bindparam("cost"),
        run_id=sa.func.coalesce(sa.bindparam("run", type_=AnyText), rows.c.run_id),  # pyright: ignore[reportUnknownArgumentType]
    )
)


def write_changes(connection: sa.Connection, changes: Iterable[Change]) -> set[int]:
    """Write changes, one statement for each kind; return the rows that were claimed."""
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
                ends.append(_end_values(change.state, change.result))
            case Release():
                releases.append(change)
            case Claim():
                claims.append(change)
    again = [each for each in releases if each.run_id]
    back = [{"n": each.number, "back": int(not each.was_sent)} for each in releases]
    earlier = [{"run_id": each.run_id, "number": each.number} for each in again]
    shut_down = [{"run_id": each.run_id} for each in again if each.was_shut_down]
    for statement, values in (
        (_BEGIN, begins),
        (_END, ends),
        (_RELEASE, back),
        (sa.insert(earlier_runs), earlier),
        (sa.insert(shut_down_runs), shut_down),
    ):
        if values:
            connection.execute(statement, values)
    return _claim(connection, claims)


def _claim(connection: sa.Connection, claims: Sequence[Claim]) -> set[int]:
    won: set[int] = set()
    for some in batched(claims, SOME):
        first = min(claim.at for claim in some)
        values = {"numbers": [claim.number for claim in some], "now": first}
        won.update(connection.execute(_CLAIM, values).scalars())
    return won


def _end_values(state: str, result: RowResult) -> dict[str, object]:
    outputs, message = None, result.message
    try:
        outputs = None if result.outputs == {} else json_text(result.outputs)
    except RecursionError:
        message = message or "its outputs are nested too deeply to be stored"
    return {
        "n": result.number,
        "to": state,
        "how": result.status,
        "why": message,
        "out": outputs,
        "took": result.elapsed_time,
        "used": result.total_tokens,
        "cost": None if result.prices is None else prices_text(result.prices),
        "run": result.run_id,
    }
