"""A batch: its rows taken into the journal, run, looked for where they were lost, and counted."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import attrs
from anyio import CancelScope, from_thread, to_thread

from .._base_client import setup_of
from .._streams.session import START_TIMEOUT
from ..async_client import AsyncDifyWorkflow
from ..errors import InvalidRequestError
from ._clients import belongs, time_of
from ._columns import Columns
from ._dispatch import Dispatch
from ._errors import unwrapped
from ._gate import Gate
from ._journal import Journal
from ._lookup import Lookup
from ._pace import Pace
from ._presence import Presence
from ._registry import Registry, Row
from ._rows import RowFile
from ._settings import Settings
from ._source import IncomingRows, OpenRows, Source
from ._state import PENDING, RUNNING, Release, RowResult, result_of
from ._summary import BatchProgress, BatchSummary
from ._worker import Worker
from ._writer import writing

if TYPE_CHECKING:
    from os import PathLike

_ATTENTION = 100
"""Rows after which a thread looks whether anybody waits for it."""

logger = logging.getLogger("dify_workflow")

Tell = Callable[[RowResult, BatchProgress], Awaitable[None]]
"""Is told each result, and how far the batch is with it."""


class Batch:
    """One batch; `run_batch` says what its parts are.

    Args:
        client: What runs the rows.
        rows: The rows.
        journal: Path or URL of the journal.
        settings: How it is run.
        tell: Is told each result.
        begin: Is told how far the batch is before the first one.
        executor: Runs chunks of rows in other processes; None for all of them here.
    """

    def __init__(
        self,
        client: AsyncDifyWorkflow,
        rows: Iterable[Row],
        journal: str | PathLike[str],
        settings: Settings,
        *,
        tell: Tell,
        begin: Callable[[BatchProgress], object] = lambda _: None,
        executor: Executor | None = None,
    ) -> None:
        self._client = client
        self._rows = rows
        self._journal_at = os.fspath(journal)
        self._settings = settings
        self._tell_caller = tell
        self._begin = begin
        self._executor = executor
        self._progress = BatchProgress(None)
        self._worker: Worker | None = None
        self._dispatch: Dispatch | None = None
        self._scope: CancelScope | None = None
        self.is_interrupted = False

    async def run(self) -> BatchSummary:
        """Run what is left to be run.

        Raises:
            RowsError: Rows cannot be run; nothing was.
            JournalError: The journal is another batch's, or cannot be used.
            DifyError: What every further row would meet, too.
        """
        if self._executor is not None and isinstance(self._rows, Iterator):
            raise InvalidRequestError(
                "With an executor, rows must be there as often as they are asked for: a list or "
                "read_rows, no iterator."
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
                    f"{journal!r} has rows of an earlier batch: pass resume=True to continue with "
                    "them, or name another journal for a new batch."
                )
            await self._carry_out(journal)
            return await to_thread.run_sync(self._summary, journal, time.monotonic() - began)

    def _summary(self, journal: Journal, elapsed_time: float) -> BatchSummary:
        counts, tokens = journal.counts()
        left = [result.attempts for result in journal.shut_down()]
        waits = setup_of(self._client)[0].start_timeout or START_TIMEOUT
        return BatchSummary(
            counts=counts,
            tokens=tokens,
            skipped=self._progress.skipped,
            elapsed_time=elapsed_time,
            is_interrupted=self.is_interrupted,
            queued=journal.unknown_since(time_of(self._client) - waits),
            shut_down=journal.shut_downs() + len(left),
            attempts_needed=max(left) + 1 if left else None,
            journal=self._journal_at,
            sources=(self._rows.path,) if isinstance(self._rows, RowFile) else (),
        )

    async def interrupt(self) -> None:
        """Begin no more runs, and do with those that go on what the settings say."""
        self.is_interrupted = True
        if self._settings.on_interrupt == "detach" or self._worker is None:
            await self.finish_sending()
            if self._scope is not None:
                self._scope.cancel()
            return
        stops = self._settings.on_interrupt == "stop"
        self._worker.leave_rest()
        if self._dispatch is not None:
            await self._dispatch.leave_rest(stops=stops)
        elif stops:
            await self._worker.stop_runs()

    async def finish_sending(self) -> None:
        """Begin no more runs here, and wait a moment for the ids of those that were just sent."""
        if self._worker is not None:
            await self._worker.finish_sending()

    async def _carry_out(self, journal: Journal) -> None:
        with CancelScope() as self._scope:
            columns = Columns(await self._client.parameters())
            registry = Registry(journal, columns, await belongs(journal, self._client))
            if not isinstance(self._rows, Iterator):
                take_in = partial(self._take_in, registry, journal)
                await to_thread.run_sync(take_in, abandon_on_cancel=True)
            else:
                await to_thread.run_sync(self._repeat_shut_down, journal)
            async with writing(journal, partial(time_of, self._client)) as writer:
                gate = Gate(Pace(self._settings.concurrency, self._settings.rate))
                presence = Presence(self._client, gate)
                self._worker = Worker(
                    self._client,
                    columns,
                    writer,
                    gate,
                    self._tell,
                    presence=presence,
                    max_attempts=self._settings.max_attempts,
                )
                lookup = Lookup(self._client, columns, journal, writer, presence)
                await lookup.look(is_final=self._settings.rerun_unknown)
                if self._settings.rerun_unknown:
                    await lookup.give_up()
                await self._work(journal, registry, self._worker)
                await self._look_again(lookup, self._worker)

    def _take_in(self, registry: Registry, journal: Journal) -> None:
        """Check all rows and take them into the journal."""
        rows = _Attentive(self._rows)
        total = registry.check(rows)
        if total > journal.count():
            registry.add_all(rows)
        self._repeat_shut_down(journal)
        self._progress = BatchProgress(total, skipped=journal.done())
        if registry.unused:
            names = ", ".join(registry.unused)
            logger.info("run_batch: the app has no inputs named %s; results have them", names)
        self._begin(self._progress)

    def _repeat_shut_down(self, journal: Journal) -> None:
        """Have rows sent again whose runs the server stopped, as its workers were shut down."""
        left = [row for row in journal.shut_down() if row.attempts < self._settings.max_attempts]
        journal.commit(
            Release(row.number, was_sent=True, run_id=row.run_id, was_shut_down=True)
            for row in left
        )

    async def _work(self, journal: Journal, registry: Registry, worker: Worker) -> None:
        """Run all rows, here or on the executor."""
        if self._executor is None:
            await worker.work(self._source(journal, registry), self._settings.concurrency)
            return
        make = partial(Dispatch, self._executor, self._client, journal, self._settings)
        self._dispatch = await to_thread.run_sync(make)
        await self._dispatch.work(self._tell)

    def _source(self, journal: Journal, registry: Registry) -> Source:
        """The rows that are to be followed, and then those that are to be run."""
        running = OpenRows(journal, RUNNING)
        if isinstance(self._rows, Iterator):
            most = self._settings.concurrency
            new = IncomingRows(self._rows, registry, journal, most)
            return Source(running.read, new.read)
        return Source(running.read, OpenRows(journal, PENDING).read)

    async def _look_again(self, lookup: Lookup, worker: Worker) -> None:
        """Look for the runs of rows whose outcome is not known, and follow those that are found.

        With `at_least_once`, rows that have none are sent again, as often as the client may.
        """
        options, _, _ = setup_of(self._client)
        wanted = self._settings.at_least_once
        repeats = options.at_least_once if wanted is None else wanted
        for left in range(options.max_retries if repeats else 0, -1, -1):
            found, unknown = await lookup.look(is_final=True)
            again = [each.record for each in unknown if each.is_absent] if left else []
            await lookup.release(again)
            for each in unknown if not again else ():
                await self._tell(result_of(each.record, each.end, each.record.attempts))
            pending = [attrs.evolve(record, state=PENDING) for record in again]
            await worker.work(Source.of([*found, *pending]), self._settings.concurrency)
            if not again:
                return

    async def _tell(self, result: RowResult) -> None:
        self._progress = self._progress.with_result(result)
        await self._tell_caller(result, self._progress)


class _Attentive(Iterable[Row]):
    """Rows that are read in a thread, which ends when nobody waits for it any more.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        for number, row in enumerate(self._rows):
            if not number % _ATTENTION:
                from_thread.check_cancelled()
            yield row
