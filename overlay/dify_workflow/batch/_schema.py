"""The tables of a journal, and how its database is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ._errors import JournalError
from ._extras import needs

if TYPE_CHECKING:
    from os import PathLike

T = TypeVar("T")

VERSION = 1
"""Version of the tables; a journal of another one is refused."""

BUSY_SECONDS = 60
"""How long a process waits for another one that writes to the same SQLite file."""

SOME = 500
"""Values in one list of a statement; SQLite takes some thousand."""

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # in SQLite, then, it is the row's own id

metadata = MetaData()

batch = Table(
    "dify_batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("key_digest", String(32), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("has_ids", Boolean),
    Column("columns", Text),
)
"""What the batch is: one record. `has_ids` says whether its rows name themselves, `columns` (JSON)
in which order the first one has them."""

rows = Table(
    "dify_batch_row",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("digest", String(32), nullable=False),
    Column("row", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", Float),
    Column("run_id", Text),
    Column("task_id", Text),
    Column("status", Text),
    Column("message", Text),
    Column("outputs", Text),
    Column("elapsed", Float),
    Column("tokens", BigInteger),
)
"""One record a row, numbered from 0 in the order in which rows were first read; `row` and `outputs`
are JSON, `sent_at` is Unix seconds."""

Index("dify_batch_row_progress", rows.c.state, rows.c.status, rows.c.number, rows.c.tokens)
Index("dify_batch_row_run", rows.c.run_id)

earlier_runs = Table(
    "dify_batch_earlier_run",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("number", _NUMBER, nullable=False),
)
"""Runs of earlier attempts, so that none is taken for the run of a later one."""

orders = Table(
    "dify_batch_order",
    metadata,
    Column("batch", String(32), primary_key=True),
    Column("wanted", String(8), nullable=False),
)
"""What a batch that is going on wants of the chunks that it has handed to an executor."""


def url_of(journal: str | PathLike[str]) -> URL:
    """The URL of a journal's database.

    Args:
        journal: A path, of an SQLite file, or a URL as SQLAlchemy takes it.

    Raises:
        JournalError: It is no URL, or one of a database that cannot be used.
    """
    text = os.fspath(journal)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = make_url(text)
    except ArgumentError:
        raise JournalError("The journal is neither a path nor the URL of a database.") from None
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise JournalError(
            f"A journal is an SQLite file or a PostgreSQL database, not {url.drivername}."
        )
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise JournalError("A journal that is kept in memory could not be resumed; name a file.")
    return url


def engine_of(url: URL) -> Engine:
    """The engine of a journal's database.

    Args:
        url: Its URL.

    Raises:
        ImportError: The driver is not installed.
        JournalError: There is no such driver.
    """
    try:
        with needs("psycopg", "cluster", "A journal in PostgreSQL needs"):
            if url.get_backend_name() == "postgresql":
                return create_engine(url, pool_pre_ping=True)
            engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    except NoSuchModuleError as error:
        raise JournalError(f"SQLAlchemy has no driver {url.drivername!r}.") from error
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # What is committed outlives a power cut, too: a row that was sent must not look unsent.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def some_of(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in pieces that fit into a statement."""
    for start in range(0, len(values), SOME):
        yield values[start : start + SOME]
