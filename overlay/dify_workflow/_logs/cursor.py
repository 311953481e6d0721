"""What this process remembers of the rows that it returned, so that an id alone finds its row."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

from .._log_cursor import LogBookmark, LogHead, LogPosition
from ..models import WorkflowLogs

MOST_ROWS = 10_000
"""Rows that are remembered, some 3 MB; others are looked for in the log."""


class _Row(NamedTuple):
    """A row that was returned: its time, and for which filters and in which reading it was."""

    created_at: int
    digest: str
    head: LogHead | None


class LogMemory:
    """The rows that were returned last; any thread may use it.

    Ids are random UUIDs, so one memory serves the logs of all apps and servers.

    Args:
        size: Most rows to remember.
    """

    def __init__(self, size: int = MOST_ROWS) -> None:
        self._size = size
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._lock = Lock()

    def note(self, rows: Iterable[WorkflowLogs], digest: str, head: LogHead | None = None) -> None:
        """Remember rows, and forget those that were returned longest ago.

        Args:
            rows: What was returned.
            digest: What `digest_of` says of the filters for which they were read.
            head: What the log was when its reading began.
        """
        with self._lock:
            for row in rows:
                self._rows[row.id] = _Row(row.created_at, digest, head)
                self._rows.move_to_end(row.id)
            while len(self._rows) > self._size:
                self._rows.popitem(last=False)

    def bookmark(self, row_id: str, digest: str) -> LogBookmark | None:
        """Where to go on after a row; None where it is not remembered.

        Args:
            row_id: The row's id.
            digest: What `digest_of` says of the filters for which to go on.
        """
        with self._lock:
            row = self._rows.get(row_id)
        if row is None:
            return None
        position = LogPosition(row.created_at, row_id)
        return LogBookmark(position, row.head if row.digest == digest else None)


RETURNED = LogMemory()
"""The memory of this process, for all its clients."""
