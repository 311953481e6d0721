"""The event stream of a run, for tasks: the I/O for the decisions of `StreamSession`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self

from anyio import Event

from .._http.async_network import SharedCall, Turn, begin_now, close_at_end, spawn
from .._http.failures import BodyClosedError
from .._http.options import NO_DEADLINE, Deadline
from .._json import JSONObject
from .._uncopied import Uncopied
from ..errors import APIConnectionError, DifyError, RunDeadlineExceededError
from ..events import TextChunk
from ..events.base import StreamEvent
from ..models import WorkflowStopResponse
from ..models.run import OutputsT
from .protocol import OpenStream, SendCall, Step, Wait
from .session import StreamSession

if TYPE_CHECKING:
    from .._http.async_transport import AsyncByteStream, AsyncTransport
    from ..models import WorkflowRunResponse

STOP_SECONDS = 5.0
"""Timeout for stopping a run whose deadline has passed (seconds)."""


class AsyncWorkflowStream(Uncopied, AsyncIterator[StreamEvent[object]], Generic[OutputsT]):
    """The events of a run as they arrive: an async context manager and async iterator.

    Iteration ends when the run has ended or paused. Leaving the ``async with`` block, breaking out
    of the loop, any exception and cancellation close the connection at once. The run itself
    continues; `stop` ends it. You can also read single events with ``await anext(stream)``.

    The request is sent when it is awaited, entered or iterated.

    Raises:
        RunDeadlineExceededError: During iteration: the deadline passed before the run ended.
        WorkflowStreamError: During iteration: the server reported that it could not start the run.
        StreamInterruptedError: During iteration: the connection broke, fell silent or ended before
            the run ended, and the client could not reconnect (or `recover` is off).
        RunLostError: During iteration: the connection broke, and the run's outcome cannot be found
            out.
        RunOutcomeUnknownError: During iteration: the connection broke before the run's id came.
        StreamDecodeError: During iteration: an event is larger than ``max_event_bytes``.
        InvalidResponseError: During iteration: an event of another run came.

    Example::

        async with workflow.run_workflow_stream({"name": "Ann"}) as stream:
            async for event in stream:
                print(event.event, event.node_title)
            run = await stream.result()
    """

    _instead = "pass its run_id on, for resume_workflow_stream or wait_for_run"

    def __init__(
        self,
        session: StreamSession,
        opening: Callable[[], Awaitable[AsyncByteStream]] | None,
        stop: Callable[[str, Deadline], Awaitable[WorkflowStopResponse]],
        transport: AsyncTransport,
    ) -> None:
        self._session = session
        self._closed = False
        self._body: AsyncByteStream | None = None
        self._stop = stop
        self._transport = transport
        self._turn = Turn()
        self._closing: Event | None = None
        self._opening = opening and SharedCall(opening, session.errors.left_early)
        begin_now(self.__aenter__)

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
        # A generator, because only a generator notices when a loop is left.
        ready = self._session.ready
        try:
            while ready or await self._read_until(ready.__len__):
                try:
                    event = ready.popleft()
                except IndexError:  # another thread took it, for example in `result`
                    continue
                yield event
            await self._finish()
            self._at_end()
        finally:
            await close_at_end(self.close, self.__del__)

    async def __anext__(self) -> StreamEvent[object]:
        event = await self._advance()
        if event is None:
            raise StopAsyncIteration
        return event

    @property
    async def text(self) -> AsyncIterator[str]:
        """Only the text of the run, piece by piece. Reading it reads the stream."""
        try:
            while (event := await self._advance()) is not None:
                if isinstance(event, TextChunk):
                    yield event.data.text
        finally:
            await close_at_end(self.close, self.__del__)

    @property
    def run_id(self) -> str | None:
        """Id of the run (UUID), from the first event that has it; None before that."""
        return self._session.run.run_id

    @property
    def task_id(self) -> str | None:
        """Id of the task, from the first event that has it; None before that."""
        return self._session.run.task_id

    @property
    def request_sent(self) -> bool:
        """Whether the server may have received the request for the run.

        It is False if the call failed or was cancelled during the check of the inputs or while
        connecting: nothing was run then. It is also False for a run that was started before.
        """
        return self._session.is_sent

    @property
    def last_activity(self) -> datetime | None:
        """When the server last sent anything, also a ping (UTC); None before that."""
        heard_at = self._session.feed.last_activity
        if heard_at is None:
            return None
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - heard_at)

    def node_outputs(self) -> dict[str, JSONObject]:
        """The outputs of the nodes that have ended so far.

        Returns:
            Outputs by node id. For a node that ran several times, in an iteration or loop, these
            are the last ones.

        Raises:
            StreamDecodeError: An event of a node cannot be read.

        Example::

            async with workflow.run_workflow_stream({"name": "Ann"}) as stream:
                await stream.result()
                for node_id, outputs in stream.node_outputs().items():
                    print(node_id, outputs)
        """
        return self._session.run.nodes.outputs()

    async def result(self) -> WorkflowRunResponse[OutputsT]:
        """Read the stream to its end and return the run.

        Returns:
            The run with its status, outputs and figures. A failed run is returned, too.

        Raises:
            StreamError: The stream failed, or was closed before the run ended.

        Example::

            async with workflow.run_workflow_stream({"name": "Ann"}) as stream:
                run = await stream.result()
                print(run.status, run.outputs)
        """
        while await self._advance() is not None:
            pass
        return self._session.result()

    async def stop(self) -> WorkflowStopResponse:
        """Stop the run on the server. The stream then ends with its final event.

        If the task id is not known yet, this waits for the first event that has it.

        Returns:
            The server's answer. The run has not ended yet: read the stream to its end.

        Raises:
            StreamError: The stream ended before an event had the task id.
            DifyError: The request to stop failed.

        Example::

            async with workflow.run_workflow_stream({"name": "Ann"}) as stream:
                await stream.stop()
                run = await stream.result()
                print(run.status)  # "stopped", unless it had ended
        """
        await self._read_until(lambda: self.task_id)
        if self.task_id is None:
            if self._session.has_ended_well:  # the run was refused: there is no task to stop
                return WorkflowStopResponse("success")
            raise self._session.failure or self._session.errors.without_task()
        try:
            return await self._stop(self.task_id, NO_DEADLINE)
        except DifyError as error:
            self._session.errors.name_run(error)
            raise

    async def started(self) -> WorkflowRunResponse[OutputsT]:
        """Read until the ids of the run and its task are known.

        Returns:
            The run at that time, usually with the status ``"running"``.

        Raises:
            StreamError: The stream ended before.

        Example::

            async with workflow.run_workflow_stream({"name": "Ann"}) as stream:
                run = await stream.started()
                print(run.id, run.task_id)
        """
        await self._read_until(lambda: self._session.has_ids)
        return self._session.started()

    def read_in_background(self) -> None:
        """Read the stream to its end in the background.

        Example::

            stream = workflow.run_workflow_stream({"name": "Ann"})
            print((await stream.started()).id)
            stream.read_in_background()
        """
        spawn(self._read_to_end)

    async def _read_to_end(self) -> None:
        with suppress(DifyError):
            await self.result()

    async def close(self) -> None:
        """Close the connection. The run continues.

        Example::

            stream = workflow.run_workflow_stream({"name": "Ann"})
            run = await stream.started()
            await stream.close()
            run = await workflow.wait_for_run(run.id)
        """
        self._closed = True
        self._session.leave()
        self._turn.wake()
        if self._closing is not None:
            self._closing.set()
        if self._body is not None:
            await self._body.close()

    def __del__(self) -> None:
        self._closed = True
        if self._body is not None:
            self._body.abandon()
        self._session.leave(in_finalizer=True)

    def __repr__(self) -> str:
        state = "ended" if self._session.ended else "closed" if self._closed else "open"
        return f"<{type(self).__name__} run_id={self.run_id!r} {state}>"

    async def _opened(self, opening: SharedCall[AsyncByteStream]) -> None:
        if self._closed:
            raise self._session.errors.left_early()
        body = await opening.outcome()
        if self._opening is opening:
            self._opening, self._body = None, body
            self._session.begin(body.headers, body.key)
        if self._closed:  # meanwhile, by another task
            await body.close()
            raise self._session.errors.left_early()

    async def _advance(self) -> StreamEvent[object] | None:
        ready = self._session.ready
        while ready or await self._read_until(ready.__len__):
            with suppress(IndexError):  # another thread took it
                return ready.popleft()
        await self._finish()
        self._at_end()
        return None

    def _lose(self, error: APIConnectionError) -> None:
        """Handle a broken connection. If this program closed it, there is no recovery."""
        error.__traceback__ = None  # its frames contain the answer, which may have the key
        if isinstance(error, BodyClosedError):
            self._session.fail(self._session.interrupted(error))
        else:
            self._session.finish(error)

    def _at_end(self) -> None:
        """Check that the stream has ended well.

        Raises:
            StreamError: It failed, or was closed early.
        """
        if self._session.failure is not None:
            raise self._session.failure
        if not self._session.ended:
            raise self._session.errors.left_early()

    async def _finish(self) -> None:
        """Close the connection of a stream that has ended, or keep it for another call."""
        if not (self._session.ended or self._closed):
            return  # called from a signal handler, while the connection is in use
        body, self._body = self._body, None
        if body is not None and self._session.has_ended_well:
            await body.end()
        elif body is not None:
            await body.close()

    async def _read_until(self, is_there: Callable[[], object]) -> bool:
        """Read until `is_there` is true; False if the stream ends before that.

        One task reads at a time; the others wait for it.
        """

        def is_over() -> object:
            return is_there() or self._session.ended or self._closed

        while not is_there():
            if self._session.ended or self._closed or self._turn.is_ours():
                return False
            if not await self._turn.acquire(is_over):
                continue
            try:
                if self._opening is None:
                    await self._read_more()
                else:
                    await self._opened(self._opening)
            finally:
                self._turn.release()
        return True

    async def _read_more(self) -> None:
        """Read more bytes, or find the run again if its stream is lost."""
        session, body = self._session, self._body
        if body is not None and session.feed.is_steady:
            within = None  # there is nothing to decide
        elif body is None or session.needs_recovery:
            await self._recover()
            return
        elif session.is_after_error and not body.can_bound_waits:
            session.finish()
            await self._release()
            return
        else:
            within = session.read_timeout
        try:
            chunk = await body.read(within)
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
            self._receive(chunk)
        if session.failure is not None:
            await self.close()

    def _receive(self, chunk: bytes | None) -> None:
        """Process bytes of the stream; None if the server has ended it."""
        if chunk is not None and self._session.feed.is_steady:  # nothing to decide, as above
            self._session.feed.receive(chunk, self._session)
        else:
            self._session.receive(chunk)

    async def _recover(self) -> None:
        """Find the run again. The session has the result."""
        if self._session.is_lost:
            await self._release()
        try:
            await self._transport.carry_out(self._session.recovered(), self._do)
        except RunDeadlineExceededError:
            await self._expire()
        except DifyError as error:
            self._session.fail(error)
        except BaseException:
            await self.close()
            raise
        if self._session.ended:
            await self.close()

    async def _release(self) -> None:
        """Close the connection of a stream that is lost."""
        body, self._body = self._body, None
        if body is not None:
            await body.close()

    async def _do(self, step: Step) -> object:
        """Carry out a step of the recovery."""
        if self._closed:
            raise self._session.errors.left_early()
        self._session.check_deadline()
        match step:
            case OpenStream(call=call):
                self._body = body = await self._transport.open(call)
                if self._closed:  # meanwhile, by another task
                    await body.close()
                    raise self._session.errors.left_early()
                self._session.begin(body.headers, body.key)
                return None
            case SendCall(call=call):
                return await self._transport.send(call)
            case Wait(seconds=seconds):
                self._closing = closing = Event()
                if self._closed:  # meanwhile, by another task
                    raise self._session.errors.left_early()
                await self._transport.wait(self._session.deadline.bound(seconds) or 0.0, closing)
                self._session.check_deadline()
                return None

    async def _expire(self) -> None:
        """Handle a deadline that has passed: stop the run if `stop_on_deadline` is set."""
        problem: DifyError | None = None
        if (task_id := self._session.task_to_stop) is not None:
            try:
                await self._stop(task_id, Deadline("stop_workflow_stream", STOP_SECONDS))
            except DifyError as error:
                problem = error
        self._session.expire(problem)
