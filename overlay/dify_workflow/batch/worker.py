"""Run rows, several at a time; each step is in the journal before it happens."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
from anyio import CancelScope, Event, Lock, create_task_group, move_on_after, to_thread

from .._json import JSON, JSONObject, is_list
from ..async_client import AsyncDifyWorkflow
from ..errors import DifyError, InvalidRequestError
from ..internals import setup_of, with_pace
from ..models import WorkflowRunResponse
from .errors import ErrorClass, classify, is_congestion, may_be_away
from .limiter import AdaptiveLimit, ServerMonitor
from .records import DONE, PENDING, RUNNING, UNKNOWN, Began, Ended, Release, RowRecord, RowResult

if TYPE_CHECKING:
    from .cluster import DaskPermits
    from .columns import Columns
    from .writer import JournalWriter

OnInterrupt = Literal["wait", "stop", "detach"]
"""What happens to active runs when a batch is interrupted: they are followed to their ends, stopped
on the server, or left alone."""

OnResult = Callable[[RowResult], Awaitable[None]]
"""Called with each result, when the journal has it."""

_SENDING_SECONDS = 1.0
"""Seconds that a worker waits at its end for the ids of runs that were just sent."""


@attrs.frozen(kw_only=True)
class Settings:
    """The options of a batch; `run_batch` describes them.

    Raises:
        InvalidRequestError: One of them is invalid.
    """

    concurrency: int
    rate: float | None
    max_attempts: int
    resume: bool
    rerun_unknown: bool
    rerun_failed: bool
    at_least_once: bool | None
    on_interrupt: OnInterrupt = "wait"
    executor: Executor | None

    def __attrs_post_init__(self) -> None:
        for name in ("concurrency", "max_attempts"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidRequestError(
                    f"{name} must be a whole number, 1 or more, not {value!r}."
                )
        rate = self.rate
        if rate is not None and not (isinstance(rate, int | float) and 0 < rate < math.inf):
            raise InvalidRequestError(
                f"rate must be a number of runs per second above 0, not {rate!r}."
            )
        if self.at_least_once not in {None, True, False}:
            raise InvalidRequestError(
                f"at_least_once must be True, False or None, not {self.at_least_once!r}."
            )
        if self.on_interrupt not in {"wait", "stop", "detach"}:
            raise InvalidRequestError(
                f"on_interrupt must be 'wait', 'stop' or 'detach', not {self.on_interrupt!r}."
            )


class Source:
    """Gives rows, each once, to several tasks.

    Args:
        blocks: The rows in lists; they are read in a thread.
    """

    def __init__(self, blocks: Iterable[list[RowRecord]]) -> None:
        self._blocks = iter(blocks)
        self._rows: deque[RowRecord] = deque()
        self._reading = Lock()
        self.is_exhausted = False
        """Whether all rows were read."""

    async def next(self) -> RowRecord | None:
        """The next row; None if there are no more."""
        while not self._rows and not self.is_exhausted:
            async with self._reading:
                if not self._rows and not self.is_exhausted:
                    # A source that blocks for ever must not keep a batch from ending.
                    read = partial(next, self._blocks, ())
                    found = await to_thread.run_sync(read, abandon_on_cancel=True)
                    self._rows.extend(found)
                    self.is_exhausted = not found
        return self._rows.popleft() if self._rows else None


class Worker:
    """Runs rows; the limiter and the permits limit how many at a time."""

    def __init__(
        self,
        client: AsyncDifyWorkflow,
        columns: Columns,
        writer: JournalWriter,
        limiter: AdaptiveLimit,
        on_result: OnResult,
        *,
        monitor: ServerMonitor,
        max_attempts: int = 1,
        permits: DaskPermits | None = None,
    ) -> None:
        self._client = client
        self._sender = _sender_like(client)
        self._monitor = monitor
        self._columns = columns
        self._writer = writer
        self._limiter = limiter
        self._on_result = on_result
        self._max_attempts = max_attempts
        self._permits = permits
        self._tasks: dict[int, str] = {}
        self._sending: set[int] = set()
        self._all_sent = Event()
        self._leaves_at = float("inf")
        self._is_stopping = False
        self._fatal: DifyError | None = None

    async def work(self, source: Source, slots: int) -> None:
        """Run all rows of a source.

        If it ends early, requests that were just sent get a moment to report the ids of their runs.
        Rows that were claimed but not sent are released.

        Raises:
            DifyError: An error that affects every row.
        """
        ended, cut = Event(), CancelScope(shield=True)

        async def run() -> None:
            try:
                with cut:
                    async with create_task_group() as group:
                        for _ in range(slots):
                            group.start_soon(self._slot, source)
            finally:
                ended.set()

        async with create_task_group() as group:
            group.start_soon(run)
            try:
                await ended.wait()
            except BaseException:
                with CancelScope(shield=True):
                    await self.finish_sending()
                cut.cancel()
                raise
        await self._writer.flush()
        if self._fatal is not None:
            raise self._fatal

    def leave_rest(self) -> None:
        """Start no more runs; active runs are followed to their ends."""
        self._limiter.close()

    async def finish_sending(self) -> None:
        """Start no more runs, and wait a moment for the ids of runs that were just sent.

        With the ids, the next call can follow these runs. Without them, it is not known whether the
        rows have run.
        """
        self.leave_rest()
        now = time.monotonic()
        self._leaves_at = min(self._leaves_at, now + _SENDING_SECONDS)
        with move_on_after(max(0.0, self._leaves_at - now)):
            while self._sending:
                await self._all_sent.wait()

    def _is_sent(self, number: int) -> None:
        self._sending.discard(number)
        if not self._sending:
            all_sent, self._all_sent = self._all_sent, Event()
            all_sent.set()

    async def stop_runs(self) -> None:
        """Stop the active runs on the server; their rows will be run again later."""
        self._is_stopping = True
        async with create_task_group() as group:
            for task_id in list(self._tasks.values()):
                group.start_soon(self._stop, task_id)

    async def _stop(self, task_id: str) -> None:
        try:
            await self._client.stop_workflow_stream(task_id)
        except DifyError:
            return  # the run continues to its end

    async def _slot(self, source: Source) -> None:
        if self._permits is None:
            await self._settle_all(source)
            return
        while not await self._permits.acquire():
            if source.is_exhausted or self._limiter.is_closed:
                return
        try:
            await self._settle_all(source)
        finally:
            with CancelScope(shield=True):
                await self._permits.release()

    async def _settle_all(self, source: Source) -> None:
        while (record := await source.next()) is not None:
            left: RowRecord | None = record
            while left is not None:
                if not await self._limiter.enter():
                    return
                try:
                    left = await self._take_turn(left)
                finally:
                    self._limiter.leave()

    async def _take_turn(self, record: RowRecord) -> RowRecord | None:
        """Run or follow a row; return the row if it needs another turn."""
        begun = time.monotonic()
        run_id: str | None = record.run_id
        try:
            if record.state == RUNNING and run_id is not None:
                return await self._end(record, await self._client.wait_for_run(run_id))
            inputs = self._columns.inputs(record.row)
            inputs = {name: await self._uploaded(value) for name, value in inputs.items()}
            if not await self._writer.claim(record.number):
                return None  # another process has sent it
            if self._limiter.is_closed:  # meanwhile
                self._writer.note(Release(record.number, was_sent=False))
                return None
            self._sending.add(record.number)
            record = attrs.evolve(record, attempts=record.attempts + 1, state=RUNNING, run_id=None)
            return await self._end(record, await self._run(record, inputs))
        except _RunError as failed:
            known = attrs.evolve(record, run_id=failed.run_id)
            return await self._after(failed.error, known, begun)
        except DifyError as error:
            return await self._after(error, record, begun)
        finally:
            self._is_sent(record.number)

    async def _run(self, record: RowRecord, inputs: JSONObject) -> WorkflowRunResponse:
        """Send a row's run and follow it to its end.

        Raises:
            _RunError: The run could not be followed to its end.
        """
        run_id: str | None = None
        stream = self._sender.run_workflow_stream(inputs)
        self._limiter.sent(record.number)
        try:
            async with stream:
                started = await stream.started()
                run_id = started.id
                self._writer.note(Began(record.number, run_id, started.task_id))
                self._is_sent(record.number)
                self._limiter.started(record.number)
                if started.task_id is not None:
                    self._tasks[record.number] = started.task_id
                    if self._is_stopping:
                        await self._stop(started.task_id)
                return await stream.result()
        except DifyError as error:
            if run_id is None and error.run_id is not None:
                run_id = error.run_id  # the error has it
                self._writer.note(Began(record.number, run_id, error.task_id))
            raise _RunError(error, run_id) from error
        except BaseException:  # cancelled
            if not stream.request_sent:
                self._writer.note(Release(record.number, was_sent=False))
            raise
        finally:
            self._limiter.failed(record.number)
            self._tasks.pop(record.number, None)

    async def _uploaded(self, value: JSON) -> JSON:
        if isinstance(value, Path):
            return (await self._client.upload_file(value)).as_input()
        if is_list(value):
            return [await self._uploaded(item) for item in value]
        return value

    async def _end(self, record: RowRecord, run: WorkflowRunResponse) -> RowRecord | None:
        """Handle a run that has ended or waits for people; return the row for another attempt."""
        self._limiter.touch()
        is_shutdown = run.stop_reason == "shutdown"
        has_more = record.attempts < self._max_attempts
        may_repeat = has_more and (is_shutdown or run.status == "failed")
        if may_repeat or (run.status == "stopped" and self._is_stopping):
            return await self._repeated(record, run.id, was_shut_down=is_shutdown)
        self._report(RUNNING if run.status == "paused" else DONE, record.with_run(run))
        return None

    async def _repeated(
        self, record: RowRecord, run_id: str | None, *, was_shut_down: bool = False
    ) -> RowRecord:
        """Release a row and return it, so that it is sent again."""
        await self._writer.write(
            Release(record.number, was_sent=True, run_id=run_id, was_shut_down=was_shut_down)
        )
        return attrs.evolve(record, state=PENDING, run_id=None)

    def _report(self, state: str, result: RowResult) -> None:
        # The slot is free for the next row while the journal is written.
        self._writer.note(Ended(state, result), lambda: self._on_result(result))

    async def _after(self, error: DifyError, record: RowRecord, begun: float) -> RowRecord | None:
        """Handle a run that ended with an error; return the row if it gets another turn."""
        what = classify(error)
        has_no_run = record.state == RUNNING and record.run_id is None
        if has_no_run and what in {ErrorClass.FATAL, ErrorClass.REFUSED}:
            await self._writer.write(Release(record.number, was_sent=False))
            record = attrs.evolve(record, state=PENDING, attempts=record.attempts - 1)
        match what:
            case ErrorClass.FATAL:
                self._give_up(error)
                return None
            case ErrorClass.REFUSED | ErrorClass.BROKEN:
                await self._note_refusal(error, begun)
                return record
            case ErrorClass.UNCERTAIN:
                # The state in the journal says so. Its run is looked for at the end.
                if is_congestion(error):
                    await self._note_refusal(error, begun)
                return None
            case ErrorClass.LOST:
                self._report(UNKNOWN, record.without_run(UNKNOWN, str(error)))
            case ErrorClass.FAILED:
                is_last = record.attempts >= self._max_attempts
                if not is_last and not isinstance(error, InvalidRequestError):
                    return await self._repeated(record, record.run_id)
                self._report(DONE, record.without_run("failed", str(error)))
        return None

    async def _note_refusal(self, error: DifyError, begun: float) -> None:
        """Send fewer runs, and none while the server is unavailable."""
        if not self._limiter.refused(error, begun):
            self._give_up(error)
        elif may_be_away(error):
            try:
                await self._monitor.wait()
            except DifyError as absence:
                self._give_up(absence)

    def _give_up(self, error: DifyError) -> None:
        """Start no more runs; active runs end before the error is raised."""
        self._fatal = self._fatal or error
        self._limiter.close()


def _sender_like(client: AsyncDifyWorkflow) -> AsyncDifyWorkflow:
    """A client that sends each run once, and leaves retries and searches to the batch.

    After a refusal, the limiter sends fewer runs, but a client would repeat the request. The
    journal has the rows whose outcome is unknown, and the batch looks for all of them together.
    """
    pace = setup_of(client).pace
    sender = client.with_options(max_retries=0, queue_timeout=0, at_least_once=False)
    return with_pace(sender, attrs.evolve(pace, search=0.0))


class _RunError(Exception):
    """A run that was sent could not be followed to its end; with its id, if known."""

    def __init__(self, error: DifyError, run_id: str | None) -> None:
        super().__init__(error)
        self.error, self.run_id = error, run_id
