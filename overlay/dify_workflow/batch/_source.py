"""Where the rows that are to be run come from."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from anyio import Lock, to_thread

from ._journal import Journal
from ._registry import Registry, Row
from ._state import PENDING, RowRecord

BLOCK = 500
"""Rows that are read from the journal at a time."""

_SLOW = 0.02
"""Seconds that a row may take to come before it is run without waiting for another one."""


class Source:
    """Gives rows, each once, to whoever asks; they are read some at a time, in a thread.

    Args:
        reads: Each gives the next rows, and none at its end, where the next one takes over.
    """

    def __init__(self, *reads: Callable[[], list[RowRecord]]) -> None:
        self._reads = deque(reads)
        self._rows: deque[RowRecord] = deque()
        self._reading = Lock()
        self.is_exhausted = False
        """Whether there are none left to be read."""

    @classmethod
    def of(cls, rows: Sequence[RowRecord]) -> Self:
        """A source of rows that are there already."""
        source = cls()
        source._rows.extend(rows)
        return source

    async def next(self) -> RowRecord | None:
        """The next row; None where there is none."""
        while not self._rows and not self.is_exhausted:
            async with self._reading:
                if not self._rows and not self.is_exhausted:
                    # A source that never comes to an end must not keep a batch that is left.
                    found = await to_thread.run_sync(self._read, abandon_on_cancel=True)
                    self._rows.extend(found)
                    self.is_exhausted = not found
        return self._rows.popleft() if self._rows else None

    def _read(self) -> list[RowRecord]:
        while self._reads:
            if found := self._reads[0]():
                return found
            self._reads.popleft()
        return []


class OpenRows:
    """Reads the rows of a journal that are in one state.

    Args:
        journal: The journal.
        state: The state.
        first: The first number.
        last: The last one; None for no bound.
    """

    def __init__(
        self, journal: Journal, state: str, *, first: int = 0, last: int | None = None
    ) -> None:
        self._journal = journal
        self._state = state
        self._after = first - 1
        self._last = last

    def read(self) -> list[RowRecord]:
        """The next rows; none at the end."""
        found = self._journal.open_rows(
            self._state, after=self._after, last=self._last, limit=BLOCK
        )
        if found:
            self._after = found[-1].number
        return found


class IncomingRows:
    """Reads rows from a source that may have no end, and takes them into the journal.

    Args:
        rows: The rows.
        registry: Takes them.
        journal: The journal.
        most: Most rows that are taken at a time.
    """

    def __init__(
        self, rows: Iterator[Row], registry: Registry, journal: Journal, most: int
    ) -> None:
        self._rows = rows
        self._registry = registry
        self._journal = journal
        self._most = most
        self._number = 0

    def read(self) -> list[RowRecord]:
        """The next rows that were not sent; none at the end."""
        while taken := self._taken():
            keys = self._registry.add(taken, self._number)
            self._number += len(taken)
            found = self._journal.records(keys)
            if pending := [each for each in found if each.state == PENDING]:
                return pending
        return []

    def _taken(self) -> list[Row]:
        """Some rows; fewer where they come slowly, so that each is run when it is there."""
        taken: list[Row] = []
        while len(taken) < self._most:
            began = time.monotonic()
            try:
                taken.append(next(self._rows))
            except StopIteration:
                break
            if time.monotonic() - began > _SLOW:
                break
        return taken
