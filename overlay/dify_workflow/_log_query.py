"""The language in which the log is read: questions to the server, its answers, and their order.

Conversations are generators that yield a `LogQuery` and are sent its `LogAnswer`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TypeAlias, TypeVar

import attrs

from ._log_cursor import LogPosition
from .models import WorkflowLogs

T = TypeVar("T")

MAX_WINDOW = 100
"""Most rows that the server gives at once (DIFY.md section 1)."""

LATEST = 3
"""Seconds behind the newest row in which rows may still appear.

Two for a transaction that is slow to commit, for its rows have the time of its begin; one because
times are rounded to whole seconds.
"""


@attrs.frozen
class LogQuery:
    """A question to the server: the newest rows of a window of time.

    Args:
        after: First second of the window (Unix); None where it is open.
        before: Last second of the window (Unix); None where it is open.
        limit: Most rows of the answer, 1 to 100.
        page: How many times `limit` rows to leave out, from 1 for none.
        narrowed: Filters (by name in `WorkflowLogsRequest`) in addition to the request's own.
    """

    after: int | None
    before: int | None
    limit: int = MAX_WINDOW
    page: int = 1
    narrowed: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen
class LogAnswer:
    """What the server answers.

    Args:
        rows: The rows, in the server's order.
        total: How many rows matched, on whichever page.
    """

    rows: tuple[WorkflowLogs, ...]
    total: int


Steps: TypeAlias = Generator[LogQuery, LogAnswer, T]


@attrs.frozen
class LogScope:
    """Which rows are walked over.

    Args:
        after: First second (Unix); None where it is open.
        before: Last second (Unix); None where it is open.
        by_status: Whether the request leaves the status open.
        by_user: Whether the request leaves open whose runs they are, and could say so: the server
            fails where a keyword comes with a user.
    """

    after: int | None = None
    before: int | None = None
    by_status: bool = True
    by_user: bool = True


def in_order(rows: Iterable[WorkflowLogs]) -> list[WorkflowLogs]:
    """Rows in the order of the log, the newest first."""
    return sorted(rows, key=LogPosition.of, reverse=True)
