"""Run a batch: in sync code, in async code, or as an iterator of results."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from anyio import CancelScope, from_thread, to_thread
from anyio.from_thread import BlockingPortal, start_blocking_portal

from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from ..errors import ConfigurationError, InvalidRequestError
from ..internals import START_TIMEOUT, setup_of, with_pace
from .cluster import Dispatcher
from .columns import Columns
from .errors import unwrapped
from .feed import ResultFeed
from .journal import Journal
from .limiter import AdaptiveLimit, RatePolicy, ServerMonitor
from .reconcile import Reconciler
from .records import DONE, PENDING, RUNNING, RowResult
from .registry import Registry, Row, belongs
from .results import BatchProgress, BatchSummary
from .rows import RowFile, checked_table
from .worker import OnInterrupt, OnResult, Settings, Source, Worker
from .writer import time_of, writing

if TYPE_CHECKING:
    from os import PathLike

T = TypeVar("T")

logger = logging.getLogger("dify_workflow")


def run_batch(
    workflow: DifyWorkflow,
    rows: Iterable[Row],
    *,
    journal: str | PathLike[str],
    concurrency: int = 8,
    rate: float | None = None,
    max_attempts: int = 1,
    resume: bool = False,
    rerun_unknown: bool = False,
    rerun_failed: bool = False,
    at_least_once: bool | None = None,
    on_interrupt: OnInterrupt = "wait",
    on_result: Callable[[RowResult], object] | None = None,
    on_progress: Callable[[BatchProgress], object] | None = None,
    executor: Executor | None = None,
) -> BatchSummary:
    """Run a workflow for each row, or continue an earlier call (`resume`).

    All rows are checked before the first one is sent. An iterator may have no end, so its rows are
    checked as they come. Each row is sent once: if its outcome cannot be found out, it is reported
    as ``"unknown"`` and not sent again.

    Example::

        rows = [{"id": "a1", "name": "Ann"}, {"id": "b2", "name": "Bob"}]
        summary = run_batch(workflow, rows, journal="people.journal", resume=True)
        print(summary.counts)

    Args:
        workflow: Client of the app. The batch uses its options, but not its connections.
        rows: Mappings of value by name of the column, or `read_rows`. A column with the name of an
            input is that input. Its texts become numbers, booleans, JSON or files if the input
            needs this. A column ``id`` identifies the row.
        journal: Path of an SQLite file, or URL of a PostgreSQL database, for the state of each row.
        concurrency: Maximum number of runs at a time. The batch uses fewer while the server refuses
            so many, or runs wait in its queue.
        rate: Maximum number of runs that start per second; None for any number.
        max_attempts: How many times a row is sent if its run fails, or is stopped because a worker
            of the server was shut down.
        resume: Whether to continue with the rows of an existing journal. With a new journal it
            changes nothing, so a program that may be restarted can always pass True.
        rerun_unknown: Whether rows that an earlier call left as unknown are sent again. They may
            then run twice.
        rerun_failed: Whether rows that failed or were stopped in an earlier call are sent again.
            You can correct them before.
        at_least_once: Whether rows with an unknown outcome are sent again at the end of the batch,
            up to the client's `max_retries` times. A row is sent only if the log could be read and
            shows no run for it. It may then run twice; the journal counts each attempt. None for
            the client's value.
        on_interrupt: What Ctrl-C does with active runs. ``"wait"`` waits for their ends.
            ``"stop"`` stops them on the server, and the next call runs their rows again.
            ``"detach"`` leaves them to the next call. A second Ctrl-C exits at once.
        on_result: Called with each result, in a thread of the batch, when the journal has it.
        on_progress: Called with the progress in the same way, and once before the first result.
        executor: Runs groups of rows in its workers, such as processes or a Dask cluster.

    Returns:
        The number of rows by status, tokens, prices, and the results.

    Raises:
        RowsError: Rows are invalid; nothing was run.
        JournalError: The journal belongs to another batch, or cannot be used.
        InvalidRequestError: An option or `rows` is invalid, or the journal has rows and `resume` is
            False.
        DifyError: An error that affects every row: a wrong key, or a server that was unavailable
            for longer than the client's `lost_run_timeout`.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        rerun_failed=rerun_failed,
        at_least_once=at_least_once,
        on_interrupt=on_interrupt,
        executor=executor,
    )
    with _portal_of(workflow) as (portal, client):
        batch = Batch(client, rows, journal, settings, on_result=on_result, on_progress=on_progress)
        running: Future[BatchSummary] = portal.start_task_soon(batch.run)
        while True:
            try:
                return running.result()
            except KeyboardInterrupt:  # the first one ends the batch in order, the second one exits
                if batch.is_interrupted:
                    running.cancel()
                    raise
                batch.is_interrupted = True
                portal.start_task_soon(batch.interrupt)


async def run_batch_async(
    workflow: AsyncDifyWorkflow,
    rows: Iterable[Row],
    *,
    journal: str | PathLike[str],
    concurrency: int = 8,
    rate: float | None = None,
    max_attempts: int = 1,
    resume: bool = False,
    rerun_unknown: bool = False,
    rerun_failed: bool = False,
    at_least_once: bool | None = None,
    on_result: Callable[[RowResult], object] | None = None,
    on_progress: Callable[[BatchProgress], object] | None = None,
    executor: Executor | None = None,
) -> BatchSummary:
    """Run a workflow for each row, as `run_batch` does, in async code.

    The options and errors are those of `run_batch`. Rows are read in a thread; `on_result` and
    `on_progress` are called in the task. If the task is cancelled, active runs are left to the next
    call, with their ids in the journal.

    Example::

        rows = [{"id": "a1", "name": "Ann"}, {"id": "b2", "name": "Bob"}]
        summary = await run_batch_async(workflow, rows, journal="people.journal", resume=True)
        print(summary.counts)

    Returns:
        The number of rows by status, tokens, prices, and the results.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        rerun_failed=rerun_failed,
        at_least_once=at_least_once,
        executor=executor,
    )
    client = _checked(workflow, AsyncDifyWorkflow)
    batch = Batch(client, rows, journal, settings, on_result=on_result, on_progress=on_progress)
    return await batch.run()


def iter_batch(
    workflow: DifyWorkflow,
    rows: Iterable[Row],
    *,
    journal: str | PathLike[str],
    concurrency: int = 8,
    rate: float | None = None,
    max_attempts: int = 1,
    resume: bool = False,
    rerun_unknown: bool = False,
    rerun_failed: bool = False,
    at_least_once: bool | None = None,
    executor: Executor | None = None,
) -> Generator[RowResult, None, None]:
    """Run a workflow for each row, as `run_batch` does, and yield each result when it exists.

    The options and errors are those of `run_batch`; errors are raised while you iterate. Rows that
    have results from an earlier call are not yielded again. If you leave the loop, active runs are
    left to the next call. If you do not take results, the batch waits.

    Example::

        rows = [{"id": "c3", "name": "Cid"}, {"id": "d4", "name": "Dot"}]
        for result in iter_batch(workflow, rows, journal="more.journal", resume=True):
            print(result.key, result.status, result.outputs)

    Returns:
        The results, in the order in which rows end.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        rerun_failed=rerun_failed,
        at_least_once=at_least_once,
        executor=executor,
    )
    with _portal_of(workflow) as (portal, client):
        feed = portal.call(_feed_of, client, rows, journal, settings)
        try:
            while (result := portal.call(feed.next)) is not None:
                yield result
        finally:
            portal.call(feed.close)


async def iter_batch_async(
    workflow: AsyncDifyWorkflow,
    rows: Iterable[Row],
    *,
    journal: str | PathLike[str],
    concurrency: int = 8,
    rate: float | None = None,
    max_attempts: int = 1,
    resume: bool = False,
    rerun_unknown: bool = False,
    rerun_failed: bool = False,
    at_least_once: bool | None = None,
    executor: Executor | None = None,
) -> AsyncGenerator[RowResult, None]:
    """Run a workflow for each row, as `iter_batch` does, in async code.

    Rows are read in a thread. The journal is free for another batch when the loop has ended, or
    when the generator was closed. If you may leave the loop early, use ``contextlib.aclosing``,
    which closes it.

    Example::

        rows = [{"id": "c3", "name": "Cid"}, {"id": "d4", "name": "Dot"}]
        async for result in iter_batch_async(workflow, rows, journal="more.journal", resume=True):
            print(result.key, result.status, result.outputs)

    Returns:
        The results, in the order in which rows end.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        rerun_failed=rerun_failed,
        at_least_once=at_least_once,
        executor=executor,
    )
    feed = _feed_of(_checked(workflow, AsyncDifyWorkflow), rows, journal, settings)
    try:
        while (result := await feed.next()) is not None:
            yield result
    finally:
        await feed.close()


def _feed_of(
    client: AsyncDifyWorkflow,
    rows: Iterable[Row],
    journal: str | PathLike[str],
    settings: Settings,
) -> ResultFeed:
    feed = ResultFeed()
    feed.start(Batch(client, rows, journal, settings, give=feed.give))
    return feed


@contextmanager
def _portal_of(
    workflow: DifyWorkflow,
) -> Generator[tuple[BlockingPortal, AsyncDifyWorkflow], None, None]:
    """An event loop in another thread, and a client there with the options of the given one."""
    setup = setup_of(_checked(workflow, DifyWorkflow))
    if setup.is_given:
        raise ConfigurationError(
            "run_batch opens its own connections and cannot use the client's http_client. Use "
            "run_batch_async with an AsyncDifyWorkflow whose http_client is an httpx.AsyncClient."
        )
    client = with_pace(AsyncDifyWorkflow(**setup.arguments()), setup.pace)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        yield portal, client


def _checked(workflow: T, cls: type[T]) -> T:
    if not isinstance(workflow, cls):
        raise InvalidRequestError(
            f"The client must be a {cls.__name__} here, not {type(workflow).__name__}."
        )
    return workflow


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
        self._rows = checked_table(rows)
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
