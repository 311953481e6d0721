"""The journal: what is known of each row, in a database, so that a batch goes on after anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import orjson
from sqlalchemy import (
    Connection,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from .._status import stop_reason
from . import _schema as schema
from ._changes import write_changes
from ._errors import JournalError
from ._lock import lock, remove
from ._orders import Orders, withdraw_all
from ._reading import RECORD, RESULT, known_state, record_from, result_from
from ._schema import rows, some_of
from ._state import (
    DONE,
    PENDING,
    RUNNING,
    SENDING,
    UNKNOWN,
    About,
    Change,
    RowRecord,
    RowResult,
    status_of,
)

if TYPE_CHECKING:
    from os import PathLike


_ATTEMPTS = 5
_PAUSE = 0.02
"""How often tables are made, where somebody else makes them too, and seconds between two tries."""


class Journal:
    """What is known of each row of one batch.

    Args:
        where: Path of an SQLite file, or URL of a database.
        must_exist: Whether a file that is not there is an error.

    Raises:
        JournalError: It cannot be opened, is damaged, or is something else.
        ImportError: The driver is not installed.
    """

    def __init__(self, where: str | PathLike[str], *, must_exist: bool = False) -> None:
        self.url = schema.url_of(where)
        path = Path(str(self.url.database)) if self.url.get_backend_name() == "sqlite" else None
        self._new_file = None if path is None or path.exists() else path
        if must_exist and self._new_file is not None:
            raise JournalError(f"There is no journal {path}.")
        self._engine = schema.engine_of(self.url)
        self._of_thread = threading.local()
        try:
            self._make_tables()
        except JournalError:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Journal {self.url.render_as_string(hide_password=True)}>"

    def _make_tables(self) -> None:
        for left in reversed(range(_ATTEMPTS)):
            try:
                schema.metadata.create_all(self._engine)
            except (IntegrityError, JournalError):  # somebody else may make them at this moment
                if not left:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    @contextmanager
    def locked(self) -> Generator[None, None, None]:
        """Keep other batches from it while this one goes on, and no longer than its process lives.

        A file that was made for a batch which is refused before it has rows is removed.

        Raises:
            JournalError: Another one has it.
        """
        held = lock(self._engine)
        if held is None:
            raise JournalError(f"Another batch is going on with {self!r}; wait for its end.")
        try:
            withdraw_all(self._engine)  # orders of one that died, whose chunks may go on
            try:
                yield
            finally:
                withdraw_all(self._engine)
        except BaseException:
            if self._new_file is not None and not self.count():
                self.close()
                remove(self._new_file)
            raise
        finally:
            held.close()

    @contextmanager
    def all_or_nothing(self) -> Generator[None, None, None]:
        """Keep what this thread writes within as a whole, or nothing of it."""
        with self._engine.begin() as transaction:
            self._of_thread.transaction = transaction
            try:
                yield
            finally:
                self._of_thread.transaction = None

    @property
    def _transaction(self) -> Connection | None:
        transaction: Connection | None = getattr(self._of_thread, "transaction", None)
        return transaction

    def orders(self, batch: str) -> Orders:
        """What a batch wants of its chunks.

        Args:
            batch: Its id.
        """
        return Orders(self._engine, batch)

    @contextmanager
    def _reading(self) -> Generator[Connection, None, None]:
        """A connection.

        Raises:
            JournalError: What is read there makes no sense.
        """
        try:
            if self._transaction is not None:
                yield self._transaction
                return
            with self._engine.connect() as connection:
                yield connection
        except (AttributeError, TypeError, ValueError) as error:
            raise schema.damaged(self.url, str(error)) from error

    @contextmanager
    def _writing(self) -> Generator[Connection, None, None]:
        """A transaction: that of `all_or_nothing`, or one of its own."""
        if self._transaction is not None:
            yield self._transaction
            return
        with self._engine.begin() as connection:
            yield connection

    # ----------------------------------------------------------------------------------- about

    def about(self) -> About | None:
        """What it belongs to; None where it is new.

        Raises:
            JournalError: Another version of this package has written it.
        """
        with self._reading() as connection:
            found = connection.execute(select(schema.batch)).first()
            if found is None:
                return None
            if found.version != schema.VERSION:
                raise JournalError(f"{self!r} was written by another version of dify-workflow.")
            columns = tuple(map(str, orjson.loads(found.columns or "[]")))
            return About(found.base_url, found.key_digest, found.user_id, found.has_ids, columns)

    def set_about(self, about: About) -> None:
        """Note what it belongs to."""
        values = {
            **attrs.asdict(about),
            "columns": orjson.dumps(about.columns).decode(),
            "version": schema.VERSION,
        }
        with self._writing() as connection:
            if not connection.execute(update(schema.batch).values(values)).rowcount:
                connection.execute(insert(schema.batch).values(id=1, **values))

    # ------------------------------------------------------------------------------------ rows

    def count(self) -> int:
        """How many rows it has."""
        with self._reading() as connection:
            last = connection.execute(select(func.max(rows.c.number))).scalar()
        return 0 if last is None else last + 1

    def known(self, first: int, count: int) -> list[tuple[str, str, str]]:
        """Key, digest and state of the rows with these numbers, in their order."""
        wanted = select(rows.c.key, rows.c.digest, rows.c.state).where(
            rows.c.number >= first, rows.c.number < first + count
        )
        with self._reading() as connection:
            found = connection.execute(wanted.order_by(rows.c.number))
            return [(key, digest, known_state(state)) for key, digest, state in found]

    def known_by_key(self, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Digest and state by the keys that it has."""
        found: dict[str, tuple[str, str]] = {}
        with self._reading() as connection:
            for some in some_of(keys):
                wanted = select(rows.c.key, rows.c.digest, rows.c.state)
                for row in connection.execute(wanted.where(rows.c.key.in_(some))):
                    found[row.key] = (row.digest, known_state(row.state))
        return found

    def add(self, new: Sequence[Mapping[str, Any]]) -> None:
        """Add rows that are to be run.

        Args:
            new: Number, key, digest and row (JSON) of each.

        Raises:
            IntegrityError: A key is there already.
        """
        values = [{"state": PENDING, "attempts": 0, **row} for row in new]
        if values:
            with self._writing() as connection:
                connection.execute(insert(rows), values)

    def open_rows(
        self,
        *states: str,
        after: int = -1,
        last: int | None = None,
        limit: int = schema.SOME,
    ) -> list[RowRecord]:
        """Rows in one of these states, by number.

        Args:
            states: The states.
            after: Only rows with a higher number.
            last: No row with a higher number than this.
            limit: Most rows.
        """
        wanted = select(*RECORD).where(rows.c.number > after)
        if last is not None:
            wanted = wanted.where(rows.c.number <= last)
        found: list[RowRecord] = []
        with self._reading() as connection:
            for state in states:  # one by one, as that is what the index has in order
                ordered = wanted.where(rows.c.state == state).order_by(rows.c.number)
                found += map(record_from, connection.execute(ordered.limit(limit)))
        return sorted(found, key=lambda record: record.number)[:limit]

    def records(self, keys: Sequence[str]) -> list[RowRecord]:
        """Rows by their keys, in the order of their numbers."""
        found: list[RowRecord] = []
        with self._reading() as connection:
            for some in some_of(keys):
                wanted = select(*RECORD).where(rows.c.key.in_(some))
                found += map(record_from, connection.execute(wanted))
        return sorted(found, key=lambda record: record.number)

    def any_run(self) -> str | None:
        """Id of a run of the batch; None where none is known."""
        with self._reading() as connection:
            wanted = select(rows.c.run_id).where(rows.c.run_id.is_not(None)).limit(1)
            return connection.execute(wanted).scalar()

    def claimed_runs(self, run_ids: Sequence[str]) -> set[str]:
        """Which of these runs belong to a row already."""
        found: set[str] = set()
        with self._reading() as connection:
            for some in some_of(run_ids):
                for column in (rows.c.run_id, schema.earlier_runs.c.run_id):
                    found.update(
                        connection.execute(select(column).where(column.in_(some))).scalars()
                    )
        return found

    # --------------------------------------------------------------------------------- changes

    def commit(self, changes: Iterable[Change]) -> set[int]:
        """Write changes in one transaction, on the disk when this returns.

        Args:
            changes: Of each row no more than one of a kind, which happened in the order begin,
                end, release, claim.

        Returns:
            The rows that were claimed.

        Raises:
            JournalError: They cannot be written.
        """
        with self._writing() as connection:
            return write_changes(connection, changes)

    # --------------------------------------------------------------------------------- results

    def counts(self) -> tuple[dict[str, int], int]:
        """How many rows there are by status, and how many tokens they used."""
        number, used = func.count(), func.coalesce(func.sum(rows.c.tokens), 0)
        wanted = select(rows.c.state, rows.c.status, number, used)
        counts: dict[str, int] = {}
        tokens = 0
        with self._reading() as connection:
            grouped = connection.execute(wanted.group_by(rows.c.state, rows.c.status))
            for state, status, many, spent in grouped:
                name = status_of(known_state(state), status)
                counts[name] = counts.get(name, 0) + many
                tokens += int(spent)
        return counts, tokens

    def undone(self) -> int:
        """How many rows are to be sent or followed."""
        with self._reading() as connection:
            wanted = select(func.count()).where(rows.c.state.in_((PENDING, RUNNING)))
            return connection.execute(wanted).scalar_one()

    def done(self) -> int:
        """How many rows have their results."""
        with self._reading() as connection:
            wanted = select(func.count()).where(rows.c.state == DONE)
            return connection.execute(wanted).scalar_one()

    def results(
        self, *, after: int = -1, last: int | None = None, limit: int = schema.SOME
    ) -> list[RowResult]:
        """Rows as they stand, by number.

        Args:
            after: Only rows with a higher number.
            last: No row with a higher number than this.
            limit: Most rows.
        """
        wanted = select(*RESULT).where(rows.c.number > after)
        if last is not None:
            wanted = wanted.where(rows.c.number <= last)
        with self._reading() as connection:
            found = connection.execute(wanted.order_by(rows.c.number).limit(limit))
            return [result_from(row) for row in found]

    def results_of(self, numbers: Sequence[int]) -> list[RowResult]:
        """Rows with these numbers that have come to an end, or wait for people."""
        found: list[RowResult] = []
        with self._reading() as connection:
            for some in some_of(numbers):
                wanted = select(*RESULT).where(rows.c.number.in_(some), rows.c.status.is_not(None))
                found += map(result_from, connection.execute(wanted))
        return found

    def shut_down(self) -> Iterator[RowResult]:
        """The rows whose runs the server stopped, because its workers were shut down."""
        wanted = select(*RESULT).where(rows.c.status == "stopped", rows.c.state == DONE)
        after = -1
        while True:
            some = wanted.where(rows.c.number > after).order_by(rows.c.number).limit(schema.SOME)
            with self._reading() as connection:
                found = [result_from(row) for row in connection.execute(some)]
            for result in found:
                if stop_reason(result.status, result.message) == "shutdown":
                    yield result
            if not found:
                return
            after = found[-1].number

    def shut_downs(self) -> int:
        """How many runs the server stopped so, whose rows were then repeated."""
        with self._reading() as connection:
            wanted = select(func.count()).select_from(schema.shut_down_runs)
            return connection.execute(wanted).scalar_one()

    def unknown_since(self, moment: float) -> int:
        """How many rows were sent then, or later, of which no run is known.

        Args:
            moment: When (Unix seconds).
        """
        wanted = select(func.count()).where(
            rows.c.state.in_((SENDING, UNKNOWN)),
            rows.c.run_id.is_(None),
            rows.c.sent_at >= moment,
        )
        with self._reading() as connection:
            return connection.execute(wanted).scalar_one()

    def all_results(self, block: int) -> Iterator[RowResult]:
        """All rows as they stand, so many of them in memory at a time."""
        after = -1
        while found := self.results(after=after, limit=block):
            yield from found
            after = found[-1].number

    def slowest(self, limit: int) -> list[RowResult]:
        """The rows whose runs took longest."""
        wanted = select(*RESULT).where(rows.c.elapsed.is_not(None))
        with self._reading() as connection:
            found = connection.execute(wanted.order_by(rows.c.elapsed.desc()).limit(limit))
            return [result_from(row) for row in found]

    def troubled(self, limit: int) -> list[RowResult]:
        """Rows that failed, were stopped, or whose outcome is unknown."""
        bad = or_(rows.c.status.in_(("failed", "stopped", "unknown")), rows.c.state == SENDING)
        with self._reading() as connection:
            found = connection.execute(
                select(*RESULT).where(bad).order_by(rows.c.number).limit(limit)
            )
            return [result_from(row) for row in found]
