"""What stands between a walk and the server: queries become calls, and answers are looked at."""

from __future__ import annotations

import logging
import math
import random
import re
import time
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
from anyio import sleep

from .._api import operations
from .._api.log_query import LogAnswer, LogQuery, Steps
from .._http.options import Options
from .._http.outcomes import is_outage
from .._http.request import Call
from .._http.servers import Servers
from ..errors import DifyError, InvalidRequestError, InvalidResponseError, UnsupportedServerError
from ..models import DifyPageResult, WorkflowLogs, WorkflowLogsRequest
from .pager import LogPager, TailCore

if TYPE_CHECKING:
    from .._http.async_transport import AsyncTransport
    from .._http.sync_transport import Transport


T = TypeVar("T")

_IGNORES_USERS = re.compile(r"(0|1\.[0-4])(\.|$)")
"""Versions that ignore `created_by_…` and list everybody's runs (DIFY-VERSIONS.md)."""


@attrs.frozen
class LogSource:
    """The log of one app, as a request filters it.

    Args:
        name: Name of the method that was called.
        request: What is asked for.
        options: The client's options.
        servers: What is known of the servers that answered.
    """

    name: str
    request: WorkflowLogsRequest
    options: Options
    servers: Servers

    def calls(self, steps: Steps[T]) -> Generator[Call[Any], Any, T]:
        """The conversation with its queries as calls.

        Raises:
            UnsupportedServerError: The server is too old for the request's filters.
            InvalidResponseError: The server answered something else.
        """
        key = self.options.key(self.request.api_key)
        try:
            query = next(steps)
            while True:
                self._check_version()
                operation = operations.list_workflow_logs(self.name, self.request, query)
                answer: LogAnswer = yield Call(operation, key, self.options)
                self._check_version()
                for row in answer.rows:
                    self._check_row(query, row)
                query = steps.send(answer)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def _check_version(self) -> None:
        version = self.servers.version(self.options.base_url)
        request = self.request
        asks_users = request.created_by_end_user_session_id or request.created_by_account
        if asks_users and version is not None and _IGNORES_USERS.match(version):
            raise UnsupportedServerError(
                f"{self.name}: this server (Dify {version}) cannot filter by user or account and "
                "would list everybody's runs; that takes Dify 1.5 or newer."
            )

    def _check_row(self, query: LogQuery, row: WorkflowLogs) -> None:
        """Refuse an answer that was not asked for, on which no walk could rely."""
        lower, upper = query.after, query.before
        if (lower is not None and row.created_at < lower) or (
            upper is not None and row.created_at > upper
        ):
            raise InvalidResponseError(
                f"{self.name}: the server answered with a row of another time than asked for "
                f"(row {row.id}, {row.created_at})."
            )
        wanted = self.request.created_by_end_user_session_id
        user = row.created_by_end_user and row.created_by_end_user.session_id
        # Databases may compare without regard to case (MySQL's collations).
        if wanted and user and user.casefold() != wanted.casefold():
            raise UnsupportedServerError(
                f"{self.name}: the server answered with a run of {user!r}, though only those of "
                f"{wanted!r} were asked for; that takes Dify 1.5 or newer."
            )


_LONGEST_WAIT = 5.0
"""Longest wait between two looks while the server is away, in seconds."""

logger = logging.getLogger("dify_workflow")


class _LogView:
    """What both iterators show of their walk."""

    def __init__(self, pager: LogPager, source: LogSource) -> None:
        self._pager = pager
        self._source = source

    @property
    def cursor(self) -> str | None:
        """Text with which to go on behind the last row (`WorkflowLogsRequest.cursor`).

        Before the first row it is where the iteration begins; None for the newest row, or one that
        has to be looked for.
        """
        return self._pager.cursor

    def __repr__(self) -> str:
        return f"<{type(self).__name__} cursor={self.cursor!r}>"


class LogIterator(_LogView, Iterator[WorkflowLogs]):
    """Rows of the log, the newest first, each once; made by `DifyWorkflow.iter_logs`.

    Rows are asked for when they are needed, up to 100 at once, and between two calls nothing is
    open: no connection, thread or task. So an iteration can be left at any time, and after an
    exception it goes on with the next row. Not to be shared between threads.
    """

    def __init__(self, pager: LogPager, source: LogSource, transport: Transport) -> None:
        super().__init__(pager, source)
        self._transport = transport

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


class AsyncLogIterator(_LogView, AsyncIterator[WorkflowLogs]):
    """Rows of the log, the newest first, each once; made by `AsyncDifyWorkflow.iter_logs`.

    Rows are asked for when they are needed, up to 100 at once, and between two calls nothing is
    open: no connection or task. So an iteration can be left at any time, and after an exception or
    a cancellation it goes on with the next row. Not to be shared between tasks.
    """

    def __init__(self, pager: LogPager, source: LogSource, transport: AsyncTransport) -> None:
        super().__init__(pager, source)
        self._transport = transport

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


class _TailView:
    """What both tails know."""

    def __init__(self, core: TailCore, source: LogSource, interval: float) -> None:
        if not isinstance(interval, int | float) or not 0 < interval < math.inf:
            raise InvalidRequestError(
                f"poll_interval must be seconds above zero, not {interval!r}."
            )
        self._core = core
        self._source = source
        self._interval = interval
        self._due = -math.inf
        self._away_since: float | None = None

    def _pause(self) -> float:
        """Seconds to wait before the log is looked at again."""
        now = time.monotonic()
        pause = max(0.0, self._due - now)
        self._due = now + pause + self._interval
        return pause

    def _looked(self) -> None:
        """Note that the server has answered."""
        self._away_since = None

    def _wait_out(self, error: DifyError) -> None:
        """Look again later where the server is away, as during a restart.

        Raises:
            DifyError: It is not, or for too long (`lost_run_timeout`).
        """
        now, patience = time.monotonic(), self._source.options.lost_run_timeout
        if self._away_since is None:
            self._away_since = now
        away = now - self._away_since
        if not is_outage(error) or (patience is not None and away > patience):
            raise error
        logger.info("the log cannot be read, which is tried again: %s", error)
        # Full jitter: clients that lost a server together do not come back together.
        longest = max(self._interval, min(_LONGEST_WAIT, away))
        self._due = now + random.uniform(self._interval, longest)  # noqa: S311  # no secret


class LogTail(_TailView, Iterator[WorkflowLogs]):
    """New rows of the log as they appear, each once; made by `DifyWorkflow.tail_logs`.

    Rows come in the order in which they appear, the older one first where several do. Endless:
    ``next`` waits for a row, also while the server is away. Between two looks at the log nothing is
    open, so it can be left at any time, and after an exception it goes on where it was. Not to be
    shared between threads.
    """

    def __init__(
        self, core: TailCore, source: LogSource, interval: float, transport: Transport
    ) -> None:
        super().__init__(core, source, interval)
        self._transport = transport
        transport.drive(source.calls(core.begin()))

    def __next__(self) -> WorkflowLogs:
        while (row := self._core.pop()) is None:
            time.sleep(self._pause())
            try:
                self._transport.drive(self._source.calls(self._core.poll()))
            except DifyError as error:
                self._wait_out(error)
            else:
                self._looked()
        return row


class AsyncLogTail(_TailView, AsyncIterator[WorkflowLogs]):
    """New rows of the log as they appear, each once; made by `AsyncDifyWorkflow.tail_logs`.

    It begins when it is awaited or first iterated. Rows come in the order in which they appear, the
    older one first where several do. Endless: ``anext`` waits for a row, also while the server is
    away. Between two looks at the log nothing is open, so it can be left at any time, and after an
    exception or a cancellation it goes on where it was. Not to be shared between tasks.
    """

    def __init__(
        self, core: TailCore, source: LogSource, interval: float, transport: AsyncTransport
    ) -> None:
        super().__init__(core, source, interval)
        self._transport = transport

    def __await__(self) -> Generator[None, None, Self]:
        return self._begun().__await__()

    async def __anext__(self) -> WorkflowLogs:
        await self._begun()
        while (row := self._core.pop()) is None:
            await sleep(self._pause())
            try:
                await self._transport.drive(self._source.calls(self._core.poll()))
            except DifyError as error:
                self._wait_out(error)
            else:
                self._looked()
        return row

    async def _begun(self) -> Self:
        if not self._core.has_begun:
            await self._transport.drive(self._source.calls(self._core.begin()))
        return self
