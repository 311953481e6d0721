"""Taking rows into the journal: checked, recognised, and each once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import attrs
import orjson
from anyio import from_thread
from sqlalchemy.exc import IntegrityError

from .._json import JSON
from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from ..errors import InvalidRequestError, NotFoundError
from ..internals import setup_of
from ..timeline.text import counted
from .errors import MOST_KEPT, JournalError, RowsError
from .records import PENDING, JournalHeader, RowRecord, batched, digest, key_of, plain
from .rows import Columns

if TYPE_CHECKING:
    from .journal import Journal

_BLOCK = 1000
"""Rows that are compared with the journal at a time."""

_SLOW = 0.02
"""Seconds that a row may take to come before it is run without waiting for another one."""

_ATTENTION = 100
"""Rows after which a thread looks whether anybody waits for it."""

logger = logging.getLogger("dify_workflow")

Row = Mapping[str, JSON]


class _Seen(NamedTuple):  # of a million rows there are a million
    """A row as it is recognised."""

    key: str
    digest: str
    row: Row


class Registry:
    """Takes rows into a journal."""

    def __init__(self, journal: Journal, columns: Columns, header: JournalHeader) -> None:
        self._journal = journal
        self._columns = columns
        self._header = header
        self._had = journal.count()
        self.unused: list[str] = []
        """Columns of the first row that are no inputs."""

    def take_in(self, rows: Iterable[Row]) -> int:
        """Check rows, and take them into the journal; return how many there are.

        It runs in a thread of anyio, which ends when the batch was cancelled.

        Raises:
            RowsError: The app does not take one of them, or they cannot be told apart.
            JournalError: The journal knows other rows.
        """
        total = self.check(_attentive(rows))
        if total > self._journal.count():
            self.add_all(_attentive(rows))
        if self.unused:
            names = ", ".join(self.unused)
            logger.info("run_batch: the app has no inputs named %s; results have them", names)
        return total

    def check(self, rows: Iterable[Row]) -> int:
        """Check rows, and that those which the journal knows are the same; nothing is written.

        Returns:
            How many there are.

        Raises:
            RowsError: The app does not take one of them, or they cannot be told apart.
            JournalError: The journal knows other rows.
        """
        problems: list[str] = []
        hint = ""
        count = self._journal.count()
        number = 0
        for block in batched(rows, _BLOCK):
            seen = self._seen(block, number)
            states = self._states(seen, number, count)
            for place, (each, state) in enumerate(zip(seen, states, strict=True), start=number):
                if state in {None, PENDING} and (found := self._problem(each, place)):
                    hint = hint or self._columns.near_miss(each.row)
                    problems.append(found)
            if len(problems) >= MOST_KEPT:
                break
            number += len(block)
        if problems:
            raise RowsError("Rows cannot be run; nothing was", problems[:MOST_KEPT], hint)
        if number < count:
            raise JournalError(
                f"{self._journal!r} has {count:,} rows, of which only {number:,} were given; rows "
                "may be added, but none may be taken away."
            )
        return number

    def add_all(self, rows: Iterable[Row]) -> None:
        """Take rows that were checked into the journal, where it does not know them yet.

        Raises:
            RowsError: An id is there twice; then none is taken.
        """
        number = 0
        with self._journal.all_or_nothing():
            for block in batched(rows, _BLOCK):
                self.add(block, number)
                number += len(block)
            twice = number - self._journal.count()
            if twice:
                raise RowsError(f"Ids are there twice: {counted(twice, 'row')} too many.")

    def add(self, block: Sequence[Row], number: int) -> list[str]:
        """Take some rows into the journal, where it does not know them yet; return their keys.

        Args:
            block: The rows.
            number: How many rows came before these.

        Raises:
            RowsError: They cannot be told apart.
            JournalError: The journal knows other rows.
        """
        seen = self._seen(block, number)
        if not number:
            self._journal.set_header(self._header)
        count = self._journal.count()
        states = self._states(seen, number, count)
        new = [each for each, state in zip(seen, states, strict=True) if state is None]
        values = [
            {"number": at, "key": each.key, "digest": each.digest, "row": plain(each.row).decode()}
            for at, each in enumerate(new, start=count)
        ]
        try:
            self._journal.add(values)
        except IntegrityError:
            raise RowsError(_twice(new)) from None
        return [each.key for each in seen]

    def _seen(self, block: Sequence[Row], number: int) -> list[_Seen]:
        """The rows as they are recognised."""
        return [self._recognised(row, place) for place, row in enumerate(block, start=number)]

    def _recognised(self, row: Row, place: int) -> _Seen:
        _check_mapping(row, place)
        try:
            mark = digest(row)
        except TypeError as error:
            raise RowsError(f"Row {place + 1} cannot be kept: {error}.") from None
        key = key_of(row)
        has_id = key is not None
        if self._header.has_ids is None:
            self._header = attrs.evolve(self._header, has_ids=has_id, columns=tuple(row))
            self.unused = self._columns.unused(row)
        if has_id != self._header.has_ids:
            raise RowsError(
                f"Row {place + 1} has {'an' if has_id else 'no'} id, unlike those before it; all "
                "rows have one, or none has."
            )
        return _Seen(f"{place}-{mark}" if key is None else key, mark, row)

    def _states(self, seen: Sequence[_Seen], number: int, count: int) -> list[str | None]:
        """State of each row as the journal has it; None for those that are new."""
        if number >= count and not self._header.has_ids:
            return [None] * len(seen)
        known = self._journal.known(number, len(seen))
        if [each[:2] for each in known] == [(each.key, each.digest) for each in seen]:
            return [state for _, _, state in known]
        by_key = self._journal.known_by_key([each.key for each in seen])
        found: list[str | None] = []
        for place, each in enumerate(seen, start=number):
            mark, state = by_key.get(each.key, (each.digest, None))
            is_other = state is None and not self._header.has_ids and place < count
            if mark != each.digest and not self._had:  # the journal has what came before in these
                raise RowsError(f"The id {each.key!r} is there twice.")
            if mark != each.digest or is_other:
                raise JournalError(
                    f"{self._journal!r} has another row {self._name(each, place)} than the one "
                    "given; use a new journal for other rows."
                )
            found.append(state)
        return found

    def _problem(self, each: _Seen, place: int) -> str | None:
        try:
            self._columns.inputs(orjson.loads(plain(each.row)))
        except InvalidRequestError as error:
            return f"row {self._name(each, place)}: {str(error).rstrip('.')}"
        return None

    def _name(self, each: _Seen, place: int) -> str:
        return f"{place + 1} ({each.key})" if self._header.has_ids else f"{place + 1}"


def incoming(
    rows: Iterator[Row], registry: Registry, journal: Journal, most: int
) -> Iterator[list[RowRecord]]:
    """The rows of an iterator that were not sent, taken into the journal as they come."""
    number = 0
    while taken := _taken(rows, most):
        keys = registry.add(taken, number)
        number += len(taken)
        found = journal.records(keys=keys)
        if pending := [each for each in found if each.state == PENDING]:
            yield pending


def _taken(rows: Iterator[Row], most: int) -> list[Row]:
    """Some rows; fewer where they come slowly, so that each is run when it is there."""
    taken: list[Row] = []
    began = time.monotonic()
    for row in islice(rows, most):
        taken.append(row)
        if time.monotonic() - began > _SLOW:
            break
        began = time.monotonic()
    return taken


def _attentive(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that are read in a thread, which ends when the batch was cancelled."""
    for number, row in enumerate(rows):
        if not number % _ATTENTION:
            from_thread.check_cancelled()
        yield row


def _check_mapping(row: object, place: int) -> None:
    """Refuse what is no row."""
    if type(row) is not dict and not isinstance(row, Mapping):  # the latter takes its time
        raise RowsError(f"Row {place + 1} is no mapping, but a {type(row).__name__}.")


def _twice(new: Sequence[_Seen]) -> str:
    keys: set[str] = set()
    for each in new:
        if each.key in keys:
            return f"The id {each.key!r} is there twice."
        keys.add(each.key)
    return "An id is there twice."


# --------------------------------------------------------------------- whose the journal is


async def belongs(journal: Journal, client: AsyncDifyWorkflow) -> JournalHeader:
    """What the journal belongs to, which is the client's app and user.

    An app's key says which app it is. Where the key is another one, a run of the batch does: each
    app shows its own runs alone.

    Raises:
        JournalError: It belongs to another app or user.
        DifyError: The server does not tell.
    """
    options = setup_of(client).options
    mine = JournalHeader(options.base_url, options.key().fingerprint(), options.user_id)
    header = journal.header() if journal.count() else None  # without rows it belongs to no app yet
    if header is None:
        journal.set_header(mine)
        return mine
    if header.user_id != mine.user_id:
        raise JournalError(
            f"The runs of {journal!r} are for the user {header.user_id!r}, not {mine.user_id!r}: "
            "give the client that user_id, or use a new journal."
        )
    if (header.base_url, header.key_digest) != (mine.base_url, mine.key_digest):
        await _check_app(journal, client)
        header = attrs.evolve(header, base_url=mine.base_url, key_digest=mine.key_digest)
        journal.set_header(header)
    return header


async def _check_app(journal: Journal, client: AsyncDifyWorkflow) -> None:
    """Check that another key or address leads to the same app."""
    run_id = journal.any_run()
    counts, _ = journal.counts()
    if run_id is None and set(counts) <= {PENDING}:
        return  # nothing was sent yet
    try:
        if run_id is not None:
            await client.info(run_id)
            return
    except NotFoundError:
        pass
    except InvalidRequestError as error:
        raise JournalError(f"{journal!r} is damaged: it has a run that none can be.") from error
    raise JournalError(
        f"{journal!r} belongs to another app: this key's app has none of its runs. Use that app's "
        "key, or a new journal."
    )


# ------------------------------------------------------------------- checking without running


@attrs.frozen
class RowCheck:
    """Rows that the app takes.

    Args:
        rows: How many there are.
        inputs: The app's inputs of which there is a column in the first row, with their kinds.
        unused: Columns of the first row that are no inputs.
        missing: Inputs that need no value and have no column in the first row.
    """

    rows: int
    inputs: dict[str, str]
    unused: tuple[str, ...]
    missing: tuple[str, ...]


def check_rows(workflow: DifyWorkflow, rows: Iterable[Row]) -> RowCheck:
    """Check rows as `run_batch` does, and run none.

    Args:
        workflow: Client of the app, which is asked what it takes (GET /parameters).
        rows: As for `run_batch`, but with an end.

    Raises:
        RowsError: The app does not take one of them; `problems` has the first hundred reasons.
        DifyError: The app could not be asked.
    """
    columns = Columns(workflow.parameters())
    first: Row = {}
    count = 0
    problems: list[str] = []
    hint = ""
    ids: set[str] = set()
    for count, row in enumerate(rows, start=1):
        _check_mapping(row, count - 1)
        first = first or row
        try:
            columns.inputs(orjson.loads(plain(row)))
            _check_id(key_of(row), ids, has_one=key_of(first) is not None)
        except (InvalidRequestError, TypeError) as error:
            hint = hint or columns.near_miss(row)
            problems.append(f"row {count}: {str(error).rstrip('.')}")
            if len(problems) == MOST_KEPT:
                break
    if problems:
        raise RowsError("Rows cannot be run", problems, hint)
    kinds = {field.name: field.kind for field in columns.fields}
    return RowCheck(
        rows=count,
        inputs={name: kind for name, kind in kinds.items() if name in first},
        unused=tuple(columns.unused(first)),
        missing=tuple(name for name in kinds if name not in first),
    )


def _check_id(key: str | None, ids: set[str], *, has_one: bool) -> None:
    """Refuse the id of a row, or its lack, where rows could not be told apart; else note it."""
    if (key is not None) != has_one:
        what = "no id" if key is None else "an id"
        raise InvalidRequestError(f"it has {what}, unlike those before it")
    if key in ids:
        raise InvalidRequestError(f"the id {key!r} is there twice")
    if key is not None:
        ids.add(key)
