"""The journal: what is known of each row, in a database, so that a batch goes on after anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs
import orjson
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from .._ends import stop_reason
from .._json import JSONObject, is_object
from . import database as schema
from .database import AnyText, earlier_runs, lock, orders, remove, rows, shut_down_runs, some_of
from .errors import JournalError
from .records import (
    DONE,
    PENDING,
    RUNNING,
    SENDING,
    STATES,
    UNKNOWN,
    Began,
    Change,
    Claim,
    Ended,
    JournalHeader,
    Release,
    RowRecord,
    RowResult,
    digest,
    from_json,
    json_text,
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

    def orders(self, batch: str) -> ControlTable:
        """What a batch wants of its chunks.

        Args:
            batch: Its id.
        """
        return ControlTable(self._engine, batch)

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

    def header(self) -> JournalHeader | None:
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
            return JournalHeader(
                found.base_url, found.key_digest, found.user_id, found.has_ids, columns
            )

    def set_header(self, header: JournalHeader) -> None:
        """Note what it belongs to."""
        values = {
            **attrs.asdict(header),
            "columns": orjson.dumps(header.columns).decode(),
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


RECORD = (
    rows.c.number,
    rows.c.key,
    rows.c.row,
    rows.c.digest,
    rows.c.state,
    rows.c.attempts,
    rows.c.sent_at,
    rows.c.run_id,
)
"""Columns that `record_from` needs."""

RESULT = (
    rows.c.number,
    rows.c.key,
    rows.c.row,
    rows.c.state,
    rows.c.status,
    rows.c.message,
    rows.c.outputs,
    rows.c.run_id,
    rows.c.elapsed,
    rows.c.tokens,
    rows.c.attempts,
)
"""Columns that `result_from` needs."""


def record_from(record: Any) -> RowRecord:
    """The row that is to be run or followed, as a record of the database has it.

    Args:
        record: The columns of `RECORD`.

    Raises:
        ValueError: It is not the row that was given.
    """
    row = _row_from(record.row)
    if digest(row) != record.digest:
        raise ValueError(f"row {record.number + 1} is not what was given")
    return RowRecord(
        number=record.number,
        key=record.key,
        row=row,
        state=record.state,
        attempts=int(record.attempts),
        sent_at=None if record.sent_at is None else float(record.sent_at),
        run_id=record.run_id,
    )


def result_from(record: Any) -> RowResult:
    """The result that a record of the database holds.

    Args:
        record: The columns of `RESULT`.

    Raises:
        ValueError: It holds none.
    """
    return RowResult(
        number=record.number,
        key=record.key,
        row=_row_from(record.row),
        status=status_of(known_state(record.state), record.status),
        message=record.message,
        outputs={} if record.outputs is None else from_json(record.outputs),
        run_id=record.run_id,
        elapsed_time=record.elapsed,
        total_tokens=record.tokens,
        attempts=record.attempts,
    )


def known_state(state: str) -> str:
    """The state of a row.

    Raises:
        ValueError: It is none.
    """
    if state not in STATES:
        raise ValueError(f"{state!r} is no state of a row")
    return state


def _row_from(text: str) -> JSONObject:
    row = from_json(text)
    if not is_object(row):
        raise ValueError("a row is no JSON object")
    return row


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


Order = Literal["go", "leave", "stop"]
"""Go on; begin no more runs, and follow those that go on; or stop these, too."""


class ControlTable:
    """The order of one batch; there is none before it gives one, and after it is over.

    Args:
        engine: The journal's database.
        batch: Id of the batch, which is made up anew whenever rows are handed out.
    """

    def __init__(self, engine: Engine, batch: str) -> None:
        self._engine = engine
        self._batch = batch

    def give(self, order: Order) -> None:
        """Want this from now on."""
        values = {"wanted": order}
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(orders).where(orders.c.batch == self._batch).values(values)
            )
            if not changed.rowcount:
                connection.execute(insert(orders).values(batch=self._batch, **values))

    def read(self) -> Order | None:
        """What is wanted; None where the batch is over, or another one has begun."""
        with self._engine.connect() as connection:
            wanted = select(orders.c.wanted).where(orders.c.batch == self._batch)
            return cast("Order | None", connection.execute(wanted).scalar())


def withdraw_all(engine: Engine) -> None:
    """Have every batch be over: one that ends, or those that died.

    Args:
        engine: The journal's database.
    """
    with engine.begin() as connection:
        connection.execute(delete(orders))
