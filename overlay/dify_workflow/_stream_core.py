"""What the bytes of an event stream mean: its events, its end and its failure. Sans-I/O."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from json import JSONDecodeError

from ._conversation import Steps
from ._deadline import NO_DEADLINE, Deadline
from ._event import FailureEvent, FinalEvent, StreamEvent, UnknownEvent
from ._json import JSONObject, abridged, decode, decode_fast, is_object, may_be_rounded
from ._reading import SHAPE_ERRORS
from ._recovery import Recovery
from ._replay import Replay, StreamGap, forms_of, is_replayed
from ._results import final_payload
from ._run_state import RunState, StoppedTasks
from ._search import Search
from ._secret import ApiKey
from ._sse import EventTooLargeError, Message, SSEDecoder
from .errors import (
    APIConnectionError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
    RunLostError,
    StreamDecodeError,
    StreamError,
    StreamInterruptedError,
    WorkflowStreamError,
)
from .events import EVENT_CLASSES, TextChunk, WorkflowFinished, WorkflowPaused, WorkflowStarted
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
        run_id: Id of the run, where it is known beforehand: its stream is one of /events, whose
            pings do not come from the run's worker.
        follows: Whether the run is found first, because no stream of it is open yet.
        tells_all: Whether the stream begins with the run, or with what has been of it.
        settled: Ids of forms that have been answered: a pause for them alone is over.
        stops: The tasks that were asked to stop.
        server_version: Gives the version of the server, as far as it is known.
        deadline: When the stream has to be over.
    """

    def __init__(
        self,
        operation: str,
        *,
        max_event_bytes: int,
        ends_at_pause: bool = True,
        run_id: str | None = None,
        follows: bool = False,
        tells_all: bool = True,
        settled: frozenset[str] = frozenset(),
        stops: StoppedTasks | None = None,
        server_version: Callable[[], str | None] = lambda: None,
        deadline: Deadline = NO_DEADLINE,
    ) -> None:
        self.operation = operation
        self.deadline = deadline
        self.run = RunState(run_id, stops, server_version, was_resumed=bool(settled))
        self.is_lost = follows
        self.delivered = 0
        self.ready: deque[StreamEvent[object]] = deque()
        self.ended = False
        self.failure: DifyError | None = None
        self.last_activity: float | None = None
        self._max_event_bytes = max_event_bytes
        self._decoder = SSEDecoder(max_event_bytes)
        self._ends_at_pause = ends_at_pause
        self._count = 0
        self._last_event: StreamEvent[object] | None = None
        self._error: FailureEvent[object] | None = None
        self._behind_error: list[StreamEvent[object]] = []
        self._grace_ends = 0.0
        self._key: ApiKey | None = None
        self._recovery: Recovery | None = None
        self._search: Search | None = None
        self._interruption: StreamInterruptedError | None = None
        self._broke_at = 0.0
        self._replay = Replay(tells_all=tells_all)
        self._is_rejoined = False
        self._is_of_events = run_id is not None
        self._gap: StreamGap | None = None
        self._settled = settled
        self._last_sign = self._last_look = time.monotonic()

    def equip(self, recovery: Recovery, search: Search | None) -> None:
        """Let the run be found again when the stream is lost.

        Args:
            recovery: Finds it by its id.
            search: Looks for it where its id never came; None where it is known.
        """
        self._recovery, self._search = recovery, search

    @property
    def has_ids(self) -> bool:
        """Whether the ids of run and task are known."""
        return self.run.run_id is not None and self.run.task_id is not None

    def started(self) -> WorkflowRunResponse:
        """The run as far as it is known; ``"running"`` where it has not ended.

        Raises:
            StreamError: Its ids are not known.
        """
        if self.run.run_id is None:
            raise self.failure or self.left_early()
        return self.run.result() or WorkflowRunResponse(
            id=self.run.run_id, status="running", task_id=self.run.task_id
        )

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
        if not self._is_of_events:
            self.note_life()
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
        failure = self.interrupted(cause)
        if self._recovery is None if self.run.run_id else self._search is None:
            self._fail(failure)
            return
        self.is_lost, self._interruption = True, failure
        self._broke_at = time.monotonic()
        reason = str(cause or failure)
        self._gap = self._gap or StreamGap.after(reason, self.run.run_id, self.run.task_id)

    def interrupted(self, cause: DifyError | None = None) -> StreamInterruptedError:
        """The exception for a stream that broke off.

        Args:
            cause: Why it did; None where the server ended it.
        """
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
        return failure

    # ----------------------------------------------------------------------------- lost streams

    @property
    def needs_recovery(self) -> bool:
        """Whether the run is to be looked for before more of a stream is read.

        That is so where the stream is lost, or where it tells nothing but pings: runs that were
        started in blocking mode, or that were stopped, publish no end (DIFY.md section 5).
        """
        if self.is_lost or self._recovery is None or not self._is_of_events:
            return self.is_lost
        quiet_since = max(self._last_sign, self._last_look)
        return self._error is None and time.monotonic() - quiet_since > self._recovery.doubt

    def recovered(self) -> Steps[None]:
        """Find the run of a lost or silent stream again, or fail.

        Raises:
            DifyError: It cannot be found; the stream has then failed with it.
        """
        try:
            if self.run.run_id is None:
                yield from self._searched()
            elif self._recovery is None:
                self.fail(self._interruption or self.left_early())
            elif self.is_lost:
                yield from self._recovery.find(self)
                self._rejoin()
            else:
                self._last_look = time.monotonic()
                yield from self._recovery.check(self)
        except RunDeadlineExceededError:
            raise  # the stream says what becomes of the run
        except DifyError as error:
            self.fail(error)
            raise

    def _searched(self) -> Steps[None]:
        assert self._interruption is not None
        assert self._search is not None
        raise (yield from self._search.explain(self._interruption))

    def _rejoin(self) -> None:
        """Read the stream that was taken up."""
        self.is_lost, self._is_rejoined, self._is_of_events = False, True, True
        self._decoder = SSEDecoder(self._max_event_bytes, self.last_event_id)
        self._replay.begin_again()
        self._last_look = time.monotonic()

    @property
    def known_run_id(self) -> str:
        """Id of the run, where there is something to recover."""
        assert self.run.run_id is not None
        return self.run.run_id

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream, with which a coming server takes it up exactly there."""
        return self._decoder.last_event_id

    @property
    def has_broken(self) -> bool:
        """Whether the stream broke, as one that is only followed has not."""
        return self._interruption is not None

    def is_lost_for(self, seconds: float) -> bool:
        """Whether the stream broke so long ago."""
        return time.monotonic() - self._broke_at > seconds

    def is_silent_for(self, seconds: float | None) -> bool:
        """Whether the run gave no sign of life for so long; never for None."""
        return seconds is not None and time.monotonic() - self._last_sign > seconds

    def note_life(self) -> None:
        """Note that the run goes on, or waits for people."""
        self._last_sign = time.monotonic()

    def end_with(self, run: WorkflowRunResponse) -> bool:
        """End the stream with what run detail says; False where that ends none.

        Args:
            run: The run as it was looked up.
        """
        is_pause = run.status == "paused"
        if is_pause and (not self._ends_at_pause or self._settled):
            return False
        cls = WorkflowPaused if is_pause else WorkflowFinished
        name = "workflow_paused" if is_pause else "workflow_finished"
        ids = {"workflow_run_id": self.run.run_id, "task_id": self.run.task_id}
        self._tell_gap()
        self._deliver(cls({"event": name, **ids, "data": final_payload(run), "synthetic": True}))
        return True

    def _tell_gap(self) -> None:
        if self._gap is not None:
            self.ready.append(self._gap)
            self._gap = None

    def lost(self, reason: str) -> RunLostError:
        """The exception for a run whose outcome cannot be known.

        Args:
            reason: Why not.
        """
        told = (
            f"its last event was {self._last_event.event}" if self._last_event else "no event came"
        )
        return RunLostError(
            f"{self.operation}: the outcome of {self._run_name} cannot be known: {reason} (task "
            f"{self.run.task_id or 'not known'}, {told}).",
            run_id=self.run.run_id,
            task_id=self.run.task_id,
            last_event=self._last_event,
        )

    @property
    def task_to_stop(self) -> str | None:
        """Id of the task that is stopped when the deadline has passed; None where none is."""
        return self.run.task_id if self.deadline.stops and not self._error else None

    def check_deadline(self) -> None:
        """Go on only before the deadline.

        Raises:
            RunDeadlineExceededError: It has passed.
        """
        if self.deadline.has_passed:
            raise RunDeadlineExceededError(
                f"{self.operation}: the deadline of {self.deadline.seconds:g} s passed.",
                request_sent=True,
            )

    def expire(self, problem: DifyError | None = None) -> None:
        """Take the end of the deadline, behind which nothing is read.

        Args:
            problem: Why the task could not be stopped; None where there was none to stop, too.
        """
        if self._error is not None:
            self._fail(self._stream_error(self._error))
            return
        stopped = self.task_to_stop is not None and problem is None
        if stopped:
            then = f"a stop was sent for its task {self.run.task_id}."
        elif problem is not None:
            then = f"it goes on, since stopping it failed: {problem}"
        elif self.deadline.stops:
            then = "it goes on, since no event has named its task, which stops it."
        else:
            then = "it goes on."
        failure = RunDeadlineExceededError(
            f"{self.operation}: the deadline of {self.deadline.seconds:g} s passed before the end "
            f"of {self._run_name}; {then}",
            request_sent=True,
            stop_requested=stopped,
            run_id=self.run.run_id,
            task_id=self.run.task_id,
            last_event=self._last_event,
        )
        failure.__cause__ = self._interruption
        self._fail(failure)

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
        if self._is_rejoined and payload.get("task_id") == payload.get("workflow_run_id"):
            # Replays have the run's id in its place (DIFY.md section 5).
            payload["task_id"] = self.run.task_id or payload.get("task_id")
        event = EVENT_CLASSES.get(payload["event"], UnknownEvent)(payload)
        if self._is_rejoined and self._replay.repeats(event):
            if isinstance(event, WorkflowStarted):
                self.run.take(event)  # the first one may have been lost, and has the inputs
            return
        self.note_life()
        if not is_replayed(event):
            self._tell_gap()
        self._deliver(event)

    def _deliver(self, event: StreamEvent[object]) -> None:
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
            self.delivered += 1
            self._last_event = event
            if not isinstance(event, TextChunk):
                self._replay.note(event)
            if isinstance(event, FinalEvent):
                self.ended = not isinstance(event, WorkflowPaused) or self._ends_at(event)

    def _ends_at(self, event: WorkflowPaused) -> bool:
        """Whether a pause ends the stream: not one for forms that have been answered meanwhile."""
        forms = forms_of(event)
        return self._ends_at_pause and not (forms and forms <= self._settled)

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

    def fail(self, failure: DifyError) -> None:
        """End the stream with an error, unless it has ended."""
        if not self.ended:
            self._fail(failure)

    def _fail(self, failure: DifyError) -> None:
        self.failure = failure
        self.ended = True

    @property
    def _run_name(self) -> str:
        return f"run {self.run.run_id}" if self.run.run_id else "a run whose id is not known yet"
