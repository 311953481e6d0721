"""The journal: what is known of each row, in a database, so that a batch goes on after anything."""

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
from ..models.usage import sum_of
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
"""What a batch wants of the workers of its executor: go on; begin no more runs, and follow those
that go on; or stop these, too."""

_ATTEMPTS = 5
_PAUSE = 0.02
"""How often tables are made, where another process makes them too, and seconds between tries."""


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
        """Keep other batches from it while this one goes on, and no longer than its process lives.

        A file that was made for a batch which is refused before it has rows is removed.

        Raises:
            JournalError: Another one has it.
        """
        held = database.lock(self._engine)
        if held is None:
            raise JournalError(
                f"Another batch is going on with the journal {self}; wait for its end."
            )
        try:
            self._withdraw_commands()  # of a batch that died, whose workers may go on
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
            held.close()

    @contextmanager
    def all_or_nothing(self) -> Generator[None, None, None]:
        """Keep what this thread writes within as a whole, or nothing of it."""
        with self._engine.begin() as connection:
            self._of_thread.connection = connection
            try:
                yield
            finally:
                self._of_thread.connection = None

    @contextmanager
    def _connected(self) -> Generator[Connection, None, None]:
        """A connection in a transaction: that of `all_or_nothing`, or one of its own.

        Raises:
            JournalError: What is read there makes no sense.
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
        """What is wanted where a column has one of these values, in pieces that fit a statement."""
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
        """What it belongs to; None where it is new.

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
        """Note what it belongs to."""
        values = {
            **attrs.asdict(header),
            "columns": orjson.dumps(header.columns).decode(),
            "version": database.VERSION,
        }
        with self._connected() as connection:
            if not connection.execute(update(database.batch).values(values)).rowcount:
                connection.execute(insert(database.batch).values(id=1, **values))

    def command(self, batch: str) -> Command | None:
        """What a batch wants of its workers; None where it is over, or another one has begun."""
        wanted = select(control.c.wanted).where(control.c.batch == batch)
        with self._connected() as connection:
            found: Command | None = connection.execute(wanted).scalar()
            return found

    def set_command(self, batch: str, command: Command) -> None:
        """Note what a batch wants of its workers from now on."""
        with self._connected() as connection:
            connection.execute(delete(control).where(control.c.batch == batch))
            connection.execute(insert(control).values(batch=batch, wanted=command))

    def _withdraw_commands(self) -> None:
        with self._connected() as connection:
            connection.execute(delete(control))

    # ------------------------------------------------------------------------------------ rows

    def count(self) -> int:
        """How many rows it has."""
        return self._number(select(func.coalesce(func.max(rows.c.number), -1))) + 1

    def known(self, keys: Sequence[str]) -> dict[str, KnownRow]:
        """The rows that it has, by their keys."""
        wanted = select(rows.c.key, rows.c.number, rows.c.digest, rows.c.state)
        return dict(self._read_in(rows.c.key, keys, wanted, _known_from))

    def add(self, new: Iterable[Mapping[str, Any]]) -> None:
        """Add rows that are to be run.

        Args:
            new: Number, key, digest and row (JSON) of each; no key is there already.
        """
        values = [{"state": PENDING, "attempts": 0, **row} for row in new]
        if values:
            with self._connected() as connection:
                connection.execute(insert(rows), values)

    def replace(self, row: Mapping[str, Any]) -> bool:
        """Put a row in the place of the one with its number; only of one that is to be run."""
        place = rows.c.number == row["number"], rows.c.state == PENDING
        with self._connected() as connection:
            return connection.execute(update(rows).where(*place).values(row)).rowcount > 0

    def blocks(self, *states: str, limit: int = database.SOME) -> Iterator[list[RowRecord]]:
        """The rows in one of these states, by number, no more than `limit` at a time."""
        after = -1
        while True:
            found: list[RowRecord] = []
            for state in states:  # one by one, as that is what the index has in order
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
        """Id of a run of the batch; None where none is known."""
        with self._connected() as connection:
            wanted = select(rows.c.run_id).where(rows.c.run_id.is_not(None)).limit(1)
            return connection.execute(wanted).scalar()

    def claimed_runs(self, run_ids: Sequence[str]) -> set[str]:
        """Which of these runs belong to a row already."""
        columns = (rows.c.run_id, earlier_runs.c.run_id)
        return {
            run_id
            for column in columns
            for run_id in self._read_in(column, run_ids, select(column), lambda row: str(row[0]))
        }

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
        with self._connected() as connection:
            return database.write_changes(connection, changes)

    # --------------------------------------------------------------------------------- results

    def counts(self) -> tuple[dict[str, int], int]:
        """How many rows there are by status, and how many tokens they used."""
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
        """What the runs cost, by currency, and how many used tokens whose price is not known."""
        unpriced = select(func.count()).where(rows.c.tokens > 0, rows.c.prices.is_(None))
        costs = select(rows.c.prices, func.count()).where(rows.c.prices.is_not(None))
        with self._connected() as connection:
            told = connection.execute(costs.group_by(rows.c.prices))
            return sum_of(
                {currency: price * many for currency, price in prices_from(text).items()}
                for text, many in told
            ), int(connection.execute(unpriced).scalar_one())

    def count_in(self, *states: str) -> int:
        """How many rows are in these states."""
        return self._number(select(func.count()).where(rows.c.state.in_(states)))

    def results(self, block: int = database.SOME, *conditions: Any) -> Iterator[RowResult]:
        """Rows as they stand, by number.

        Args:
            block: Rows that are in memory at a time.
            conditions: What holds of them; nothing for all rows.
        """
        after = -1
        wanted = select(rows).where(*conditions).order_by(rows.c.number).limit(block)
        while found := self._read(wanted.where(rows.c.number > after), _result_from):
            yield from found
            after = found[-1].number

    def results_of(self, numbers: Sequence[int]) -> list[RowResult]:
        """Rows with these numbers that have come to an end, or wait for people."""
        ended = select(rows).where(rows.c.status.is_not(None))
        return self._read_in(rows.c.number, numbers, ended, _result_from)

    def shut_down(self) -> Iterator[RowResult]:
        """The rows whose runs the server stopped, because its workers were shut down."""
        stopped = rows.c.status == "stopped", rows.c.state == DONE
        for result in self.results(database.SOME, *stopped):
            if stop_reason(result.status, result.message) == "shutdown":
                yield result

    def release_shut_down(self, max_attempts: int) -> None:
        """Have these rows sent again, as long as they were sent less often than that."""
        again = [result for result in self.shut_down() if result.attempts < max_attempts]
        self.commit(
            Release(result.number, was_sent=True, run_id=result.run_id, was_shut_down=True)
            for result in again
        )

    def release_failed(self) -> None:
        """Have the rows sent again that failed or were stopped."""
        failed = rows.c.status.in_(("failed", "stopped")), rows.c.state == DONE
        for some in batched(self.results(database.SOME, *failed), database.SOME):
            self.commit(
                Release(result.number, was_sent=True, run_id=result.run_id) for result in some
            )

    def shut_downs(self) -> int:
        """How many runs the server stopped so, whose rows were then repeated."""
        return self._number(select(func.count()).select_from(shut_down_runs))

    def unknown_since(self, moment: float) -> int:
        """How many rows were sent then (Unix seconds), or later, of which no run is known."""
        wanted = select(func.count()).where(
            rows.c.state.in_((SENDING, UNKNOWN)),
            rows.c.run_id.is_(None),
            rows.c.sent_at >= moment,
        )
        return self._number(wanted)

    def slowest(self, limit: int) -> list[RowResult]:
        """The rows whose runs took longest."""
        wanted = select(rows).where(rows.c.elapsed.is_not(None))
        return self._read(wanted.order_by(rows.c.elapsed.desc()).limit(limit), _result_from)

    def troubled(self, limit: int) -> list[RowResult]:
        """Rows that failed, were stopped, or whose outcome is unknown."""
        bad = or_(rows.c.status.in_(("failed", "stopped", "unknown")), rows.c.state == SENDING)
        wanted = select(rows).where(bad).order_by(rows.c.number).limit(limit)
        return self._read(wanted, _result_from)


def has_rows(journal: str | PathLike[str]) -> bool:
    """Whether a batch has begun with a journal; none is made where there is none.

    Raises:
        JournalError: It cannot be used.
    """
    path = database.file_of(database.url_of(journal))
    if path is not None and not path.exists():
        return False
    with closing(Journal(journal)) as found:
        return found.count() > 0


# ------------------------------------------------------------------------------- reading rows
# Whatever is damaged in a journal raises an AttributeError, TypeError or ValueError here.


def _record_from(row: Any) -> RowRecord:
    given = _row_from(row.row)
    if digest(given) != row.digest:
        raise ValueError(f"row {row.number + 1} is not what was given")
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
        raise ValueError(f"{state!r} is no state of a row")
    return state


def _row_from(text: str) -> JSONObject:
    row = from_json(text)
    if not is_object(row):
        raise ValueError("a row is no JSON object")
    return row
