"""The event stream of a run: I/O around what `StreamCore` decides."""

from __future__ import annotations

import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
)
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ._conversation import Ask, Reopen, Step, Wait
from ._deadline import NO_DEADLINE, Deadline
from ._event import StreamEvent
from ._flight import Flight, new_event, spawn
from ._json import JSONObject
from ._stream_core import StreamCore
from ._transport import BodyClosedError
from .errors import APIConnectionError, DifyError, RunDeadlineExceededError
from .events import TextChunk
from .models import WorkflowRunResponse, WorkflowStopResponse

if TYPE_CHECKING:
    from anyio import Event

    from ._async_body import AsyncByteStream
    from ._async_transport import AsyncTransport
    from ._sync_body import ByteStream
    from ._sync_transport import Transport


_STOP_SECONDS = 5.0
"""Seconds that the stop of a run may take whose deadline has passed."""


class _StreamView:
    """What both streams show of their run."""

    def __init__(self, core: StreamCore) -> None:
        self._core = core
        self._closed = False

    @property
    def run_id(self) -> str | None:
        """Id of the run (UUID), from whichever event first brought it; None before that."""
        return self._core.run.run_id

    @property
    def task_id(self) -> str | None:
        """Id of the task, from whichever event first brought it; None before that."""
        return self._core.run.task_id

    @property
    def last_activity(self) -> datetime | None:
        """When the server last sent anything (UTC), its pings included; None before that."""
        seconds = self._core.last_activity
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    def node_outputs(self) -> dict[str, JSONObject]:
        """Outputs by node id, of the nodes that have ended so far.

        A node that ran several times, in an iteration or a loop, has its last outputs.
        """
        return dict(self._core.run.node_outputs)

    def __repr__(self) -> str:
        state = "ended" if self._core.ended else "closed" if self._closed else "open"
        return f"<{type(self).__name__} run_id={self.run_id!r} {state}>"

    def _lose(self, error: APIConnectionError) -> None:
        """Take that the connection broke; where that was wanted, nothing is recovered."""
        if isinstance(error, BodyClosedError):
            self._core.fail(self._core.interrupted(error))
        else:
            self._core.finish(error)

    def _at_end(self) -> None:
        """Return where the stream has ended as it should.

        Raises:
            StreamError: It has not.
        """
        if self._core.failure is not None:
            raise self._core.failure
        if not self._core.ended:
            raise self._core.left_early()


class WorkflowStream(_StreamView, Iterator[StreamEvent[object]]):
    """The events of a run as they come: a context manager and an iterator.

    Iteration ends when the run has ended or paused. Leaving the ``with`` block, breaking out of
    the loop and any exception close the connection at once; the run itself goes on (`stop` ends
    it). Take single events with ``next(stream)`` and go on afterwards.

    Raises:
        RunDeadlineExceededError: While iterating: the deadline passed before the run's end.
        WorkflowStreamError: While iterating: the server reported that it could not set the run up.
        StreamInterruptedError: While iterating: the connection broke, fell silent, or ended before
            the run's end, and the server could not be reached again (or need not: `recover`).
        RunLostError: While iterating: the connection broke, and the run's outcome cannot be known.
        RunOutcomeUnknownError: While iterating: the connection broke before the run's id came.
        StreamDecodeError: While iterating: an event cannot be read.
    """

    def __init__(
        self,
        core: StreamCore,
        body: ByteStream | None,
        stop: Callable[[str, Deadline], WorkflowStopResponse],
        transport: Transport,
    ) -> None:
        self._body = body
        super().__init__(core)
        if body is not None:
            core.begin(body.headers, body.key)
        self._stop = stop
        self._transport = transport
        self._closing = threading.Event()
        self._turn = threading.Condition()
        self._reader: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Generator[StreamEvent[object], None, None]:
        # A generator, because that is what notices when a loop is left.
        try:
            while (event := self._advance()) is not None:
                yield event
        finally:
            self._abandon()

    def __next__(self) -> StreamEvent[object]:
        event = self._advance()
        if event is None:
            raise StopIteration
        return event

    @property
    def text(self) -> Iterator[str]:
        """The text of the run alone, piece by piece; reading it reads the stream."""
        for event in self:
            if isinstance(event, TextChunk):
                yield event.data.text

    def result(self) -> WorkflowRunResponse:
        """Read the stream to its end and return the run.

        Raises:
            StreamError: The stream failed, or was closed before the run's end.
        """
        while self._advance() is not None:
            pass
        return self._core.result()

    def stop(self) -> WorkflowStopResponse:
        """Stop the run on the server; the stream then ends with its final event.

        Where no event has brought the task id yet, it is waited for.

        Raises:
            StreamError: The stream ended before any event brought the task id.
            DifyError: The stop itself failed.
        """
        self._read_until(lambda: self.task_id)
        if self.task_id is None:
            raise self._core.failure or self._core.without_task()
        return self._stop(self.task_id, NO_DEADLINE)

    def started(self) -> WorkflowRunResponse:
        """Read until the run's ids are known, and return the run as it is then.

        Raises:
            StreamError: The stream ended before.
        """
        self._read_until(lambda: self._core.has_ids)
        return self._core.started()

    def read_behind(self) -> None:
        """Go on reading the stream to its end behind the caller's back."""
        threading.Thread(target=self._read_to_end, name="dify-run", daemon=True).start()

    def _read_to_end(self) -> None:
        with suppress(DifyError):
            self.result()

    def close(self) -> None:
        """Close the connection; the run goes on."""
        self._closed = True
        self._closing.set()
        if self._body is not None:
            self._body.close()

    def __del__(self) -> None:
        self._abandon()

    def _abandon(self) -> None:
        """Close the connection from a finalizer."""
        self._closed = True
        if self._body is not None:
            self._body.abandon()

    def _advance(self) -> StreamEvent[object] | None:
        ready = self._core.ready
        while True:
            try:
                return ready.popleft()
            except IndexError:
                if not self._read_until(ready.__len__):
                    self._at_end()
                    return None

    def _read_until(self, is_there: Callable[[], object]) -> bool:
        """Read until something is there; False where nothing is left to read before it is.

        One thread reads at a time; the others wait for what it finds.
        """
        while True:
            with self._turn:
                if is_there():
                    return True
                if self._core.ended or self._closed or self._reader == threading.get_ident():
                    return False  # the last one: a signal's handler, which would wait for itself
                if self._reader is not None:
                    self._turn.wait()
                    continue
                self._reader = threading.get_ident()
            try:
                if self._core.needs_recovery or self._body is None:
                    self._recover()
                else:
                    self._take_bytes(self._body)
            finally:
                with self._turn:
                    self._reader = None
                    self._turn.notify_all()

    def _recover(self) -> None:
        """Find the run again; what comes of it is in the core."""
        try:
            self._transport.carry_out(self._core.recovered(), self._do)
        except RunDeadlineExceededError:
            self._expire()
        except DifyError as error:
            self._core.fail(error)
        except BaseException:
            self.close()
            raise
        if self._core.ended:
            self.close()

    def _do(self, step: Step) -> object:
        """Do what the recovery asks for."""
        if self._closed:
            raise self._core.left_early()
        self._core.check_deadline()
        match step:
            case Reopen(call):
                self._body = body = self._transport.open(call)
                if self._closed:  # meanwhile, by another thread
                    body.close()
                    raise self._core.left_early()
                self._core.begin(body.headers, body.key)
                return None
            case Ask(call):
                return self._transport.send(call)
            case Wait(seconds):
                self._transport.wait(self._core.deadline.bound(seconds) or 0.0, self._closing)
                self._core.check_deadline()
                return None

    def _take_bytes(self, body: ByteStream) -> None:
        core = self._core
        if core.waits_briefly and not body.can_bound_waits:
            core.finish()
        else:
            try:
                chunk = body.read(core.patience)
            except RunDeadlineExceededError:
                self._expire()
            except APIConnectionError as error:
                if self._closed:  # by another thread
                    return
                self._lose(error)
            except BaseException:
                self._closed = True
                raise
            else:
                core.finish() if chunk is None else core.feed(chunk)
        if core.ended:
            self.close()

    def _expire(self) -> None:
        """The deadline has passed: stop the run, where that was asked for."""
        problem: DifyError | None = None
        if (task_id := self._core.task_to_stop) is not None:
            try:
                self._stop(task_id, Deadline("stop_workflow_stream", _STOP_SECONDS))
            except DifyError as error:
                problem = error
        self._core.expire(problem)


class AsyncWorkflowStream(_StreamView, AsyncIterator[StreamEvent[object]]):
    """The events of a run as they come: an async context manager and async iterator.

    The request is sent when it is awaited, entered or iterated. Iteration ends when the run has
    ended or paused. Leaving the ``async with`` block, breaking out of the loop, any exception and
    cancellation close the connection at once; the run itself goes on (`stop` ends it). Take single
    events with ``await anext(stream)`` and go on afterwards.

    Raises:
        RunDeadlineExceededError: While iterating: the deadline passed before the run's end.
        WorkflowStreamError: While iterating: the server reported that it could not set the run up.
        StreamInterruptedError: While iterating: the connection broke, fell silent, or ended before
            the run's end, and the server could not be reached again (or need not: `recover`).
        RunLostError: While iterating: the connection broke, and the run's outcome cannot be known.
        RunOutcomeUnknownError: While iterating: the connection broke before the run's id came.
        StreamDecodeError: While iterating: an event cannot be read.
    """

    def __init__(
        self,
        core: StreamCore,
        opening: Callable[[], Awaitable[AsyncByteStream]] | None,
        stop: Callable[[str, Deadline], Awaitable[WorkflowStopResponse]],
        transport: AsyncTransport,
    ) -> None:
        super().__init__(core)
        self._opening = opening and Flight(opening, core.left_early())
        self._transport = transport
        self._body: AsyncByteStream | None = None
        self._stop = stop
        self._is_reading = False
        self._waiting: list[Event] = []
        self._closing: Event | None = None

    def __await__(self) -> Generator[None, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        if self._opening is not None:
            await self._opened(self._opening)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncGenerator[StreamEvent[object], None]:
        # A generator, because that is what notices when a loop is left.
        try:
            while (event := await self._advance()) is not None:
                yield event
        finally:
            await self.close()

    async def __anext__(self) -> StreamEvent[object]:
        event = await self._advance()
        if event is None:
            raise StopAsyncIteration
        return event

    @property
    async def text(self) -> AsyncIterator[str]:
        """The text of the run alone, piece by piece; reading it reads the stream."""
        try:
            while (event := await self._advance()) is not None:
                if isinstance(event, TextChunk):
                    yield event.data.text
        finally:
            await self.close()

    async def result(self) -> WorkflowRunResponse:
        """Read the stream to its end and return the run.

        Raises:
            StreamError: The stream failed, or was closed before the run's end.
        """
        while await self._advance() is not None:
            pass
        return self._core.result()

    async def stop(self) -> WorkflowStopResponse:
        """Stop the run on the server; the stream then ends with its final event.

        Where no event has brought the task id yet, it is waited for.

        Raises:
            StreamError: The stream ended before any event brought the task id.
            DifyError: The stop itself failed.
        """
        await self._read_until(lambda: self.task_id)
        if self.task_id is None:
            raise self._core.failure or self._core.without_task()
        return await self._stop(self.task_id, NO_DEADLINE)

    async def started(self) -> WorkflowRunResponse:
        """Read until the run's ids are known, and return the run as it is then.

        Raises:
            StreamError: The stream ended before.
        """
        await self._read_until(lambda: self._core.has_ids)
        return self._core.started()

    def read_behind(self) -> None:
        """Go on reading the stream to its end behind the caller's back."""
        spawn(self._read_to_end)

    async def _read_to_end(self) -> None:
        with suppress(DifyError):
            await self.result()

    async def close(self) -> None:
        """Close the connection; the run goes on."""
        self._closed = True
        if self._closing is not None:
            self._closing.set()
        if self._body is not None:
            await self._body.close()

    def __del__(self) -> None:
        if self._body is not None:
            self._body.abandon()

    async def _opened(self, opening: Flight[AsyncByteStream]) -> None:
        if self._body is not None:
            return
        if self._closed:
            raise self._core.left_early()
        body = await opening.outcome()
        if self._body is None:
            self._core.begin(body.headers, body.key)
            self._body = body
        if self._closed:  # meanwhile, by another task
            await body.close()
            raise self._core.left_early()

    async def _advance(self) -> StreamEvent[object] | None:
        ready = self._core.ready
        while True:
            try:
                return ready.popleft()
            except IndexError:
                if not await self._read_until(ready.__len__):
                    self._at_end()
                    return None

    async def _read_until(self, is_there: Callable[[], object]) -> bool:
        """Read until something is there; False where nothing is left to read before it is.

        One task reads at a time; the others wait for what it finds.
        """
        while not is_there():
            if self._core.ended or self._closed:
                return False
            if self._body is None and self._opening is not None:
                await self._opened(self._opening)
            elif self._is_reading:
                self._waiting.append(read := new_event())
                await read.wait()
            else:
                self._is_reading = True
                try:
                    if self._core.needs_recovery or self._body is None:
                        await self._recover()
                    else:
                        await self._take_bytes(self._body)
                finally:
                    self._is_reading = False
                    for read in self._waiting:
                        read.set()
                    self._waiting.clear()
        return True

    async def _recover(self) -> None:
        """Find the run again; what comes of it is in the core."""
        try:
            await self._transport.carry_out(self._core.recovered(), self._do)
        except RunDeadlineExceededError:
            await self._expire()
        except DifyError as error:
            self._core.fail(error)
        except BaseException:
            await self.close()
            raise
        if self._core.ended:
            await self.close()

    async def _do(self, step: Step) -> object:
        """Do what the recovery asks for."""
        if self._closed:
            raise self._core.left_early()
        self._core.check_deadline()
        match step:
            case Reopen(call):
                self._body = body = await self._transport.open(call)
                if self._closed:  # meanwhile, by another task
                    await body.close()
                    raise self._core.left_early()
                self._core.begin(body.headers, body.key)
                return None
            case Ask(call):
                return await self._transport.send(call)
            case Wait(seconds):
                self._closing = new_event()
                await self._transport.wait(self._core.deadline.bound(seconds) or 0.0, self._closing)
                self._core.check_deadline()
                return None

    async def _take_bytes(self, body: AsyncByteStream) -> None:
        core = self._core
        if core.waits_briefly and not body.can_bound_waits:
            core.finish()
        else:
            try:
                chunk = await body.read(core.patience)
            except RunDeadlineExceededError:
                await self._expire()
            except APIConnectionError as error:
                if self._closed:  # by another task
                    return
                self._lose(error)
            except BaseException:
                self._closed = True
                raise
            else:
                core.finish() if chunk is None else core.feed(chunk)
        if core.ended:
            await self.close()

    async def _expire(self) -> None:
        """The deadline has passed: stop the run, where that was asked for."""
        problem: DifyError | None = None
        if (task_id := self._core.task_to_stop) is not None:
            try:
                await self._stop(task_id, Deadline("stop_workflow_stream", _STOP_SECONDS))
            except DifyError as error:
                problem = error
        self._core.expire(problem)
