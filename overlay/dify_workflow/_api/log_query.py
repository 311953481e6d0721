"""Queries for the log, and the server's answers.

A reader of the log is a generator: it yields a `LogQuery` and is sent the `LogAnswer`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TypeAlias, TypeVar

import attrs

from ..models import WorkflowLogs

T = TypeVar("T")

MAX_WINDOW = 100
"""The most rows that the server sends at once."""


@attrs.frozen(eq=False, repr=False)
class LogQuery:
    """A query for the newest rows in a window of time.

    Args:
        after: First second of the window (Unix time); None for no bound.
        before: Last second of the window (Unix time); None for no bound.
        limit: The most rows of the answer, 1 to 100.
        page: Number of the page, from 1.
        narrowed: More filters, by their names in `WorkflowLogsRequest`.
    """

    after: int | None
    before: int | None
    limit: int = MAX_WINDOW
    page: int = 1
    narrowed: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(eq=False, repr=False)
class LogAnswer:
    """The server's answer to a query.

    Args:
        rows: The rows, in the server's order.
        total: How many rows match, on all pages.
    """

    rows: tuple[WorkflowLogs, ...]
    total: int


Steps: TypeAlias = Generator[LogQuery, LogAnswer, T]
