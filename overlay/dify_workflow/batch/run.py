"""Run a batch: in sync code, in async code, or as an iterator of results."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from ..errors import ConfigurationError, InvalidRequestError
from ..internals import setup_of, with_pace
from .batch import Batch, ResultFeed
from .records import RowResult
from .registry import Row
from .results import BatchProgress, BatchSummary
from .worker import OnInterrupt, Settings

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
        InvalidRequestError: An option is invalid, or the journal has rows and `resume` is False.
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
        feed = portal.call(ResultFeed, client, rows, journal, settings)
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
    feed = ResultFeed(_checked(workflow, AsyncDifyWorkflow), rows, journal, settings)
    try:
        while (result := await feed.next()) is not None:
            yield result
    finally:
        await feed.close()


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
