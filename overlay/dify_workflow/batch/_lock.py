"""Keeping a journal for one batch, by locks that end with the process that has them."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text

from ._errors import JournalError


class Held(Protocol):
    """A lock, until it is closed."""

    def close(self) -> None:
        """Give it back."""
        ...


def lock(engine: Engine) -> Held | None:
    """Lock the journal of a database; None where somebody else has it.

    Args:
        engine: The database.

    Raises:
        JournalError: The file that is locked is something else.
    """
    if engine.dialect.name == "sqlite":
        return _lock_file(_lock_of(Path(str(engine.url.database))))
    return _lock_server(engine)


def remove(journal: Path) -> None:
    """Remove a journal and its lock; the caller has that.

    Args:
        journal: Its file.
    """
    files = [journal.with_name(f"{journal.name}{ending}") for ending in ("", "-wal", "-shm")]
    for file in (*files, _lock_of(journal)):
        with suppress(OSError):  # some systems keep files that are open
            file.unlink()


def _lock_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.lock")


def _lock_file(path: Path) -> sqlite3.Connection | None:
    # An empty database beside it, since SQLite's locks end with the process on every system.
    if path.is_symlink():  # which anybody may have put there, and SQLite would follow
        raise JournalError(f"{path} is a link, and no lock of a journal; remove it.")
    held = sqlite3.connect(path, timeout=0, check_same_thread=False)
    try:
        opened = path.stat().st_ino
        held.execute("BEGIN EXCLUSIVE")
        # A batch that is refused removes its lock: whoever had that open has locked nothing.
        is_there = path.exists() and path.stat().st_ino == opened
    except sqlite3.OperationalError:
        held.close()
        return None
    except (OSError, sqlite3.DatabaseError) as error:
        held.close()
        raise JournalError(f"{path} is no lock of a journal ({error}); remove it.") from error
    if not is_there:
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
