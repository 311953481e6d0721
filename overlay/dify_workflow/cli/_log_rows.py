"""The rows of the log that a command lists."""

from __future__ import annotations

from collections.abc import Iterator

from .._log_cursor import LogBookmark, LogPosition, digest_of, encode
from ..client import DifyWorkflow
from ..models import WorkflowLogs, WorkflowLogsRequest
from ._printing import command


class LogRows:
    """Rows of the log, newest first, each once; read while they are iterated.

    Args:
        client: What asks.
        request: Which rows, and where to begin; its limit is how many are asked for at once.
        most: Most rows; None for all.

    Raises:
        DifyError: As for `DifyWorkflow.iter_logs`; also while iterating.
    """

    def __init__(
        self, client: DifyWorkflow, request: WorkflowLogsRequest, most: int | None
    ) -> None:
        self._request = request
        self._most = most
        self._pages = client.iter_logs(request, limit=most).pages()
        self._page = next(self._pages, None)
        self._last: WorkflowLogs | None = None

    def __iter__(self) -> Iterator[WorkflowLogs]:
        while self._page is not None:
            for row in self._page:
                self._last = row
                yield row
            following = next(self._pages, None)
            if following is None:
                return
            self._page = following

    @property
    def total(self) -> int:
        """Rows that match, wherever these begin, as counted at first."""
        return self._page.total if self._page else 0

    @property
    def expected(self) -> int:
        """Rows that these should be at most."""
        return self.total if self._most is None else min(self._most, self.total)

    @property
    def has_more(self) -> bool:
        """Whether rows follow behind the page that was read last."""
        return self._page is not None and self._page.has_more

    @property
    def cursor(self) -> str | None:
        """Text with which to go on behind the last row."""
        if self._last is None:
            return self._request.cursor
        if self._page is not None and self._page.last_id == self._last.id:
            return self._page.cursor
        return encode(LogBookmark(LogPosition.of(self._last)), digest_of(self._request))

    @property
    def way_on(self) -> str:
        """The command that lists what follows; its times do not move with the clock."""
        request = self._request
        options = {
            "--status": request.status,
            "--keyword": request.keyword,
            "--since": request.created_at_after and request.created_at_after.isoformat(),
            "--until": request.created_at_before and request.created_at_before.isoformat(),
            "--cursor": self.cursor,
        }
        given = ((name, value) for name, value in options.items() if value)
        return command("logs", *(word for option in given for word in option))
