# Written by `make generate` from async_iterators.py; change that one instead.
"""The rows of the log, asked for as they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from time import sleep
from typing import TYPE_CHECKING, Self

from .._http.sync_network import at_once
from ..errors import DifyError
from ..models import DifyPageResult, WorkflowLogs
from .pager import LogPager, LogSource
from .tail import TailCore

if TYPE_CHECKING:
    from .._http.sync_transport import Transport


class LogIterator(Iterator[WorkflowLogs]):
    """Rows of the log, the newest first, each once; made by `DifyWorkflow.iter_logs`.

    Rows are asked for when they are needed, up to 100 at once, and between two calls nothing is
    open: no connection or thread. So an iteration can be left at any time, and after an exception
    it goes on with the next row. Not to be shared between threads.
    """

    def __init__(self, pager: LogPager, source: LogSource, transport: Transport) -> None:
        self._pager = pager
        self._source = source
        self._transport = transport

    @property
    def cursor(self) -> str | None:
        """Text with which to go on behind the last row (`WorkflowLogsRequest.cursor`).

        Before the first row it is where the iteration begins; None for the newest row, or one that
        has to be looked for.
        """
        return self._pager.cursor

    def __repr__(self) -> str:
        return f"<{type(self).__name__} cursor={self.cursor!r}>"

    def __next__(self) -> WorkflowLogs:
        while (row := self._pager.pop()) is None:
            if not self._transport.drive(self._source.calls(self._pager.fetch())):
                raise StopIteration
        return row

    def pages(self) -> Iterator[DifyPageResult[WorkflowLogs]]:
        """The rows that are left, page by page, as long as the request's limit says.

        Their `total` is counted once, for the first page.

        Raises:
            DifyError: What `iter_logs` documents.
        """
        while self._transport.drive(self._source.calls(self._pager.fetch())):
            yield self._transport.drive(self._source.calls(self._pager.page()))


class LogTail(Iterator[WorkflowLogs]):
    """New rows of the log as they appear, each once; made by `DifyWorkflow.tail_logs`.

    Rows come in the order in which they appear, the older one first where several do. Endless:
    ``next`` waits for a row, also while the server is away. Between two looks at the log nothing
    is open, so it can be left at any time, and after an exception it goes on
    where it was. Not to be shared between threads.
    """

    def __init__(
        self, core: TailCore, source: LogSource, interval: float, transport: Transport
    ) -> None:
        core.set_pace(interval, source.options.lost_run_timeout)
        self._core = core
        self._source = source
        self._transport = transport
        at_once(self._begun)

    def __next__(self) -> WorkflowLogs:
        self._begun()
        while (row := self._core.pop()) is None:
            sleep(self._core.pause())
            try:
                self._transport.drive(self._source.calls(self._core.poll()))
            except DifyError as error:
                self._core.wait_out(error)
            else:
                self._core.looked()
        return row

    def _begun(self) -> Self:
        if not self._core.has_begun:
            self._transport.drive(self._source.calls(self._core.begin()))
        return self
