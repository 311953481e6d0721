"""Add rows to the journal: check them, recognise known rows, and refuse duplicates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import attrs
import orjson

from .._json import JSON
from ..async_client import AsyncDifyWorkflow
from ..errors import InvalidRequestError, NotFoundError
from ..internals import setup_of
from ..timeline.text import counted
from .errors import MOST_KEPT, JournalError, RowsError
from .records import (
    PENDING,
    JournalHeader,
    KnownRow,
    RowRecord,
    batched,
    digest,
    key_of,
    plain,
)
from .rows import FileRow, RowFile, lines_of

if TYPE_CHECKING:
    from .columns import Columns
    from .journal import Journal

_BLOCK = 1000
"""Rows that are compared with the journal at a time."""

_SLOW = 0.02
"""If the next row takes more seconds to arrive, the rows so far are run without it."""

_EXAMPLE = "it is the example row of the template: replace or delete it"

Row = Mapping[str, JSON]


class _Seen(NamedTuple):
    """A row with its key and digest, by which it is recognised."""

    place: int
    key: str
    digest: str
    row: Row
    state: str = PENDING

    def as_kept(self, number: int) -> dict[str, object]:
        """The row in the form for the journal."""
        row = plain(self.row).decode()
        return {"number": number, "key": self.key, "digest": self.digest, "row": row}


class Registry:
    """Adds rows to a journal, which may have them from an earlier call.

    Args:
        journal: The journal.
        columns: Checks the rows.
        header: The app and user of the journal.
    """

    def __init__(self, journal: Journal, columns: Columns, header: JournalHeader) -> None:
        self._journal = journal
        self._columns = columns
        self._header = header
        self._had = journal.count()
        self.offsets: list[tuple[int, int]] = []
        """Pairs of a row's number and the difference to its row in the file from there on."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the first row's columns."""
        return self._header.columns

    def take_in(
        self,
        rows: Iterable[Row],
        *,
        reruns_failed: bool = False,
        checkpoint: Callable[[], object] = lambda: None,
    ) -> int:
        """Check rows and add them, all or none; return the number of rows.

        Args:
            rows: The rows.
            reruns_failed: Whether rows that failed must be run again.
            checkpoint: Called every thousand rows; an exception from it ends this.

        Raises:
            RowsError: A row is invalid for the app, or two rows have the same id.
            JournalError: The journal has other rows.
        """
        problems: list[str] = []
        number = 0
        what = f"Rows of {rows.path.name}" if isinstance(rows, RowFile) else "Rows"
        with self._journal.all_or_nothing(), self._opened(rows) as lines:
            if reruns_failed:
                self._journal.release_failed()
            for block in batched(lines, _BLOCK):
                checkpoint()
                _, wrong = self._add(block, number, is_checked=True)
                problems += wrong
                number += len(block)
                if len(problems) >= MOST_KEPT:
                    break
            if problems:
                hint = self._columns.near_miss(self.columns)
                wrong_rows = f"{what} are invalid; nothing was run"
                raise RowsError(wrong_rows, problems[:MOST_KEPT], hint)
            if number < self._had:
                raise JournalError(
                    f"The journal {self._journal} has {self._had:,} rows, but only {number:,} "
                    "were given; you can add rows, but not remove them."
                )
            if twice := number - self._journal.count():
                raise RowsError(f"Some ids occur twice: {counted(twice, 'row')} too many.")
        return number

    def _opened(self, rows: Iterable[Row]) -> AbstractContextManager[Iterable[Row]]:
        """The rows; problems of a file's rows are reported with the other problems."""
        if isinstance(rows, RowFile):
            return closing(lines_of(rows, self._columns.numbers))
        return nullcontext(rows)

    def incoming(self, rows: Iterator[Row], most: int) -> Iterator[list[RowRecord]]:
        """Add the rows of an iterator as they arrive, and yield those that were not sent.

        Their inputs are checked when they are run.

        Args:
            rows: The rows.
            most: Maximum number that is taken at a time; fewer if they arrive slowly.

        Raises:
            RowsError: Two rows have the same id, or a row cannot be stored.
            JournalError: The journal has other rows.
        """
        number = 0
        while block := _taken(rows, most):
            keys, problems = self._add(block, number, is_checked=False)
            if problems:
                raise RowsError("Rows are invalid", problems)
            number += len(block)
            found = self._journal.records(keys=keys)
            if pending := [each for each in found if each.state == PENDING]:
                yield pending

    def _add(
        self, block: Sequence[Row], number: int, *, is_checked: bool
    ) -> tuple[list[str], list[str]]:
        """Add some rows, unless the journal has them already.

        Args:
            block: The rows.
            number: Number of rows before them.
            is_checked: Whether to check that the rows are valid for the app.

        Returns:
            Their keys, and the problem of each invalid row.
        """
        problems: list[tuple[int, str]] = []
        seen: dict[str, _Seen] = {}
        for place, row in enumerate(block, start=number):
            try:
                each = self._recognised(row, place)
            except (InvalidRequestError, TypeError) as error:
                problems.append((place, f"{name_of(row, place)}: {error}"))
                continue
            if each.key in seen:
                problems.append((place, f"{self._name(each)}: {_twice(each.key)}"))
            seen.setdefault(each.key, each)
        if not number:
            self._journal.set_header(self._header)
        may_be_known = self._header.has_ids or number < self._had
        known = self._journal.known(list(seen)) if may_be_known else {}
        new: list[_Seen] = []
        for each in seen.values():
            try:
                if self._is_new(each, known.get(each.key)):
                    new.append(each)
                if is_checked and known.get(each.key, each).state == PENDING:
                    self._check(each)
            except InvalidRequestError as error:
                problems.append((each.place, f"{self._name(each)}: {error}"))
        self._journal.add(
            each.as_kept(number) for number, each in enumerate(new, start=self._journal.count())
        )
        return list(seen), [text.rstrip(".") for _, text in sorted(problems)]

    def _check(self, each: _Seen) -> None:
        """Check that a row is valid for the app.

        Raises:
            InvalidRequestError: It is not, or it is the example row of a template.
        """
        inputs = self._columns.inputs(orjson.loads(plain(each.row)))
        is_first = not each.place and isinstance(each.row, FileRow)
        if is_first and self._columns.is_example(inputs):
            raise InvalidRequestError(_EXAMPLE)

    def _recognised(self, row: Row, place: int) -> _Seen:
        """The row with its key and digest.

        Raises:
            InvalidRequestError: It is not a mapping, could not be read, or it has an id and others
                do not, or the reverse.
            TypeError: It has a value that cannot be stored.
        """
        _check_mapping(row)
        offset = getattr(row, "line", place) - place
        if offset != (self.offsets[-1][1] if self.offsets else 0):
            self.offsets.append((place, offset))
        if problem := getattr(row, "problem", None):  # of a file
            raise InvalidRequestError(problem)
        mark = digest(row)
        key = key_of(row)
        has_id = key is not None
        if self._header.has_ids is None:
            self._header = attrs.evolve(self._header, has_ids=has_id, columns=tuple(row))
        if has_id != self._header.has_ids:
            what = "an id" if has_id else "no id"
            raise InvalidRequestError(f"it has {what}, unlike the rows before it")
        return _Seen(place, f"{place}-{mark}" if key is None else key, mark, row)

    def _is_new(self, each: _Seen, known: KnownRow | None) -> bool:
        """Whether a row must be added to the journal, which may know it.

        Raises:
            InvalidRequestError: Another row before it has the same id.
            JournalError: The journal has another row in its place.
        """
        if known is not None and known.number >= self._had:
            raise InvalidRequestError(_twice(each.key))
        if known is not None and known.digest == each.digest:
            return False
        if known is None and (self._header.has_ids or each.place >= self._had):
            return True
        # A row that was not sent may be corrected.
        if self._journal.replace(each.as_kept(known.number if known else each.place)):
            return False
        raise JournalError(
            f"The journal {self._journal} has a different {self._name(each)} than your table; use "
            "a new journal for other rows."
        )

    def _name(self, each: _Seen) -> str:
        key = f" ({each.key})" if self._header.has_ids else ""
        return name_of(each.row, each.place) + key


def _check_mapping(row: object) -> None:
    if type(row) is not dict and not isinstance(row, Mapping):  # isinstance is slow
        raise InvalidRequestError(f"it must be a mapping, not a {type(row).__name__}")


def name_of(row: object, place: int) -> str:
    """The name of a row for people: by its number in the file, or its position."""
    return f"row {getattr(row, 'line', place + 1)}"


def _twice(key: str) -> str:
    return f"the id {key!r} occurs twice (the column id identifies the rows)"


def _taken(rows: Iterator[Row], most: int) -> list[Row]:
    """Some rows; fewer if they arrive slowly, so that rows do not wait for each other."""
    taken: list[Row] = []
    began = time.monotonic()
    for row in islice(rows, most):
        taken.append(row)
        if time.monotonic() - began > _SLOW:
            break
        began = time.monotonic()
    return taken


# --------------------------------------------------------------------- whose the journal is


async def belongs(journal: Journal, client: AsyncDifyWorkflow) -> JournalHeader:
    """Check that the journal belongs to the client's app and user, and return its header.

    The key identifies the app. If the key is a new one, a run of the batch identifies the app,
    because each app shows only its own runs.

    Raises:
        JournalError: It belongs to another app or user.
        DifyError: The server does not answer this.
    """
    options = setup_of(client).options
    mine = JournalHeader(options.base_url, options.key().fingerprint(), options.user_id)
    header = journal.header() if journal.count() else None  # without rows it has no app yet
    if header is None:
        journal.set_header(mine)
        return mine
    if header.user_id != mine.user_id:
        raise JournalError(
            f"The runs of the journal {journal} are for the user {header.user_id!r}, not "
            f"{mine.user_id!r}: give the client that user_id, or use a new journal."
        )
    if (header.base_url, header.key_digest) != (mine.base_url, mine.key_digest):
        await _check_app(journal, client)
        header = attrs.evolve(header, base_url=mine.base_url, key_digest=mine.key_digest)
        journal.set_header(header)
    return header


async def _check_app(journal: Journal, client: AsyncDifyWorkflow) -> None:
    """Check that a new key or address belongs to the same app."""
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
        raise JournalError(
            f"The journal {journal} is damaged: it has an invalid run id."
        ) from error
    raise JournalError(
        f"The journal {journal} belongs to another app: the app of this key does not have its "
        "runs. Use the key of that app, or a new journal."
    )
