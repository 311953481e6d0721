"""What the bytes of an event stream mean: its events, its end and its failure. Sans-I/O."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from json import JSONDecodeError

from ._deadline import NO_DEADLINE, Deadline
from ._event import FailureEvent, FinalEvent, StreamEvent, UnknownEvent
from ._json import JSONObject, abridged, decode, decode_fast, is_object, may_be_rounded
from ._reading import SHAPE_ERRORS
from ._run_state import RunState
from ._secret import ApiKey
from ._sse import EventTooLargeError, Message, SSEDecoder
from .errors import (
    APIConnectionError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
    StreamDecodeError,
    StreamError,
    StreamInterruptedError,
    WorkflowStreamError,
)
from .events import EVENT_CLASSES, WorkflowPaused
from .models import WorkflowRunResponse

ERROR_GRACE = 1.0
"""Seconds to wait, after an error event, for the final event that servers from 1.15 on send behind
it within milliseconds; older ones leave the stream open and silent (DIFY.md section 0.4)."""


class StreamCore:
    """What the bytes of a stream mean: its events, its end and its failure.

    Args:
        operation: Name of the method that was called.
        max_event_bytes: Largest event in bytes.
        ends_at_pause: Whether a pause ends the stream.
        run_id: Id of the run, where it is known beforehand.
        deadline: When the stream has to be over.
    """

    def __init__(
        self,
        operation: str,
        *,
        max_event_bytes: int,
        ends_at_pause: bool = True,
        run_id: str | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> None:
        self.operation = operation
        self.deadline = deadline
        self.run = RunState(run_id)
        self.ready: deque[StreamEvent[object]] = deque()
        self.ended = False
        self.failure: DifyError | None = None
        self.last_activity: float | None = None
        self._decoder = SSEDecoder(max_event_bytes)
        self._ends_at_pause = ends_at_pause
        self._count = 0
        self._last_event: StreamEvent[object] | None = None
        self._error: FailureEvent[object] | None = None
        self._behind_error: list[StreamEvent[object]] = []
        self._grace_ends = 0.0
        self._key: ApiKey | None = None

    @property
    def waits_briefly(self) -> bool:
        """Whether nothing but what follows an error event at once is waited for."""
        return self._error is not None

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the next bytes; None for the stream's own bound."""
        return max(0.001, self._grace_ends - time.monotonic()) if self._error else None

    def begin(self, headers: Mapping[str, str], key: ApiKey) -> None:
        """Take the head of the answer; a coming server names the run there (DIFY-VERSIONS.md).

        Args:
            headers: Headers of the answer, names in lower case.
            key: Key of the call, which no message may show.
        """
        self._key = key
        self.run.run_id = self.run.run_id or headers.get("x-workflow-run-id")

    def feed(self, chunk: bytes) -> None:
        """Take bytes as they arrived."""
        self.last_activity = time.time()
        if self._error is not None and time.monotonic() > self._grace_ends:
            self.finish()
            return
        try:
            for message in self._decoder.feed(chunk):
                self._take(message)
                if self.ended:
                    return
        except EventTooLargeError as error:
            self._fail(self._decode_error(str(error)))

    def finish(self, cause: APIConnectionError | None = None) -> None:
        """Take the end of the bytes.

        Args:
            cause: Why they ended; None where the server ended them.
        """
        if self.ended:
            return
        if self._error is not None:
            self._fail(self._stream_error(self._error))
            return
        how = str(cause).removeprefix(f"{self.operation}: ") if cause else "the server ended it"
        rest = self._shown(self._decoder.unfinished)
        shown = f" in an event ({rest})" if rest else ""
        failure = StreamInterruptedError(
            f"{self.operation}: the stream of {self._run_name} broke off{shown} before the run's "
            f"end: {how}",
            run_id=self.run.run_id,
            task_id=self.run.task_id,
            last_event=self._last_event,
        )
        failure.__cause__ = cause
        self._fail(failure)

    @property
    def task_to_stop(self) -> str | None:
        """Id of the task that is stopped when the deadline has passed; None where none is."""
        return self.run.task_id if self.deadline.stops and not self._error else None

    def expire(self, problem: DifyError | None = None) -> None:
        """Take the end of the deadline, behind which nothing is read.

        Args:
            problem: Why the task could not be stopped; None where there was none to stop, too.
        """
        if self._error is not None:
            self._fail(self._stream_error(self._error))
            return
        stopped = self.task_to_stop is not None and problem is None
        self.run.stop_requested = self.run.stop_requested or stopped
        if stopped:
            then = f"a stop was sent for its task {self.run.task_id}."
        elif problem is not None:
            then = f"it goes on, since stopping it failed: {problem}"
        elif self.deadline.stops:
            then = "it goes on, since no event has named its task, which stops it."
        else:
            then = "it goes on."
        self._fail(
            RunDeadlineExceededError(
                f"{self.operation}: the deadline of {self.deadline.seconds:g} s passed before the "
                f"end of {self._run_name}; {then}",
                request_sent=True,
                stop_requested=stopped,
                run_id=self.run.run_id,
                task_id=self.run.task_id,
                last_event=self._last_event,
            )
        )

    def result(self) -> WorkflowRunResponse:
        """The run, once the stream has ended.

        Raises:
            StreamError: It ended otherwise than with a final event.
            InvalidResponseError: The final event has not the shape that openapi.yaml gives it.
        """
        try:
            result = self.run.result()
        except SHAPE_ERRORS as error:
            shown = abridged(self._hidden(abridged(self._last_event and self._last_event.raw)))
            raise InvalidResponseError(
                f"{self.operation}: the final event does not have the expected shape ({error!r}): "
                f"{shown}"
            ) from error
        if result is None:
            raise self.failure or self.left_early()
        return result

    def left_early(self) -> StreamError:
        """The exception for a stream that was closed before its end."""
        what = (
            "given up before the server answered, so whether the run has started is not known."
            if self._key is None
            else f"the stream of {self._run_name} was closed before the run's end; look the run up "
            "with info()."
        )
        return StreamError(
            f"{self.operation}: {what}",
            run_id=self.run.run_id,
            task_id=self.run.task_id,
            last_event=self._last_event,
        )

    def without_task(self) -> StreamError:
        """The exception for a stop of a run whose events never named its task."""
        return StreamError(
            f"{self.operation}: no event named the task of {self._run_name}, which stops it.",
            run_id=self.run.run_id,
            last_event=self._last_event,
        )

    def _take(self, message: Message) -> None:
        if message.event == "ping":
            return
        self._count += 1
        payload = self._decoded(message)
        if payload is None or payload.get("event") == "ping":
            return
        event = EVENT_CLASSES.get(payload["event"], UnknownEvent)(payload)
        self.run.take(event)
        if self._error is not None:
            self._behind_error.append(event)
            if isinstance(event, FinalEvent):
                self._fail(self._stream_error(self._error))
        elif isinstance(event, FailureEvent):
            self._error = event
            self._grace_ends = time.monotonic() + ERROR_GRACE
        else:
            self.ready.append(event)
            self._last_event = event
            if isinstance(event, FinalEvent):
                self.ended = self._ends_at_pause or not isinstance(event, WorkflowPaused)

    def _decoded(self, message: Message) -> JSONObject | None:
        """The message as a JSON object with a name under ``event``; None where it is malformed."""
        if message.data is None:
            return {"event": message.event}
        try:
            payload = decode_fast(message.data)
        except ValueError as error:
            place = error.pos if isinstance(error, JSONDecodeError) else 0
            self._malformed(f"is not JSON ({error})", message.data, place)
            return None
        if not is_object(payload):
            self._malformed("is no JSON object", message.data)
            return None
        name = payload.get("event")
        if name != "text_chunk" and may_be_rounded(message.data):  # text chunks hold no numbers
            payload = exact if is_object(exact := decode(message.data)) else payload
        if isinstance(name, str) and name:
            return payload
        if message.event:
            return {**payload, "event": message.event}
        self._malformed("has no name", message.data)
        return None

    def _malformed(self, what: str, data: bytes, place: int = 0) -> None:
        self._fail(self._decode_error(f"event {self._count} {what}: {self._shown(data, place)}"))

    def _shown(self, data: bytes, place: int = 0) -> str:
        """What came, for people: around this place, and without the key."""
        text = data.decode("utf-8", "replace")
        start = max(0, place - 100)
        return ("… " if start else "") + abridged(self._hidden(text[start : start + 1000]))

    def _hidden(self, text: str) -> str:
        return self._key.hide_in(text) if self._key else text

    def _decode_error(self, what: str) -> StreamDecodeError:
        return StreamDecodeError(
            f"{self.operation}: the stream of {self._run_name} cannot be read: {what}",
            run_id=self.run.run_id,
            task_id=self.run.task_id,
            last_event=self._last_event,
        )

    def _stream_error(self, error: FailureEvent[object]) -> WorkflowStreamError:
        code = error.raw.get("code")
        return WorkflowStreamError(
            f"{self.operation}: the server could not set the run up"
            f"{f' ({code})' if code else ''}: {self._hidden(str(error.message))}",
            event=error,
            following=self._behind_error,
            run_id=self.run.run_id,
            task_id=self.run.task_id,
            last_event=self._last_event,
        )

    def _fail(self, failure: DifyError) -> None:
        self.failure = failure
        self.ended = True

    @property
    def _run_name(self) -> str:
        return f"run {self.run.run_id}" if self.run.run_id else "a run whose id is not known yet"
