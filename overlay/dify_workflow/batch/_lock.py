"""Keeping a journal for one batch, by locks that end with the process that has them."""

from __future__ import annotations

import sqlite3
from typing import Protocol

from sqlalchemy import Connection, Engine, text


class Held(Protocol):
    """A lock, until it is closed."""

    def close(self) -> None:
        """Give it back."""
        ...


def lock(engine: Engine) -> Held | None:
    """Lock the journal of a database; None where somebody else has it.

    Args:
        engine: The database.
    """
    if engine.dialect.name == "sqlite":
        return _lock_file(f"{engine.url.database}.lock")
    return _lock_server(engine)


def _lock_file(path: str) -> sqlite3.Connection | None:
    # An empty database beside it, since SQLite's locks end with the process on every system. It
    # stays there: whoever removed it might remove that of a batch which has just begun.
    held = sqlite3.connect(path, timeout=0, check_same_thread=False)
    try:
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        held.close()
        return None
    return held


def _lock_server(engine: Engine) -> Connection | None:
    held = engine.connect()
    held.detach()  # from the pool, so that closing it ends the lock
    name = "hashtext('dify_batch' || current_schema())"
    if not held.execute(text(f"SELECT pg_try_advisory_lock({name})")).scalar():
        held.close()
        return None
    held.commit()
    return held
