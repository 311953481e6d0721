"""Walking through the log of runs, further than one page goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import attrs

from ..client import DifyWorkflow
from ..errors import InvalidRequestError, InvalidResponseError
from ..models import DifyPageResult, WorkflowLogs, WorkflowLogsRequest

_PAGE = 100
"""Most rows that the server gives at once (DIFY.md section 1)."""


@attrs.frozen
class LogRows:
    """Rows of the log, newest first.

    Args:
        total: Rows that matched when the walk began.
        rows: The rows, read as they are asked for; each comes once.
    """

    total: int
    rows: Iterator[WorkflowLogs]


def log_rows(client: DifyWorkflow, request: WorkflowLogsRequest) -> LogRows:
    """All rows that match, from the newest back in time.

    The server's own pages cannot be trusted: rows of one second come in another order on each page
    (DIFY.md section 1). A window of time in whole seconds is exact.

    Args:
        client: What asks.
        request: Which rows; its limit is that of the first page.

    Raises:
        InvalidRequestError: While iterating: more runs are of one second than the server shows.
        InvalidResponseError: While iterating: the server does not go back in time.
        DifyError: As for `DifyWorkflow.logs`.
    """
    first = client.logs(request)
    return LogRows(first.total, _walk(client, request, first))


def _walk(
    client: DifyWorkflow, request: WorkflowLogsRequest, page: DifyPageResult[WorkflowLogs]
) -> Iterator[WorkflowLogs]:
    seen: set[str] = set()
    bound: int | None = None
    while True:
        yield from (row for row in page if row.id not in seen)
        if not page.has_more or not page.data:
            return
        newest, oldest = page.data[0].created_at, page.data[-1].created_at
        # The oldest second may go on behind the page: it is asked for again, from its beginning.
        seen = {row.id for row in page if row.created_at == oldest}
        if newest == oldest and len(page) >= _PAGE:
            _refuse_crowd(client, request, oldest)
            oldest -= 1
        if bound is not None and oldest >= bound:
            raise InvalidResponseError(
                "logs: the server tells of more rows and gives the same ones."
            )
        bound = oldest
        page = client.logs(attrs.evolve(request, limit=_PAGE, created_at_before=_moment(oldest)))


def _refuse_crowd(client: DifyWorkflow, request: WorkflowLogsRequest, second: int) -> None:
    """Refuse a second of which a page cannot show all rows.

    Raises:
        InvalidRequestError: It is one.
    """
    moment = _moment(second)
    window = attrs.evolve(request, limit=1, created_at_before=moment, created_at_after=moment)
    crowd = client.logs(window).total
    if crowd > _PAGE:
        raise InvalidRequestError(
            f"{crowd} runs are of the second {moment:%Y-%m-%d %H:%M:%S} UTC, and the server shows "
            f"{_PAGE} of them; list them apart with --status or --keyword."
        )


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=second)
