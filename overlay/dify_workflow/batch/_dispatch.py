"""Handing rows to an executor, in chunks: to processes of this machine, or to a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any
from uuid import uuid4

import attrs
from anyio import CapacityLimiter, create_task_group, to_thread

from ..async_client import AsyncDifyWorkflow
from ..errors import ConfigurationError
from ._chunk import Chunk, options_to_send, run_chunk
from ._dask import DaskPermits, dask_client
from ._errors import JournalError
from ._journal import Journal
from ._sealed import Sealed
from ._settings import Settings
from ._source import OpenRows, Source
from ._state import PENDING, RUNNING, RowResult

_MOST_ROWS = 250
"""Rows of the largest chunk; a worker that dies has its chunk repeated."""

_CHUNKS_EACH = 4
"""Chunks that each worker gets, at least, so that none has nothing to do while others have."""


class Dispatch:
    """Hands rows to an executor, chunk by chunk.

    Args:
        executor: The executor.
        client: What runs the rows; its options travel to the workers.
        journal: The journal, which the workers write.
        settings: How the batch is run.

    Raises:
        JournalError: The journal cannot be written from several machines.
        ConfigurationError: The cluster has no workers.
    """

    def __init__(
        self,
        executor: Executor,
        client: AsyncDifyWorkflow,
        journal: Journal,
        settings: Settings,
    ) -> None:
        self._executor = executor
        self._journal = journal
        self._settings = settings
        self._batch = uuid4().hex
        self._orders = journal.orders(self._batch)
        self._is_leaving = False
        dask = dask_client(executor)
        is_file = journal.url.get_backend_name() == "sqlite"
        if dask is not None and is_file:
            raise JournalError(
                "On a Dask cluster the journal has to be a PostgreSQL database, which all of its "
                "machines reach."
            )
        threads = _processes(executor) if dask is None else _threads(dask)
        self._parallel = max(1, min(threads, settings.concurrency))
        self._permits = None if dask is None else DaskPermits.of(dask, settings.concurrency)
        self._options: dict[str, Any] = {"pure": False} if dask is not None else {}
        self._template = self._chunk_of(client)

    async def leave_rest(self, *, stops: bool) -> None:
        """Begin no more chunks, and no more runs in those that go on.

        Args:
            stops: Whether the runs that go on are stopped on the server.
        """
        self._is_leaving = True
        await to_thread.run_sync(self._orders.give, "stop" if stops else "leave")

    async def work(self, tell: Callable[[RowResult], Awaitable[None]]) -> None:
        """Run all rows of the journal that have no result.

        Args:
            tell: Is told each result, when its chunk has ended.

        Raises:
            DifyError: What every further row would meet, too.
        """
        # Where permits bound the runs, each worker has a chunk in hand and one that waits.
        at_once = self._parallel * (1 if self._permits is None else 2)
        limiter = CapacityLimiter(at_once)
        left = await to_thread.run_sync(self._journal.undone)
        size = max(1, min(_MOST_ROWS, left // (at_once * _CHUNKS_EACH)))
        await to_thread.run_sync(self._orders.give, "go")
        try:
            running, pending = (OpenRows(self._journal, state) for state in (RUNNING, PENDING))
            source = Source(running.read, pending.read)
            async with create_task_group() as group:
                for _ in range(at_once):
                    group.start_soon(self._send_all, source, size, tell, limiter)
        finally:
            if self._permits is not None:
                self._permits.close()

    async def _send_all(
        self,
        source: Source,
        size: int,
        tell: Callable[[RowResult], Awaitable[None]],
        limiter: CapacityLimiter,
    ) -> None:
        """Send chunk after chunk, each when the last one has ended."""
        while not self._is_leaving:
            numbers: list[int] = []
            while len(numbers) < size and (record := await source.next()) is not None:
                numbers.append(record.number)
            if not numbers:
                return
            chunk = attrs.evolve(self._template, numbers=tuple(numbers))
            # In a thread: an executor may fork, and its child must not seem to run this loop.
            submit = partial(self._executor.submit, run_chunk, chunk, **self._options)
            future: Future[Any] = await to_thread.run_sync(submit)
            try:
                await to_thread.run_sync(future.result, limiter=limiter, abandon_on_cancel=True)
            finally:
                future.cancel()
            for result in await to_thread.run_sync(self._journal.results_of, numbers):
                await tell(result)

    def _chunk_of(self, client: AsyncDifyWorkflow) -> Chunk:
        """A chunk without rows."""
        settings = self._settings
        key, options, looks = options_to_send(client)
        return Chunk(
            numbers=(),
            journal=Sealed(self._journal.url.render_as_string(hide_password=False)),
            batch=self._batch,
            key=key,
            options=options,
            looks=looks,
            slots=max(1, settings.concurrency // self._parallel),
            rate=settings.rate and settings.rate / self._parallel,
            max_attempts=settings.max_attempts,
            permits=self._permits,
        )


def _threads(dask: Any) -> int:
    """How many calls a Dask cluster runs at a time.

    Raises:
        ConfigurationError: None, as where its workers are still to come.
    """
    threads: int = sum(dask.nthreads().values())
    if not threads:
        raise ConfigurationError(
            "The Dask cluster has no workers yet: wait for all of them, as with "
            "client.wait_for_workers(20), before the batch begins."
        )
    return threads


def _processes(executor: Executor) -> int:
    """How many calls an executor runs at a time, as far as that can be known."""
    return getattr(executor, "_max_workers", None) or os.cpu_count() or 1
