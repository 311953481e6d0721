"""The rows of the log, asked for as they are needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Self

from anyio import sleep

from .._http.async_network import at_once
from ..errors import DifyError
from ..models import DifyPageResult, WorkflowLogs
from .pager import LogPager, LogSource
from .tail import TailCore

if TYPE_CHECKING:
    from .._http.async_transport import AsyncTransport


class AsyncLogIterator(AsyncIterator[WorkflowLogs]):
    """Rows of the log, the newest first, each once; made by `AsyncDifyWorkflow.iter_logs`.

    Rows are asked for when they are needed, up to 100 at once, and between two calls nothing is
    open: no connection or task. So an iteration can be left at any time, and after an exception
    or a cancellation it goes on with the next row. Not to be shared between tasks.
    """

    def __init__(self, pager: LogPager, source: LogSource, transport: AsyncTransport) -> None:
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

    async def __anext__(self) -> WorkflowLogs:
        while (row := self._pager.pop()) is None:
            if not await self._transport.drive(self._source.calls(self._pager.fetch())):
                raise StopAsyncIteration
        return row

    async def pages(self) -> AsyncIterator[DifyPageResult[WorkflowLogs]]:
        """The rows that are left, page by page, as long as the request's limit says.

        Their `total` is counted once, for the first page.

        Raises:
            DifyError: What `iter_logs` documents.
        """
        while await self._transport.drive(self._source.calls(self._pager.fetch())):
            yield await self._transport.drive(self._source.calls(self._pager.page()))


class AsyncLogTail(AsyncIterator[WorkflowLogs]):
    """New rows of the log as they appear, each once; made by `AsyncDifyWorkflow.tail_logs`.

    Rows come in the order in which they appear, the older one first where several do. Endless:
    ``anext`` waits for a row, also while the server is away. Between two looks at the log nothing
    is open, so it can be left at any time, and after an exception or a cancellation it goes on
    where it was. Not to be shared between tasks.

    It begins when it is awaited or first iterated.
    """

    def __init__(
        self, core: TailCore, source: LogSource, interval: float, transport: AsyncTransport
    ) -> None:
        core.set_pace(interval, source.options.lost_run_timeout)
        self._core = core
        self._source = source
        self._transport = transport
        at_once(self._begun)

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
