# Written by `make generate` from async_iterators.py; change that one instead.
"""Iterators over the rows of the log, which send requests when rows are needed."""

from __future__ import annotations

from collections.abc import Iterator
from time import sleep
from typing import TYPE_CHECKING, Self

from .._http.sync_network import begin_now
from .._uncopied import Uncopied
from ..errors import DifyError
from ..models import DifyPageResult, WorkflowLogs
from .pager import LogPager, LogSource
from .tail import TailCore

if TYPE_CHECKING:
    from .._http.sync_transport import Transport


class LogIterator(Uncopied, Iterator[WorkflowLogs]):
    """Rows of the log, newest first, each row once; returned by `DifyWorkflow.iter_logs`.

    A request is sent when more rows are needed, for up to 100 rows. Between two requests nothing is
    open: no connection or thread. You can leave the loop at any time. The same iterator continues
    with the next row after an exception. Do not share it between threads.

    Example::

        for row in workflow.iter_logs(limit=200):
            print(row.created_time, row.run_id, row.status)
    """

    _instead = "pass its cursor on, for iter_logs"

    def __init__(self, pager: LogPager, source: LogSource, transport: Transport) -> None:
        self._pager = pager
        self._source = source
        self._transport = transport

    @property
    def cursor(self) -> str | None:
        """Text to continue after the last row: pass it as `WorkflowLogsRequest.cursor`.

        Returns:
            The cursor. Before the first row it says where the iteration begins; it is None if that
            is the newest row, or a row that must be searched for.
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
        """The remaining rows, in pages of the request's `limit`.

        The server counts `total` once, for the first page.

        Returns:
            The pages to iterate over. Requests are sent only while you iterate.

        Raises:
            DifyError: The errors that `iter_logs` documents.

        Example::

            for page in workflow.iter_logs(WorkflowLogsRequest(limit=50)).pages():
                print(len(page), "of", page.total)
        """
        while self._transport.drive(self._source.calls(self._pager.fetch())):
            yield self._transport.drive(self._source.calls(self._pager.page()))


class LogTail(Uncopied, Iterator[WorkflowLogs]):
    """New rows of the log as they appear, each row once; returned by `DifyWorkflow.tail_logs`.

    Rows come in the order in which they appear, older rows first. The iterator has no end:
    ``next`` waits for the next row, also while the server does not answer. Between two requests
    nothing is open, so you can leave the loop at any time. The same iterator continues where it was
    after an exception. Do not share it between threads.

    It has no cursor. To continue in another process, pass the `id` of its last row as `last_id`.
    With its `created_at`, as `last_created_at` of a `WorkflowLogsRequest`, the row is not searched.

    Example::

        tail = workflow.tail_logs(poll_interval=0.1)
        workflow.run_workflow({"name": "Ann"})
        row = next(tail)
    """

    _instead = "pass the id of its last row on, as last_id of tail_logs"

    def __init__(
        self, core: TailCore, source: LogSource, interval: float, transport: Transport
    ) -> None:
        core.set_pace(interval, source.options.lost_run_timeout)
        self._core = core
        self._source = source
        self._transport = transport
        begin_now(self._begun)

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
