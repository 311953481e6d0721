"""The journal: the state of each row, in a database, so that every batch can be resumed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs
import orjson
from sqlalchemy import Connection, Executable, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from .._json import JSONObject, is_object
from ..models.run import sum_of
from ..outcomes import stop_reason
from . import database
from .database import control, earlier_runs, rows, shut_down_runs
from .errors import JournalError
from .records import (
    DONE,
    PENDING,
    SENDING,
    STATES,
    UNKNOWN,
    Change,
    JournalHeader,
    KnownRow,
    Release,
    RowRecord,
    RowResult,
    batched,
    digest,
    from_json,
    prices_from,
    status_of,
)

if TYPE_CHECKING:
    from os import PathLike

T = TypeVar("T")

Command = Literal["go", "leave", "stop"]
"""Command of a batch for the workers of its executor: continue; start no more runs and follow the
active ones; or stop the active runs, too."""

_ATTEMPTS = 5
_PAUSE = 0.02
"""Tries to create the tables, because another process may create them, too, and seconds between
two tries."""


class Journal:
    """The state of each row of one batch.

    Args:
        where: Path of an SQLite file, or URL of a database.
        must_exist: Whether a missing file is an error.

    Raises:
        JournalError: It cannot be opened, is damaged, or is not a journal.
        ImportError: The driver is not installed.
    """

    def __init__(self, where: str | PathLike[str], *, must_exist: bool = False) -> None:
        self.url = database.url_of(where)
        path = database.file_of(self.url)
        self._new_file = None if path is None or path.exists() else path
        if must_exist and self._new_file is not None:
            raise JournalError(f"There is no journal {path}.")
        self._engine = database.engine_of(self.url)
        self._of_thread = threading.local()
        try:
            self._make_tables()
        except JournalError:
            self.close()
            raise

    def __str__(self) -> str:
        return str(database.file_of(self.url) or self.url.render_as_string(hide_password=True))

    def __repr__(self) -> str:
        return f"<Journal {self.url.render_as_string(hide_password=True)}>"

    def _make_tables(self) -> None:
        for left in reversed(range(_ATTEMPTS)):
            try:
                database.metadata.create_all(self._engine)
            except (IntegrityError, JournalError):  # another process may make them at this moment
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
        """Lock the journal while this batch runs, at most until its process ends.

        If the batch is refused before it has rows, a new file is removed again.

        Raises:
            JournalError: Another batch has the lock.
        """
        held = database.lock(self._engine)
        if held is None:
            raise JournalError(
                f"Another batch is running with the journal {self}; wait for its end."
            )
        try:
            self._withdraw_commands()  # of a batch that died; its workers may still be running
            try:
                yield
            finally:
                self._withdraw_commands()
        except BaseException:
            if self._new_file is not None and not self.count():
                self.close()
                database.remove(self._new_file)
            raise
        finally:
            database.unlock(held)

    @contextmanager
    def all_or_nothing(self) -> Generator[None, None, None]:
        """Commit everything that this thread writes inside the block, or nothing."""
        with self._engine.begin() as connection:
            self._of_thread.connection = connection
            try:
                yield
            finally:
                self._of_thread.connection = None

    @contextmanager
    def _connected(self) -> Generator[Connection, None, None]:
        """A connection in a transaction: the one of `all_or_nothing`, or a new one.

        Raises:
            JournalError: The journal has invalid data.
        """
        opened: Connection | None = getattr(self._of_thread, "connection", None)
        try:
            with nullcontext(opened) if opened is not None else self._engine.begin() as connection:
                yield connection
        except (AttributeError, TypeError, ValueError) as error:
            raise database.damaged(self.url, str(error)) from error

    def _read(self, statement: Executable, convert: Callable[[Any], T]) -> list[T]:
        with self._connected() as connection:
            return [convert(row) for row in connection.execute(statement)]

    def _read_in(
        self, column: Any, values: Sequence[Any], wanted: Any, convert: Callable[[Any], T]
    ) -> list[T]:
        """Select rows by the values of a column, in several statements if there are many values."""
        with self._connected() as connection:
            return [
                convert(row)
                for some in batched(values, database.SOME)
                for row in connection.execute(wanted.where(column.in_(some)))
            ]

    def _number(self, statement: Executable) -> int:
        with self._connected() as connection:
            return int(connection.execute(statement).scalar_one())

    # ---------------------------------------------------------------------- header and commands

    def header(self) -> JournalHeader | None:
        """The app and user of the journal; None if it is new.

        Raises:
            JournalError: Another version of this package has written it.
        """
        with self._connected() as connection:
            found = connection.execute(select(database.batch)).first()
            if found is None:
                return None
            if found.version != database.VERSION:
                raise JournalError(
                    f"The journal {self} was written by another version of dify-workflow."
                )
            columns = tuple(map(str, orjson.loads(found.columns or "[]")))
            return JournalHeader(
                found.base_url, found.key_digest, found.user_id, found.has_ids, columns
            )

    def set_header(self, header: JournalHeader) -> None:
        """Write the app and user of the journal."""
        values = {
            **attrs.asdict(header),
            "columns": orjson.dumps(header.columns).decode(),
            "version": database.VERSION,
        }
        with self._connected() as connection:
            if not connection.execute(update(database.batch).values(values)).rowcount:
                connection.execute(insert(database.batch).values(id=1, **values))

    def command(self, batch: str) -> Command | None:
        """The command of a batch for its workers; None if it is over or another batch has begun."""
        wanted = select(control.c.wanted).where(control.c.batch == batch)
        with self._connected() as connection:
            found: Command | None = connection.execute(wanted).scalar()
            return found

    def set_command(self, batch: str, command: Command) -> None:
        """Set the command of a batch for its workers."""
        with self._connected() as connection:
            connection.execute(delete(control).where(control.c.batch == batch))
            connection.execute(insert(control).values(batch=batch, wanted=command))

    def _withdraw_commands(self) -> None:
        with self._connected() as connection:
            connection.execute(delete(control))

    # ------------------------------------------------------------------------------------ rows

    def count(self) -> int:
        """Number of rows."""
        return self._number(select(func.coalesce(func.max(rows.c.number), -1))) + 1

    def known(self, keys: Sequence[str]) -> dict[str, KnownRow]:
        """The rows with these keys that the journal has, by key."""
        wanted = select(rows.c.key, rows.c.number, rows.c.digest, rows.c.state)
        return dict(self._read_in(rows.c.key, keys, wanted, _known_from))

    def add(self, new: Iterable[Mapping[str, Any]]) -> None:
        """Add rows, which will be run.

        Args:
            new: Number, key, digest and row (JSON) of each; all keys must be new.
        """
        values = [{"state": PENDING, "attempts": 0, **row} for row in new]
        if values:
            with self._connected() as connection:
                connection.execute(insert(rows), values)

    def replace(self, row: Mapping[str, Any]) -> bool:
        """Replace the row with the same number, if it was not sent yet; return whether it was."""
        place = rows.c.number == row["number"], rows.c.state == PENDING
        with self._connected() as connection:
            return connection.execute(update(rows).where(*place).values(row)).rowcount > 0

    def blocks(self, *states: str, limit: int = database.SOME) -> Iterator[list[RowRecord]]:
        """The rows in one of these states, by number, no more than `limit` at a time."""
        after = -1
        while True:
            found: list[RowRecord] = []
            for state in states:  # one by one, in the order of the index
                wanted = select(rows).where(rows.c.state == state, rows.c.number > after)
                found += self._read(wanted.order_by(rows.c.number).limit(limit), _record_from)
            if not found:
                return
            found = sorted(found, key=lambda record: record.number)[:limit]
            yield found
            after = found[-1].number

    def records(self, *, keys: Sequence[str] = (), numbers: Sequence[int] = ()) -> list[RowRecord]:
        """Rows by their keys or numbers, in the order of their numbers."""
        found = self._read_in(rows.c.key, keys, select(rows), _record_from)
        found += self._read_in(rows.c.number, numbers, select(rows), _record_from)
        return sorted(found, key=lambda record: record.number)

    def any_run(self) -> str | None:
        """Id of any run of the batch; None if no run is known."""
        with self._connected() as connection:
            wanted = select(rows.c.run_id).where(rows.c.run_id.is_not(None)).limit(1)
            return connection.execute(wanted).scalar()

    def claimed_runs(self, run_ids: Sequence[str]) -> set[str]:
        """The runs among these that already belong to a row."""
        columns = (rows.c.run_id, earlier_runs.c.run_id)
        return {
            run_id
            for column in columns
            for run_id in self._read_in(column, run_ids, select(column), lambda row: str(row[0]))
        }

    def commit(self, changes: Iterable[Change]) -> set[int]:
        """Write changes in one transaction. They are on disk when this returns.

        Args:
            changes: At most one of each kind per row. They happened in the order begin, end,
                release, claim.

        Returns:
            Numbers of the rows that were claimed.

        Raises:
            JournalError: They cannot be written.
        """
        with self._connected() as connection:
            return database.write_changes(connection, changes)

    # --------------------------------------------------------------------------------- results

    def counts(self) -> tuple[dict[str, int], int]:
        """Number of rows by status, and number of tokens that they used."""
        number, used = func.count(), func.coalesce(func.sum(rows.c.tokens), 0)
        wanted = select(rows.c.state, rows.c.status, number, used)
        counts: dict[str, int] = {}
        tokens = 0
        with self._connected() as connection:
            grouped = connection.execute(wanted.group_by(rows.c.state, rows.c.status))
            for state, status, many, spent in grouped:
                name = status_of(_known_state(state), status)
                counts[name] = counts.get(name, 0) + many
                tokens += int(spent)
        return counts, tokens

    def prices(self) -> tuple[dict[str, Decimal], int]:
        """Price of the runs by currency, and number of runs with tokens but without known price."""
        unpriced = select(func.count()).where(rows.c.tokens > 0, rows.c.prices.is_(None))
        costs = select(rows.c.prices, func.count()).where(rows.c.prices.is_not(None))
        with self._connected() as connection:
            known = connection.execute(costs.group_by(rows.c.prices))
            return sum_of(
                {currency: price * many for currency, price in prices_from(text).items()}
                for text, many in known
            ), int(connection.execute(unpriced).scalar_one())

    def count_in(self, *states: str) -> int:
        """Number of rows in these states."""
        return self._number(select(func.count()).where(rows.c.state.in_(states)))

    def results(self, block: int = database.SOME, *conditions: Any) -> Iterator[RowResult]:
        """Rows in their present state, by number.

        Args:
            block: Rows that are in memory at a time.
            conditions: Conditions for the rows; no condition for all rows.
        """
        after = -1
        wanted = select(rows).where(*conditions).order_by(rows.c.number).limit(block)
        while found := self._read(wanted.where(rows.c.number > after), _result_from):
            yield from found
            after = found[-1].number

    def results_of(self, numbers: Sequence[int]) -> list[RowResult]:
        """Rows with these numbers that have ended, or wait for people."""
        ended = select(rows).where(rows.c.status.is_not(None))
        return self._read_in(rows.c.number, numbers, ended, _result_from)

    def shut_down(self) -> Iterator[RowResult]:
        """Rows whose runs the server stopped because its workers were shut down."""
        stopped = rows.c.status == "stopped", rows.c.state == DONE
        for result in self.results(database.SOME, *stopped):
            if stop_reason(result.status, result.message) == "shutdown":
                yield result

    def release_shut_down(self, max_attempts: int) -> None:
        """Send these rows again, unless they were sent `max_attempts` times already."""
        again = [result for result in self.shut_down() if result.attempts < max_attempts]
        self.commit(
            Release(result.number, was_sent=True, run_id=result.run_id, was_shut_down=True)
            for result in again
        )

    def release_failed(self) -> None:
        """Send the rows again that failed or were stopped."""
        failed = rows.c.status.in_(("failed", "stopped")), rows.c.state == DONE
        for some in batched(self.results(database.SOME, *failed), database.SOME):
            self.commit(
                Release(result.number, was_sent=True, run_id=result.run_id) for result in some
            )

    def shut_downs(self) -> int:
        """Number of runs that a shutdown stopped and whose rows were repeated."""
        return self._number(select(func.count()).select_from(shut_down_runs))

    def unknown_since(self, moment: float) -> int:
        """Number of rows without a known run that were sent since this time (Unix seconds)."""
        wanted = select(func.count()).where(
            rows.c.state.in_((SENDING, UNKNOWN)),
            rows.c.run_id.is_(None),
            rows.c.sent_at >= moment,
        )
        return self._number(wanted)

    def slowest(self, limit: int) -> list[RowResult]:
        """The rows with the longest runs."""
        wanted = select(rows).where(rows.c.elapsed.is_not(None))
        return self._read(wanted.order_by(rows.c.elapsed.desc()).limit(limit), _result_from)

    def troubled(self, limit: int) -> list[RowResult]:
        """Rows that failed, were stopped, or whose outcome is unknown."""
        bad = or_(rows.c.status.in_(("failed", "stopped", "unknown")), rows.c.state == SENDING)
        wanted = select(rows).where(bad).order_by(rows.c.number).limit(limit)
        return self._read(wanted, _result_from)


def has_rows(journal: str | PathLike[str]) -> bool:
    """Whether a batch has begun with a journal. A missing file is not created.

    Raises:
        JournalError: The journal cannot be used.
    """
    path = database.file_of(database.url_of(journal))
    if path is not None and not path.exists():
        return False
    with closing(Journal(journal)) as found:
        return found.count() > 0


# ------------------------------------------------------------------------------- reading rows
# Damaged data in a journal raises an AttributeError, TypeError or ValueError here.


def _record_from(row: Any) -> RowRecord:
    given = _row_from(row.row)
    if digest(given) != row.digest:
        raise ValueError(f"row {row.number + 1} differs from its checksum")
    return RowRecord(
        number=row.number,
        key=row.key,
        row=given,
        state=row.state,
        attempts=int(row.attempts),
        sent_at=None if row.sent_at is None else float(row.sent_at),
        run_id=row.run_id,
    )


def _result_from(row: Any) -> RowResult:
    return RowResult(
        number=row.number,
        key=row.key,
        row=_row_from(row.row),
        status=status_of(_known_state(row.state), row.status),
        message=row.message,
        outputs={} if row.outputs is None else from_json(row.outputs),
        run_id=row.run_id,
        elapsed_time=row.elapsed,
        total_tokens=row.tokens,
        prices=None if row.prices is None else prices_from(row.prices),
        attempts=row.attempts,
    )


def _known_from(row: Any) -> tuple[str, KnownRow]:
    return row.key, KnownRow(row.number, row.digest, _known_state(row.state))


def _known_state(state: str) -> str:
    if state not in STATES:
        raise ValueError(f"{state!r} is not a state of a row")
    return state


def _row_from(text: str) -> JSONObject:
    row = from_json(text)
    if not is_object(row):
        raise ValueError("a row is not a JSON object")
    return row
