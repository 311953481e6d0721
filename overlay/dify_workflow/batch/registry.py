"""Taking rows into the journal: checked, recognised, and each once."""

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
from .rows import RowFile, lines_of

if TYPE_CHECKING:
    from .columns import Columns
    from .journal import Journal

_BLOCK = 1000
"""Rows that are compared with the journal at a time."""

_SLOW = 0.02
"""Seconds that a row may take to come before it is run without waiting for another one."""

Row = Mapping[str, JSON]


class _Seen(NamedTuple):
    """A row as it is recognised."""

    place: int
    key: str
    digest: str
    row: Row
    state: str = PENDING

    def as_kept(self, number: int) -> dict[str, object]:
        """The row as the journal has it."""
        row = plain(self.row).decode()
        return {"number": number, "key": self.key, "digest": self.digest, "row": row}


class Registry:
    """Takes rows into a journal, which may know them from an earlier call.

    Args:
        journal: The journal.
        columns: What checks the rows.
        header: What the journal belongs to.
    """

    def __init__(self, journal: Journal, columns: Columns, header: JournalHeader) -> None:
        self._journal = journal
        self._columns = columns
        self._header = header
        self._had = journal.count()
        self.offsets: list[tuple[int, int]] = []
        """By how much the row of a file is ahead of a row's number, from which number on."""

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
        """Check rows and take them in, all or none; return how many there are.

        Args:
            rows: The rows.
            reruns_failed: Whether rows that failed are to be run again.
            checkpoint: Called every thousand rows; what it raises ends this.

        Raises:
            RowsError: The app does not take one of them, or they cannot be told apart.
            JournalError: The journal knows other rows.
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
                raise RowsError(f"{what} cannot be run; nothing was", problems[:MOST_KEPT], hint)
            if number < self._had:
                raise JournalError(
                    f"The journal {self._journal} has {self._had:,} rows, of which only "
                    f"{number:,} were "
                    "given; rows may be added, but none may be taken away."
                )
            if twice := number - self._journal.count():
                raise RowsError(f"Ids are there twice: {counted(twice, 'row')} too many.")
        return number

    def _opened(self, rows: Iterable[Row]) -> AbstractContextManager[Iterable[Row]]:
        """The rows; what is wrong with those of a file is told with the rest."""
        if isinstance(rows, RowFile):
            return closing(lines_of(rows, self._columns.numbers))
        return nullcontext(rows)

    def incoming(self, rows: Iterator[Row], most: int) -> Iterator[list[RowRecord]]:
        """Take in the rows of an iterator as they come, and give those that were not sent.

        What is wrong with their inputs shows when they are run.

        Args:
            rows: The rows.
            most: How many are taken at a time; fewer where they come slowly.

        Raises:
            RowsError: They cannot be told apart.
            JournalError: The journal knows other rows.
        """
        number = 0
        while block := _taken(rows, most):
            keys, problems = self._add(block, number, is_checked=False)
            if problems:
                raise RowsError("Rows cannot be run", problems)
            number += len(block)
            found = self._journal.records(keys=keys)
            if pending := [each for each in found if each.state == PENDING]:
                yield pending

    def _add(
        self, block: Sequence[Row], number: int, *, is_checked: bool
    ) -> tuple[list[str], list[str]]:
        """Take in some rows, where the journal does not know them yet.

        Args:
            block: The rows.
            number: How many came before them.
            is_checked: Whether it is checked that the app takes them.

        Returns:
            Their keys, and what is wrong with which of them.
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
                    self._columns.inputs(orjson.loads(plain(each.row)))
            except InvalidRequestError as error:
                problems.append((each.place, f"{self._name(each)}: {error}"))
        self._journal.add(
            each.as_kept(number) for number, each in enumerate(new, start=self._journal.count())
        )
        return list(seen), [text.rstrip(".") for _, text in sorted(problems)]

    def _recognised(self, row: Row, place: int) -> _Seen:
        """The row as it is recognised.

        Raises:
            InvalidRequestError: It is no row, could not be read, or has an id where others have
                none.
            TypeError: It holds something that cannot be kept.
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
            raise InvalidRequestError(f"it has {what}, unlike those before it")
        return _Seen(place, f"{place}-{mark}" if key is None else key, mark, row)

    def _is_new(self, each: _Seen, known: KnownRow | None) -> bool:
        """Whether the journal has to take a row in, of which it knows this.

        Raises:
            InvalidRequestError: Another row before it has the same id.
            JournalError: The journal knows another row in its place.
        """
        if known is not None and known.number >= self._had:
            raise InvalidRequestError(_twice(each.key))
        if known is not None and known.digest == each.digest:
            return False
        if known is None and (self._header.has_ids or each.place >= self._had):
            return True
        # What is still to be run may be corrected.
        if self._journal.replace(each.as_kept(known.number if known else each.place)):
            return False
        raise JournalError(
            f"The journal {self._journal} has another {self._name(each)} than the one given; "
            "use a new "
            "journal for other rows."
        )

    def _name(self, each: _Seen) -> str:
        key = f" ({each.key})" if self._header.has_ids else ""
        return name_of(each.row, each.place) + key


def _check_mapping(row: object) -> None:
    if type(row) is not dict and not isinstance(row, Mapping):  # the latter takes its time
        raise InvalidRequestError(f"it is no mapping, but a {type(row).__name__}")


def name_of(row: object, place: int) -> str:
    """How a row is named to people: as its file has it, or by its place."""
    return f"row {getattr(row, 'line', place + 1)}"


def _twice(key: str) -> str:
    return f"the id {key!r} is there twice (the column id names the rows)"


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
            f"The runs of the journal {journal} are for the user {header.user_id!r}, not "
            f"{mine.user_id!r}: "
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
        raise JournalError(
            f"The journal {journal} is damaged: it has a run that none can be."
        ) from error
    raise JournalError(
        f"The journal {journal} belongs to another app: this key's app has none of its runs. "
        "Use that app's "
        "key, or a new journal."
    )
