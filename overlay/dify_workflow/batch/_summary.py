"""How a batch went."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from .._output_file import refuse_source
from ._journal import Journal
from ._results import write_results
from ._state import SUCCESSES, RowResult

if TYPE_CHECKING:
    from os import PathLike


@attrs.frozen
class BatchProgress:
    """How far a batch is.

    Args:
        total: How many rows there are; None where their source may have no end.
        skipped: How many had their results before.
        counts: How many rows there are by status, of those with one and not skipped.
        tokens: Tokens that the runs used, of rows that were not skipped.
    """

    total: int | None
    skipped: int = 0
    counts: Mapping[str, int] = attrs.field(factory=dict[str, int])
    tokens: int = 0

    @property
    def settled(self) -> int:
        """How many rows have a status now."""
        return self.skipped + sum(self.counts.values())

    def with_result(self, result: RowResult) -> BatchProgress:
        """How far it is with one more result."""
        counts = {**self.counts, result.status: self.counts.get(result.status, 0) + 1}
        tokens = self.tokens + (result.total_tokens or 0)
        return attrs.evolve(self, counts=counts, tokens=tokens)


@attrs.frozen
class BatchSummary:
    """How a batch went.

    Args:
        counts: How many rows of the journal there are by status, such as ``"succeeded"``.
        tokens: Tokens that all their runs used.
        skipped: How many rows had their results before.
        elapsed_time: Seconds that the batch took this time.
        is_interrupted: Whether it was interrupted, so that rows are left to be run.
        queued: How many rows are unknown whose runs may still wait in the server's queue: they were
            sent less than `start_timeout` ago. The next call looks for them again.
        shut_down: How many runs the server stopped because its workers were shut down, as each
            deploy of Dify does; `max_attempts` repeats their rows.
        attempts_needed: A value of `max_attempts` with which the next call repeats the rows that
            are left of these; None where none is left.
    """

    counts: Mapping[str, int]
    tokens: int
    skipped: int
    elapsed_time: float
    is_interrupted: bool = False
    queued: int = 0
    shut_down: int = 0
    attempts_needed: int | None = None
    _journal: str = attrs.field(default="", repr=False, alias="journal")
    _sources: tuple[Path, ...] = attrs.field(default=(), repr=False, alias="sources")

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.counts.values())

    @property
    def succeeded(self) -> int:
        """How many rows have their outputs."""
        return sum(many for status, many in self.counts.items() if status in SUCCESSES)

    @property
    def unknown(self) -> int:
        """How many rows were sent of which nobody can say what came."""
        return self.counts.get("unknown", 0)

    def write_results(self, path: str | PathLike[str], *, escape_formulas: bool = False) -> int:
        """Write a table of all rows and what came of them; see `write_results`.

        Args:
            path: Where to; not the file that the rows came from.
            escape_formulas: As for `write_results`.
        """
        refuse_source(Path(path), *self._sources)
        return write_results(path, journal=self._journal, escape_formulas=escape_formulas)

    def slowest(self, limit: int = 5) -> list[RowResult]:
        """The rows whose runs took longest, the slowest first."""
        with closing(Journal(self._journal)) as journal:
            return journal.slowest(limit)

    def troubled(self, limit: int = 10) -> list[RowResult]:
        """The first rows that failed, were stopped, or whose outcome is unknown."""
        with closing(Journal(self._journal)) as journal:
            return journal.troubled(limit)
