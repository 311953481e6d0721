"""One batch, from its rows to its summary, and the feed of its results."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from anyio import (
    BrokenResourceError,
    CancelScope,
    EndOfStream,
    Event,
    create_memory_object_stream,
    from_thread,
    to_thread,
)

from ..async_client import AsyncDifyWorkflow
from ..errors import InvalidRequestError
from ..internals import START_TIMEOUT, setup_of, spawn
from .cluster import Dispatcher
from .columns import Columns
from .errors import unwrapped
from .journal import Journal
from .limiter import AdaptiveLimit, RatePolicy, ServerMonitor
from .reconcile import Reconciler
from .records import DONE, PENDING, RUNNING, RowResult
from .registry import Registry, Row, belongs
from .results import BatchProgress, BatchSummary
from .rows import RowFile
from .worker import OnResult, Settings, Source, Worker
from .writer import time_of, writing

if TYPE_CHECKING:
    from os import PathLike

logger = logging.getLogger("dify_workflow")

_AHEAD = 100
"""Maximum number of results that wait to be taken; then the batch waits, too."""


class Batch:
    """One batch: it adds its rows to the journal, runs them, and looks for lost runs.

    Args:
        client: Client that runs the rows.
        rows: The rows.
        journal: Path or URL of the journal.
        settings: The options.
        on_result: Called with each result.
        on_progress: Called with the progress after each result, and once before the first one.
        give: Receives each result; the batch waits for it.
    """

    def __init__(
        self,
        client: AsyncDifyWorkflow,
        rows: Iterable[Row],
        journal: str | PathLike[str],
        settings: Settings,
        *,
        on_result: Callable[[RowResult], object] | None = None,
        on_progress: Callable[[BatchProgress], object] | None = None,
        give: OnResult | None = None,
    ) -> None:
        self._client = client
        self._rows = rows
        self._journal_at = os.fspath(journal)
        self._settings = settings
        self._on_result = on_result
        self._on_progress = on_progress
        self._give = give
        self._progress = BatchProgress(None)
        self._offsets: list[tuple[int, int]] = []
        self._worker: Worker | None = None
        self._dispatcher: Dispatcher | None = None
        self._scope: CancelScope | None = None
        self.is_interrupted = False

    async def run(self) -> BatchSummary:
        """Run the rows that have no result; for its errors see `run_batch`."""
        if self._settings.executor is not None and isinstance(self._rows, Iterator):
            raise InvalidRequestError(
                "With an executor, rows must be a list or read_rows, not an iterator: they are "
                "read more than once."
            )
        began = time.monotonic()
        with (
            unwrapped(),
            closing(await to_thread.run_sync(Journal, self._journal_at)) as journal,
            journal.locked(),
        ):
            count = await to_thread.run_sync(journal.count)
            if count and not self._settings.resume:
                raise InvalidRequestError(
                    f"The journal {journal} has rows of an earlier batch: pass resume=True to "
                    "continue with them, or give another journal for a new batch."
                )
            with CancelScope() as self._scope:
                await self._carry_out(journal)
            return await to_thread.run_sync(self._summary, journal, time.monotonic() - began)

    def _summary(self, journal: Journal, elapsed_time: float) -> BatchSummary:
        counts, tokens = journal.counts()
        prices, unpriced = journal.prices()
        left = [result.attempts for result in journal.shut_down()]
        waits = setup_of(self._client).options.start_timeout or START_TIMEOUT
        return BatchSummary(
            counts=counts,
            tokens=tokens,
            prices=prices,
            unpriced=unpriced,
            skipped=self._progress.skipped,
            elapsed_time=elapsed_time,
            is_interrupted=self.is_interrupted,
            queued=journal.unknown_since(time_of(self._client) - waits),
            shut_down=journal.shut_downs() + len(left),
            attempts_needed=max(left) + 1 if left else None,
            journal=self._journal_at,
            offsets=self._offsets,
            sources=(self._rows.path,) if isinstance(self._rows, RowFile) else (),
        )

    async def interrupt(self) -> None:
        """Start no more runs, and treat active runs as the settings say."""
        self.is_interrupted = True
        if self._settings.on_interrupt == "detach" or self._worker is None:
            await self.finish_sending()
            if self._scope is not None:
                self._scope.cancel()
            return
        stops = self._settings.on_interrupt == "stop"
        self._worker.leave_rest()
        if self._dispatcher is not None:
            await self._dispatcher.leave_rest(stops=stops)
        elif stops:
            await self._worker.stop_runs()

    async def finish_sending(self) -> None:
        """Start no more runs here, and wait a moment for the ids of runs that were just sent."""
        if self._worker is not None:
            await self._worker.finish_sending()

    async def _carry_out(self, journal: Journal) -> None:
        settings = self._settings
        columns = Columns(await self._client.parameters())
        registry = Registry(journal, columns, await belongs(journal, self._client))
        total: int | None = None
        if not isinstance(self._rows, Iterator):
            take_in = partial(
                registry.take_in,
                self._rows,
                reruns_failed=settings.rerun_failed,
                checkpoint=from_thread.check_cancelled,
            )
            total = await to_thread.run_sync(take_in, abandon_on_cancel=True)
            self._offsets = registry.offsets
            if unused := columns.unused(registry.columns):
                names = ", ".join(unused)
                logger.info("run_batch: not inputs of the app, only copied to results: %s", names)
            if hint := columns.near_miss(registry.columns):
                logger.warning("run_batch: %s", hint)
        elif settings.rerun_failed:
            await to_thread.run_sync(journal.release_failed)
        await to_thread.run_sync(journal.release_shut_down, settings.max_attempts)
        if total is not None:
            done = await to_thread.run_sync(journal.count_in, DONE)
            self._progress = BatchProgress(total, skipped=done)
            if self._on_progress is not None:
                self._on_progress(self._progress)
        async with writing(journal, partial(time_of, self._client)) as writer:
            limiter = AdaptiveLimit(RatePolicy(settings.concurrency, settings.rate))
            monitor = ServerMonitor(self._client, limiter)
            self._worker = Worker(
                self._client,
                columns,
                writer,
                limiter,
                self._tell,
                monitor=monitor,
                max_attempts=settings.max_attempts,
            )
            reconciler = Reconciler(self._client, columns, journal, writer, monitor)
            await reconciler.look(is_final=settings.rerun_unknown)
            if settings.rerun_unknown:
                await reconciler.give_up()
            await self._work(journal, registry, self._worker)
            options = setup_of(self._client).options
            wanted = settings.at_least_once
            is_repeated = options.at_least_once if wanted is None else wanted
            repeats = options.max_retries if is_repeated else 0
            await reconciler.settle(self._worker, settings.concurrency, repeats, self._tell)

    async def _work(self, journal: Journal, registry: Registry, worker: Worker) -> None:
        """Follow the rows with active runs, and run the others, here or on the executor."""
        settings = self._settings
        if settings.executor is not None:
            make = partial(Dispatcher, settings.executor, self._client, journal, settings)
            self._dispatcher = await to_thread.run_sync(make)
            await self._dispatcher.work(self._tell)
            return
        new = journal.blocks(PENDING)
        if isinstance(self._rows, Iterator):
            new = registry.incoming(self._rows, settings.concurrency)
        source = Source(chain(journal.blocks(RUNNING), new))
        await worker.work(source, settings.concurrency)

    async def _tell(self, result: RowResult) -> None:
        self._progress = self._progress.with_result(result)
        if self._on_result is not None:
            self._on_result(result)
        if self._on_progress is not None:
            self._on_progress(self._progress)
        if self._give is not None:
            await self._give(result)


class ResultFeed:
    """Runs a batch in its own task, and gives its results one by one.

    The task is not in a task group, because a generator that uses it may be closed by another task
    than the one that started it.
    """

    def __init__(
        self,
        client: AsyncDifyWorkflow,
        rows: Iterable[Row],
        journal: str | PathLike[str],
        settings: Settings,
    ) -> None:
        self._giving, self._taking = create_memory_object_stream[RowResult](_AHEAD)
        self._scope = CancelScope()
        self._ended = Event()
        self._error: BaseException | None = None
        self._batch = Batch(client, rows, journal, settings, give=self._give)
        spawn(self._run)

    async def _give(self, result: RowResult) -> None:
        with suppress(BrokenResourceError):  # the loop was left; the journal has it
            await self._giving.send(result)

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._batch.run()
        except BaseException as error:  # noqa: BLE001  # raised by `next`
            self._error = error
        finally:
            self._giving.close()
            self._ended.set()

    async def next(self) -> RowResult | None:
        """The next result; None at the end. An error that ended the batch is raised."""
        try:
            return await self._taking.receive()
        except EndOfStream:
            if self._error is not None:
                raise self._error from None
            return None

    async def close(self) -> None:
        """Leave the batch, and wait until its journal is free."""
        self._taking.close()
        with CancelScope(shield=True):
            await self._batch.finish_sending()
            self._scope.cancel()
            await self._ended.wait()
