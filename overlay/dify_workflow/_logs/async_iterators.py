"""Iterators over the rows of the log, which send requests when rows are needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Self

from anyio import sleep

from .._http.async_network import begin_now
from .._uncopied import Uncopied
from ..errors import DifyError
from ..models import DifyPageResult, WorkflowLogs
from .pager import LogPager, LogSource
from .tail import TailCore

if TYPE_CHECKING:
    from .._http.async_transport import AsyncTransport


class AsyncLogIterator(Uncopied, AsyncIterator[WorkflowLogs]):
    """Rows of the log, newest first, each row once; returned by `AsyncDifyWorkflow.iter_logs`.

    A request is sent when more rows are needed, for up to 100 rows. Between two requests nothing is
    open: no connection or task. You can leave the loop at any time. The same iterator continues
    with the next row after an exception or a cancellation. Do not share it between tasks.

    Example::

        async for row in workflow.iter_logs(limit=200):
            print(row.created_time, row.run_id, row.status)
    """

    _instead = "pass its cursor on, for iter_logs"

    def __init__(self, pager: LogPager, source: LogSource, transport: AsyncTransport) -> None:
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

    async def __anext__(self) -> WorkflowLogs:
        while (row := self._pager.pop()) is None:
            if not await self._transport.drive(self._source.calls(self._pager.fetch())):
                raise StopAsyncIteration
        return row

    async def pages(self) -> AsyncIterator[DifyPageResult[WorkflowLogs]]:
        """The remaining rows, in pages of the request's `limit`.

        The server counts `total` once, for the first page.

        Returns:
            The pages to iterate over. Requests are sent only while you iterate.

        Raises:
            DifyError: The errors that `iter_logs` documents.

        Example::

            async for page in workflow.iter_logs(WorkflowLogsRequest(limit=50)).pages():
                print(len(page), "of", page.total)
        """
        while await self._transport.drive(self._source.calls(self._pager.fetch())):
            yield await self._transport.drive(self._source.calls(self._pager.page()))


class AsyncLogTail(Uncopied, AsyncIterator[WorkflowLogs]):
    """New rows of the log as they appear, each row once; returned by `AsyncDifyWorkflow.tail_logs`.

    Rows come in the order in which they appear, older rows first. The iterator has no end:
    ``anext`` waits for the next row, also while the server does not answer. Between two requests
    nothing is open, so you can leave the loop at any time. The same iterator continues where it was
    after an exception or a cancellation. Do not share it between tasks.

    It begins when it is awaited or first iterated.

    It has no cursor. To continue in another process, pass the `id` of its last row as `last_id`.
    With its `created_at`, as `last_created_at` of a `WorkflowLogsRequest`, the row is not searched.

    Example::

        tail = await workflow.tail_logs(poll_interval=0.1)
        await workflow.run_workflow({"name": "Ann"})
        row = await anext(tail)
    """

    _instead = "pass the id of its last row on, as last_id of tail_logs"

    def __init__(
        self, core: TailCore, source: LogSource, interval: float, transport: AsyncTransport
    ) -> None:
        core.set_pace(interval, source.options.lost_run_timeout)
        self._core = core
        self._source = source
        self._transport = transport
        begin_now(self._begun)

    def __await__(self) -> Generator[None, None, Self]:
        return self._begun().__await__()

    async def __anext__(self) -> WorkflowLogs:
        await self._begun()
        while (row := self._core.pop()) is None:
            await sleep(self._core.pause())
            try:
                await self._transport.drive(self._source.calls(self._core.poll()))
            except DifyError as error:
                self._core.wait_out(error)
            else:
                self._core.looked()
        return row

    async def _begun(self) -> Self:
        if not self._core.has_begun:
            await self._transport.drive(self._source.calls(self._core.begin()))
        return self
