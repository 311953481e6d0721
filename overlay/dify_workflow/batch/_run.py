"""Running a batch: for code that waits, for tasks, and as an iterator of results."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from ..errors import InvalidRequestError
from ._batch import Batch
from ._clients import async_client_like
from ._feed import Feed
from ._registry import Row
from ._settings import OnInterrupt, Settings
from ._state import RowResult
from ._summary import BatchProgress, BatchSummary

if TYPE_CHECKING:
    from os import PathLike

T = TypeVar("T")


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
    at_least_once: bool | None = None,
    on_interrupt: OnInterrupt = "wait",
    on_result: Callable[[RowResult], object] | None = None,
    on_progress: Callable[[BatchProgress], object] | None = None,
    executor: Executor | None = None,
) -> BatchSummary:
    """Run a workflow over rows, or go on (`resume`) where an earlier call ended.

    All rows are checked before the first one is sent, unless they come from an iterator, which may
    have no end: its rows are checked as they come. Each is sent once: a row that was sent and whose
    outcome cannot be found out is reported as ``"unknown"`` and left alone.

    Args:
        workflow: Client of the app. Its connections are not used, its options are.
        rows: Mappings of column to value, or `read_rows`. Columns with the name of an input are
            that input, as it takes them: texts become numbers, truth values, JSON or files. The
            column ``id`` names the row, where there is one.
        journal: Path of an SQLite file, or URL of a PostgreSQL database, in which everything that
            is known of each row is written down.
        concurrency: Most runs at a time; fewer, while the server refuses so many, or runs wait in
            its queue.
        rate: Most runs that begin in a second; None for any number.
        max_attempts: How often a row is sent whose run fails, or is stopped because a worker of the
            server was shut down.
        resume: Whether to go on with the rows of a journal that is there. A new journal needs none;
            a program that is started again after whatever ended it always says True.
        rerun_unknown: Whether rows that an earlier call left as unknown are sent again, although
            they may have been run.
        at_least_once: Whether rows whose outcome is unknown are sent again at the end of the batch,
            up to the client's `max_retries` times, where the log was read and shows no run of
            theirs. They may then run twice; the journal counts each attempt. None for what the
            client has.
        on_interrupt: What becomes of runs that go on when Ctrl-C is pressed: ``"wait"`` for their
            ends, ``"stop"`` them, which has their rows run again some time, or ``"detach"``, which
            leaves them to the next call. A second Ctrl-C leaves at once.
        on_result: Called with each result, in a thread of the batch, when the journal has it.
        on_progress: Called with how far the batch is, likewise, and once before the first result.
        executor: Runs chunks of rows in its workers; see docs/batches.md.

    Raises:
        RowsError: Rows cannot be run; nothing was.
        JournalError: The journal is another batch's, or cannot be used.
        InvalidRequestError: An option cannot be, or the journal has rows and `resume` is False.
        DifyError: What every further row would meet, too: a wrong key, or a server that was away
            for longer than the client's `lost_run_timeout`.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        at_least_once=at_least_once,
        on_interrupt=on_interrupt,
    )
    with _portal_of(workflow) as (portal, client):
        batch = Batch(
            client,
            rows,
            journal,
            settings,
            tell=_teller(on_result, on_progress),
            begin=on_progress or _ignore,
            executor=executor,
        )
        return _outcome(portal, batch)


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
    at_least_once: bool | None = None,
    on_result: Callable[[RowResult], object] | None = None,
    on_progress: Callable[[BatchProgress], object] | None = None,
    executor: Executor | None = None,
) -> BatchSummary:
    """Run a workflow over rows, as `run_batch` does, in a task.

    Cancelling it leaves runs that go on to the next call, with their ids in the journal.

    Args:
        workflow: Client of the app.
        rows: As for `run_batch`; they are read in a thread.
        journal: As for `run_batch`.
        concurrency: As for `run_batch`.
        rate: As for `run_batch`.
        max_attempts: As for `run_batch`.
        resume: As for `run_batch`.
        rerun_unknown: As for `run_batch`.
        at_least_once: As for `run_batch`.
        on_result: Called with each result when the journal has it.
        on_progress: Called with how far the batch is, likewise, and once before the first result.
        executor: As for `run_batch`.

    Raises:
        RowsError: Rows cannot be run; nothing was.
        JournalError: The journal is another batch's, or cannot be used.
        InvalidRequestError: An option cannot be, or the journal has rows and `resume` is False.
        DifyError: What every further row would meet, too.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        at_least_once=at_least_once,
    )
    batch = Batch(
        _checked(workflow, AsyncDifyWorkflow),
        rows,
        journal,
        settings,
        tell=_teller(on_result, on_progress),
        begin=on_progress or _ignore,
        executor=executor,
    )
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
    at_least_once: bool | None = None,
    executor: Executor | None = None,
) -> Generator[RowResult, None, None]:
    """Run a workflow over rows, as `run_batch` does, and yield each result when there is one.

    Rows that have their results already are not told again. Leaving the loop leaves runs that go on
    to the next call. Results that nobody takes hold the batch up.

    Args:
        workflow: As for `run_batch`.
        rows: As for `run_batch`.
        journal: As for `run_batch`.
        concurrency: As for `run_batch`.
        rate: As for `run_batch`.
        max_attempts: As for `run_batch`.
        resume: As for `run_batch`.
        rerun_unknown: As for `run_batch`.
        at_least_once: As for `run_batch`.
        executor: As for `run_batch`.

    Raises:
        DifyError: While iterating: as for `run_batch`.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        at_least_once=at_least_once,
    )
    with _portal_of(workflow) as (portal, client):
        feed = portal.call(Feed)
        portal.call(
            feed.begin, Batch(client, rows, journal, settings, tell=feed.tell, executor=executor)
        )
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
    at_least_once: bool | None = None,
    executor: Executor | None = None,
) -> AsyncGenerator[RowResult, None]:
    """Run a workflow over rows, as `iter_batch` does, in a task.

    The journal is free for another batch when the loop has come to its end, or when the generator
    was closed (``contextlib.aclosing`` does that where a loop may be left early).

    Args:
        workflow: Client of the app.
        rows: As for `run_batch`; they are read in a thread.
        journal: As for `run_batch`.
        concurrency: As for `run_batch`.
        rate: As for `run_batch`.
        max_attempts: As for `run_batch`.
        resume: As for `run_batch`.
        rerun_unknown: As for `run_batch`.
        at_least_once: As for `run_batch`.
        executor: As for `run_batch`.

    Raises:
        DifyError: While iterating: as for `run_batch`.
    """
    settings = Settings(
        concurrency=concurrency,
        rate=rate,
        max_attempts=max_attempts,
        resume=resume,
        rerun_unknown=rerun_unknown,
        at_least_once=at_least_once,
    )
    client = _checked(workflow, AsyncDifyWorkflow)
    feed = Feed()
    feed.begin(Batch(client, rows, journal, settings, tell=feed.tell, executor=executor))
    try:
        while (result := await feed.next()) is not None:
            yield result
    finally:
        await feed.close()


def _outcome(portal: BlockingPortal, batch: Batch) -> BatchSummary:
    """The outcome of a batch; the first Ctrl-C lets it come to an end, the second one leaves."""
    running: Future[BatchSummary] = portal.start_task_soon(batch.run)
    while True:
        try:
            return running.result()
        except KeyboardInterrupt:
            if batch.is_interrupted:
                running.cancel()
                raise
            batch.is_interrupted = True
            portal.start_task_soon(batch.interrupt)


@contextmanager
def _portal_of(
    workflow: DifyWorkflow,
) -> Generator[tuple[BlockingPortal, AsyncDifyWorkflow], None, None]:
    """An event loop in a thread of its own, and a client there like the one that was given."""
    client = async_client_like(_checked(workflow, DifyWorkflow))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        yield portal, client


def _checked(workflow: T, cls: type[T]) -> T:
    if not isinstance(workflow, cls):
        raise InvalidRequestError(
            f"The client must be a {cls.__name__} here, not {type(workflow).__name__}."
        )
    return workflow


def _ignore(_progress: BatchProgress) -> None:
    """Nobody wants to know."""


def _teller(
    on_result: Callable[[RowResult], object] | None,
    on_progress: Callable[[BatchProgress], object] | None,
) -> Callable[[RowResult, BatchProgress], Coroutine[None, None, None]]:
    async def tell(result: RowResult, progress: BatchProgress) -> None:
        if on_result is not None:
            on_result(result)
        if on_progress is not None:
            on_progress(progress)

    return tell
