"""Batches on an executor: chunks of rows in processes of this machine, or on a Dask cluster."""
# mypy: disable-error-code=no-untyped-call
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# distributed has no types.

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, final
from uuid import uuid4

import anyio
import attrs
from anyio import CapacityLimiter, Lock, create_task_group, sleep, to_thread

from .._client_base import setup_of
from .._options import NOT_GIVEN, NotGiven, Options
from .._patience import Pace as RecoveryPolicy
from .._secret import ApiKey
from ..async_client import AsyncDifyWorkflow
from ..errors import ConfigurationError
from .errors import JournalError, needs, unwrapped
from .journal import ControlTable, Journal, Order
from .limiter import AdaptiveLimit, Permits, RatePolicy, ServerMonitor
from .records import PENDING, RUNNING, RowRecord, RowResult
from .registry import OpenRows
from .rows import Columns
from .worker import Source, Worker, client_with
from .writer import time_of, writing

if TYPE_CHECKING:
    from distributed import Semaphore

    from .run import Settings


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


_LOOK_SECONDS = 1.0
"""How long a chunk may take to see what its batch wants."""


@attrs.frozen
class Chunk:
    """Rows, and everything that running them takes; nothing of it shows the key.

    Args:
        numbers: Numbers of the rows.
        journal: URL of the journal, which may have a password.
        batch: Id of the batch, whose orders are in the journal.
        key: Key of the app.
        options: The client's other options.
        looks: How fast the client looks for lost runs.
        slots: Most rows at a time.
        rate: Most runs that begin in a second.
        max_attempts: How often a row is sent that fails.
        permits: The bound on runs that all chunks share.
    """

    numbers: tuple[int, ...] = attrs.field(repr=lambda numbers: f"<{len(numbers)} rows>")
    journal: Sealed
    batch: str
    key: Sealed
    options: dict[str, Any]
    looks: RecoveryPolicy
    slots: int
    rate: float | None
    max_attempts: int
    permits: Permits | None = attrs.field(default=None, repr=False)


def options_to_send(client: AsyncDifyWorkflow) -> tuple[Sealed, dict[str, Any], RecoveryPolicy]:
    """The key, the other options and the pace of a client, so that they can be pickled.

    Args:
        client: The client.

    Raises:
        ConfigurationError: It sends with an httpx client of the user's own.
    """
    options, pace, is_given = setup_of(client)
    if is_given:
        raise ConfigurationError(
            "An http_client cannot travel to an executor's workers; make the client without one."
        )
    values = attrs.asdict(options, recurse=False)
    for name in ("api_key", "deadline"):
        del values[name]
    if isinstance(options.timeout, NotGiven):
        del values["timeout"]
    return Sealed(options.key(None).get_secret_value()), values, pace


def run_chunk(chunk: Chunk) -> None:
    """Run the rows of a chunk; what comes of them is in the journal.

    Those that were sent before, by a worker that died, are followed and not sent again. Where the
    batch is over meanwhile, its runs are left to the next one.

    Args:
        chunk: The rows.

    Raises:
        DifyError: What every further row would meet, too.
    """
    with unwrapped():
        anyio.run(_run, chunk)


async def _run(chunk: Chunk) -> None:
    key = ApiKey(chunk.key.get_secret_value())
    others: dict[str, Any] = {"timeout": NOT_GIVEN, **chunk.options}
    options = Options.with_environment(api_key=key, **others)
    with closing(Journal(chunk.journal.get_secret_value())) as journal:
        async with (
            client_with(options, chunk.looks) as client,
            writing(journal, partial(time_of, client)) as writer,
        ):
            limiter = AdaptiveLimit(RatePolicy(chunk.slots, chunk.rate))
            monitor = ServerMonitor(client, limiter)
            worker = Worker(
                client,
                Columns(await monitor.answer(client.parameters)),
                writer,
                limiter,
                _tell_nobody,
                monitor=monitor,
                max_attempts=chunk.max_attempts,
                permits=chunk.permits,
            )
            rows = await to_thread.run_sync(_open_rows, journal, chunk.numbers)
            await _work(worker, Source.of(rows), chunk.slots, journal.orders(chunk.batch))


async def _work(worker: Worker, source: Source, slots: int, orders: ControlTable) -> None:
    """Run rows as long as the batch wants it; where it is over, leave runs to the next one."""
    async with create_task_group() as group:

        async def work() -> None:
            await worker.work(source, slots)
            group.cancel_scope.cancel()

        obeyed: Order | None = None
        while (order := await to_thread.run_sync(orders.read)) is not None:
            if order != "go":
                worker.leave_rest()
            if order == "stop" and obeyed != "stop":
                await worker.stop_runs()
            if obeyed is None:
                group.start_soon(work)
            obeyed = order
            await sleep(_LOOK_SECONDS)
        await worker.finish_sending()
        group.cancel_scope.cancel()


def _open_rows(journal: Journal, numbers: tuple[int, ...]) -> list[RowRecord]:
    """The rows that have no result: those that run, and then those that are to be sent."""
    wanted, span = set(numbers), {"after": min(numbers) - 1, "last": max(numbers)}
    found = [
        record
        for state in (RUNNING, PENDING)
        for record in journal.open_rows(state, limit=max(numbers) - min(numbers) + 1, **span)
    ]
    return [record for record in found if record.number in wanted]


async def _tell_nobody(_result: RowResult) -> None:
    """The journal has it, and whoever sent the chunk reads it there."""


CONNECT_SECONDS = 10.0
"""How long the scheduler of a cluster may take to answer."""

_PERMIT_SECONDS = 1.0
"""How long a permit is waited for before it is asked whether there is anything left to do."""


@contextmanager
def executor_at(address: str | None) -> Generator[Executor | None, None, None]:
    """The executor of a Dask cluster; None where no address is given.

    Args:
        address: Address of its scheduler, such as ``"tcp://10.0.0.1:8786"``.

    Raises:
        ConfigurationError: Nobody answers there.
        ImportError: Dask is not installed.
    """
    if address is None:
        yield None
        return
    with needs("distributed", "cluster", "A Dask cluster needs"):
        from distributed import Client
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"No Dask scheduler answers at {address}: {error}") from error
    with client:
        yield client.get_executor()


def dask_client(executor: Executor) -> Any:
    """The `distributed.Client` behind an executor; None where it is one of another kind."""
    is_dask = type(executor).__module__.partition(".")[0] == "distributed"
    return executor._client if is_dask else None  # type: ignore[attr-defined]  # noqa: SLF001  # it has no other door


class DaskPermits:
    """Permits that all workers of a Dask cluster share (`distributed.Semaphore`).

    Those of a worker that dies come back when Dask's lease timeout (30 s) has passed.

    Args:
        semaphore: What counts them.
    """

    def __init__(self, semaphore: Semaphore) -> None:
        self._semaphore = semaphore
        self._turn = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        return DaskPermits, (self._semaphore,)

    @classmethod
    def of(cls, client: Any, count: int) -> DaskPermits:
        """So many permits on the cluster of a client.

        Args:
            client: A `distributed.Client`.
            count: How many there are.
        """
        from distributed import Semaphore

        name = f"dify-batch-{uuid.uuid4().hex}"
        semaphore = Semaphore(count, name, scheduler_rpc=client.scheduler, loop=client.loop)
        client.sync(semaphore.register)
        return cls(semaphore)

    async def acquire(self) -> bool:
        """Take a permit; False where none becomes free within a second."""
        ask = partial(self._semaphore.acquire, timeout=_PERMIT_SECONDS)
        async with self._turn:  # threads that wait must not keep the journal from its own
            return bool(await to_thread.run_sync(ask))

    async def release(self) -> None:
        """Give a permit back."""
        await to_thread.run_sync(self._semaphore.release)

    def close(self) -> None:
        """Forget them on the scheduler, unless a worker that died has some, which expire first."""
        if not self._semaphore.get_value():
            self._semaphore.close()


@final
class Sealed:
    """A text that no repr, log line, dashboard or dump of pickled bytes shows.

    It is masked, not encrypted: who can read a whole pickle, and knows how, can have the text. What
    keeps it from those is the transport, such as TLS between the processes of a Dask cluster.

    Args:
        text: The text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Sealed('***')"

    def __reduce__(self) -> tuple[object, ...]:
        pad = secrets.token_bytes(len(self._text.encode()))
        return _unsealed, (pad, _masked(self._text.encode(), pad))


def _unsealed(pad: bytes, masked: bytes) -> Sealed:
    return Sealed(_masked(masked, pad).decode())


def _masked(data: bytes, pad: bytes) -> bytes:
    return bytes(byte ^ mask for byte, mask in zip(data, pad, strict=True))
