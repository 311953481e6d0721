"""Taking rows into the journal: checked, recognised, and each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import attrs
import orjson
from sqlalchemy.exc import IntegrityError

from .._json import JSON
from .._text import counted
from ..errors import InvalidRequestError
from ._columns import Columns, digest, key_of, plain
from ._errors import MOST_KEPT, JournalError, RowsError
from ._journal import Journal
from ._state import PENDING, About

_BLOCK = 1000
"""Rows that are compared with the journal at a time."""

Row = Mapping[str, JSON]


class _Seen(NamedTuple):  # of a million rows there are a million
    """A row as it is recognised."""

    key: str
    digest: str
    row: Row


class Registry:
    """Takes rows into a journal.

    Args:
        journal: The journal.
        columns: How rows become inputs.
        about: What the journal belongs to.
    """

    def __init__(self, journal: Journal, columns: Columns, about: About) -> None:
        self._journal = journal
        self._columns = columns
        self._about = about
        self._had = journal.count()
        self.unused: list[str] = []
        """Columns of the first row that are no inputs."""

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
        for block in _blocks(rows):
            seen = self._seen(block, number)
            states = self._states(seen, number, count)
            for place, (each, state) in enumerate(zip(seen, states, strict=True), start=number):
                if state in {None, PENDING} and (found := self._problem(each, place)):
                    hint = hint or self._columns.near_miss(each.row)
                    problems += found
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
            for block in _blocks(rows):
                self.add(block, number)
                number += len(block)
            twice = number - self._journal.count()
            if twice:
                raise RowsError(f"Ids are there twice: {counted(twice, 'row')} too many.")

    def add(self, block: Sequence[Row], number: int) -> list[str]:
        """Take some rows into the journal, where it does not know them yet.

        Args:
            block: The rows.
            number: How many rows came before these.

        Returns:
            Their keys.

        Raises:
            RowsError: They cannot be told apart.
            JournalError: The journal knows other rows.
        """
        seen = self._seen(block, number)
        if not number:
            self._journal.set_about(self._about)
        count = self._journal.count()
        states = self._states(seen, number, count)
        new = [each for each, state in zip(seen, states, strict=True) if state is None]
        try:
            self._journal.add([_values(each, count + index) for index, each in enumerate(new)])
        except IntegrityError:
            raise RowsError(_twice(new)) from None
        return [each.key for each in seen]

    def _seen(self, block: Sequence[Row], number: int) -> list[_Seen]:
        """The rows as they are recognised.

        Raises:
            RowsError: A row is none, or has no id where others have one.
        """
        return [self._recognised(row, place) for place, row in enumerate(block, start=number)]

    def _recognised(self, row: Row, place: int) -> _Seen:
        check_mapping(row, place)
        try:
            mark = digest(row)
        except TypeError as error:
            raise RowsError(f"Row {place + 1} cannot be kept: {error}.") from None
        key = key_of(row)
        has_id = key is not None
        if self._about.has_ids is None:
            self._begin(row, has_id=has_id)
        if has_id != self._about.has_ids:
            raise RowsError(
                f"Row {place + 1} has {'an' if has_id else 'no'} id, unlike those before it; all "
                "rows have one, or none has."
            )
        return _Seen(f"{place}-{mark}" if key is None else key, mark, row)

    def _begin(self, row: Row, *, has_id: bool) -> None:
        self._about = attrs.evolve(self._about, has_ids=has_id, columns=tuple(row))
        self.unused = self._columns.unused(row)

    def _states(self, seen: Sequence[_Seen], number: int, count: int) -> list[str | None]:
        """State of each row as the journal has it; None for those that are new.

        Raises:
            JournalError: The journal knows a row otherwise.
        """
        if number >= count and not self._about.has_ids:
            return [None] * len(seen)
        known = self._journal.known(number, len(seen))
        if [each[:2] for each in known] == [(each.key, each.digest) for each in seen]:
            return [state for _, _, state in known]
        by_key = self._journal.known_by_key([each.key for each in seen])
        found: list[str | None] = []
        for place, each in enumerate(seen, start=number):
            mark, state = by_key.get(each.key, (each.digest, None))
            is_other = state is None and not self._about.has_ids and place < count
            if mark != each.digest and not self._had:  # the journal has what came before in these
                raise RowsError(f"The id {each.key!r} is there twice.")
            if mark != each.digest or is_other:
                name = f" ({each.key})" if self._about.has_ids else ""
                raise JournalError(
                    f"{self._journal!r} has another row {place + 1}{name} than the one given; use "
                    "a new journal for other rows."
                )
            found.append(state)
        return found

    def _problem(self, each: _Seen, place: int) -> list[str]:
        try:
            self._columns.inputs(orjson.loads(plain(each.row)))
        except InvalidRequestError as error:
            name = f" ({each.key})" if self._about.has_ids else ""
            return [f"row {place + 1}{name}: {str(error).rstrip('.')}"]
        return []


def check_mapping(row: object, place: int) -> None:
    """Refuse what is no row.

    Raises:
        RowsError: It is no mapping.
    """
    if type(row) is not dict and not isinstance(row, Mapping):  # the latter takes its time
        raise RowsError(f"Row {place + 1} is no mapping, but a {type(row).__name__}.")


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while block := list(islice(left, _BLOCK)):
        yield block


def _values(seen: _Seen, number: int) -> dict[str, Any]:
    text = plain(seen.row).decode()
    return {"number": number, "key": seen.key, "digest": seen.digest, "row": text}


def _twice(new: Sequence[_Seen]) -> str:
    keys: set[str] = set()
    for each in new:
        if each.key in keys:
            return f"The id {each.key!r} is there twice."
        keys.add(each.key)
    return "An id is there twice."
