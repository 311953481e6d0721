"""Batches on an executor: chunks of rows in processes of this machine, or on a Dask cluster.

A worker of the executor gets the numbers of rows, and reads and writes everything else in the
journal. Once a second it reads there whether the batch wants it to stop. An executor cannot stop
its workers, and cannot report to them that the batch has failed or was left.
"""
# mypy: disable-error-code=no-untyped-call
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# distributed has no types.

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, final
from uuid import uuid4

import anyio
import attrs
from anyio import CapacityLimiter, Lock, create_task_group, sleep, to_thread

from .. import ApiKey
from .._extras import needs
from ..async_client import AsyncDifyWorkflow
from ..errors import ConfigurationError
from ..internals import Pace, setup_of, with_pace
from .columns import Columns
from .errors import JournalError, unwrapped
from .journal import Command, Journal
from .limiter import AdaptiveLimit, RatePolicy, ServerMonitor
from .records import PENDING, RUNNING, RowResult
from .worker import OnResult, Settings, Source, Worker
from .writer import time_of, writing

if TYPE_CHECKING:
    from distributed import Semaphore

CONNECT_SECONDS = 10.0
"""Seconds to wait for the scheduler of a cluster."""

_PERMIT_SECONDS = 1.0
"""Seconds to wait for a permit before checking whether there is anything left to do."""

_LOOK_SECONDS = 1.0
"""Seconds between two checks of a worker for the command of its batch."""

_MOST_ROWS = 250
"""Maximum number of rows in a chunk; if a worker dies, its chunk is repeated."""

_CHUNKS_EACH = 4
"""Minimum number of chunks per worker, so that no worker is idle while others have rows."""


@final
class MaskedText:
    """A text that is sent to other processes, and that no repr, log line or dashboard shows.

    It is masked, not encrypted: anyone who reads the whole pickle can get the text. Only the
    transport keeps it secret, such as TLS between the processes of a Dask cluster.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "MaskedText('***')"

    def __reduce__(self) -> tuple[object, ...]:
        data = self._text.encode()
        mask = secrets.token_bytes(len(data))
        return _unmasked, (mask, _xor(data, mask))


def _unmasked(mask: bytes, data: bytes) -> MaskedText:
    return MaskedText(_xor(data, mask).decode())


def _xor(data: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(data, mask, strict=True))


@attrs.frozen
class Chunk:
    """Rows by their numbers, and everything that is needed to run them. It does not show the key.

    Args:
        numbers: Numbers of the rows.
        journal: URL of the journal, which may have a password.
        batch: Id of the batch, whose commands are in the journal.
        key: Key of the app.
        options: The client's other options.
        pace: How fast the client looks for lost runs.
        slots: Maximum number of rows at a time.
        rate: Maximum number of runs that start per second.
        max_attempts: How many times a row is sent if it fails.
        permits: The limit on runs that all chunks share.
    """

    numbers: tuple[int, ...] = attrs.field(repr=lambda numbers: f"<{len(numbers)} rows>")
    journal: MaskedText
    batch: str
    key: MaskedText
    options: dict[str, Any]
    pace: Pace
    slots: int
    rate: float | None
    max_attempts: int
    permits: DaskPermits | None = attrs.field(default=None, repr=False)


# ------------------------------------------------------------- in the process of the batch


class Dispatcher:
    """Passes rows to an executor, chunk by chunk.

    Raises:
        JournalError: The journal cannot be written from several machines.
        ConfigurationError: The cluster has no workers, or the client's options cannot be sent.
    """

    def __init__(
        self,
        executor: Executor,
        client: AsyncDifyWorkflow,
        journal: Journal,
        settings: Settings,
    ) -> None:
        key, options, pace = options_to_send(client)
        self._executor = executor
        self._journal = journal
        self._batch = uuid4().hex
        self._is_leaving = False
        self._permits: DaskPermits | None = None
        self._options: dict[str, Any] = {}
        if (dask := _dask_client(executor)) is None:
            threads = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
        else:
            if journal.url.get_backend_name() == "sqlite":
                raise JournalError(
                    "On a Dask cluster the journal must be a PostgreSQL database that all of its "
                    "machines can reach."
                )
            threads = _threads(dask)
            self._permits = DaskPermits.of(dask, settings.concurrency)
            self._options = {"pure": False}
        parallel = max(1, min(threads, settings.concurrency))
        # If permits limit the runs, each worker has one chunk and a second one that waits.
        self._at_once = parallel * (1 if self._permits is None else 2)
        self._template = Chunk(
            numbers=(),
            journal=MaskedText(journal.url.render_as_string(hide_password=False)),
            batch=self._batch,
            key=key,
            options=options,
            pace=pace,
            slots=max(1, settings.concurrency // parallel),
            rate=settings.rate and settings.rate / parallel,
            max_attempts=settings.max_attempts,
            permits=self._permits,
        )

    async def leave_rest(self, *, stops: bool) -> None:
        """Start no more chunks and no more runs; if `stops`, also stop the active runs."""
        self._is_leaving = True
        await self._command("stop" if stops else "leave")

    async def work(self, on_result: OnResult) -> None:
        """Run all rows of the journal that have no result; report results after each chunk.

        Raises:
            DifyError: An error that affects every row.
        """
        source = Source(chain(self._journal.blocks(RUNNING), self._journal.blocks(PENDING)))
        threads = CapacityLimiter(self._at_once)
        try:
            left = await to_thread.run_sync(self._journal.count_in, PENDING, RUNNING)
            size = max(1, min(_MOST_ROWS, left // (self._at_once * _CHUNKS_EACH)))
            await self._command("go")
            async with create_task_group() as group:
                for _ in range(self._at_once):
                    group.start_soon(self._send_all, source, size, on_result, threads)
        finally:
            if self._permits is not None:
                self._permits.close()

    async def _command(self, command: Command) -> None:
        await to_thread.run_sync(self._journal.set_command, self._batch, command)

    async def _send_all(
        self, source: Source, size: int, on_result: OnResult, threads: CapacityLimiter
    ) -> None:
        """Send chunk after chunk, each after the previous one has ended."""
        while not self._is_leaving:
            numbers: list[int] = []
            while len(numbers) < size and (record := await source.next()) is not None:
                numbers.append(record.number)
            if not numbers:
                return
            chunk = attrs.evolve(self._template, numbers=tuple(numbers))
            # In a thread: an executor may fork, and the child must not inherit a running loop.
            submit = partial(self._executor.submit, run_chunk, chunk, **self._options)
            future: Future[Any] = await to_thread.run_sync(submit)
            try:
                await to_thread.run_sync(future.result, limiter=threads, abandon_on_cancel=True)
            finally:
                future.cancel()
            for result in await to_thread.run_sync(self._journal.results_of, numbers):
                await on_result(result)


def options_to_send(client: AsyncDifyWorkflow) -> tuple[MaskedText, dict[str, Any], Pace]:
    """The key, the other options and the pace of a client, in a form that can be pickled.

    Raises:
        ConfigurationError: The client was made with an http_client.
    """
    setup = setup_of(client)
    if setup.is_given:
        raise ConfigurationError(
            "An http_client cannot be sent to an executor's workers; make the client without one."
        )
    values = setup.arguments()
    del values["api_key"]
    return MaskedText(setup.options.key().get_secret_value()), values, setup.pace


# ------------------------------------------------------------- in the process of a worker


def run_chunk(chunk: Chunk) -> None:
    """Run the rows of a chunk; their results are in the journal.

    Rows that were sent before, by a worker that died, are followed and not sent again. If the batch
    has ended meanwhile, its runs are left to the next call.

    Raises:
        DifyError: An error that affects every row.
    """
    with unwrapped():
        anyio.run(_run, chunk)


async def _run(chunk: Chunk) -> None:
    key = ApiKey(chunk.key.get_secret_value())
    connected = with_pace(AsyncDifyWorkflow(key, **chunk.options), chunk.pace)
    with closing(Journal(chunk.journal.get_secret_value())) as journal:
        async with connected as client, writing(journal, partial(time_of, client)) as writer:
            limiter = AdaptiveLimit(RatePolicy(chunk.slots, chunk.rate))
            monitor = ServerMonitor(client, limiter)
            worker = Worker(
                client,
                Columns(await monitor.answer(client.parameters)),
                writer,
                limiter,
                _ignore,
                monitor=monitor,
                max_attempts=chunk.max_attempts,
                permits=chunk.permits,
            )
            found = await to_thread.run_sync(partial(journal.records, numbers=chunk.numbers))
            rows = [row for state in (RUNNING, PENDING) for row in found if row.state == state]
            work = partial(worker.work, Source([rows]), chunk.slots)
            await _obey(worker, work, partial(journal.command, chunk.batch))


async def _obey(
    worker: Worker,
    work: Callable[[], Awaitable[None]],
    command: Callable[[], Command | None],
) -> None:
    """Run rows while the batch wants it; if the batch is over, leave runs to the next call."""
    async with create_task_group() as group:

        async def run() -> None:
            await work()
            group.cancel_scope.cancel()

        obeyed: Command | None = None
        while (wanted := await to_thread.run_sync(command)) is not None:
            if wanted != "go":
                worker.leave_rest()
            if wanted == "stop" and obeyed != "stop":
                await worker.stop_runs()
            if obeyed is None:
                group.start_soon(run)
            obeyed = wanted
            await sleep(_LOOK_SECONDS)
        await worker.finish_sending()
        group.cancel_scope.cancel()


async def _ignore(_result: RowResult) -> None:
    """The batch reads results in the journal."""


# --------------------------------------------------------------------------------------- Dask


@contextmanager
def executor_at(address: str | None) -> Generator[Executor | None, None, None]:
    """The executor of a Dask cluster; None if no address is given.

    Args:
        address: Address of its scheduler, such as ``"tcp://10.0.0.1:8786"``.

    Raises:
        ConfigurationError: No scheduler answers there.
        ImportError: Dask is not installed.
    """
    if address is None:
        yield None
        return
    with needs("A Dask cluster needs", "cluster", "distributed"):
        from distributed import Client
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"No Dask scheduler answers at {address}: {error}") from error
    with client:
        yield client.get_executor()


def _dask_client(executor: Executor) -> Any:
    """The `distributed.Client` of a Dask executor; None for other executors."""
    is_dask = type(executor).__module__.partition(".")[0] == "distributed"
    return executor._client if is_dask else None  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way


def _threads(dask: Any) -> int:
    """How many calls a Dask cluster runs at a time.

    Raises:
        ConfigurationError: It has no workers, for example because they have not started yet.
    """
    threads: int = sum(dask.nthreads().values())
    if not threads:
        raise ConfigurationError(
            "The Dask cluster has no workers yet: wait for all of them before the batch begins, "
            "for example with client.wait_for_workers(20)."
        )
    return threads


class DaskPermits:
    """Permits that all workers of a Dask cluster share (`distributed.Semaphore`).

    The permits of a worker that dies are free again after Dask's lease timeout (30 s).
    """

    def __init__(self, semaphore: Semaphore) -> None:
        self._semaphore = semaphore
        self._turn = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        return DaskPermits, (self._semaphore,)

    @classmethod
    def of(cls, client: Any, count: int) -> DaskPermits:
        """Make a number of permits on the cluster of a `distributed.Client`."""
        from distributed import Semaphore

        name = f"dify-batch-{uuid4().hex}"
        semaphore = Semaphore(count, name, scheduler_rpc=client.scheduler, loop=client.loop)
        client.sync(semaphore.register)
        return cls(semaphore)

    async def acquire(self) -> bool:
        """Take a permit; False if none becomes free within a second."""
        ask = partial(self._semaphore.acquire, timeout=_PERMIT_SECONDS)
        async with self._turn:  # only one thread waits, so that the journal has threads, too
            return bool(await to_thread.run_sync(ask))

    async def release(self) -> None:
        """Return a permit."""
        await to_thread.run_sync(self._semaphore.release)

    def close(self) -> None:
        """Delete the permits on the scheduler, unless a worker that died still has some."""
        if not self._semaphore.get_value():
            self._semaphore.close()
