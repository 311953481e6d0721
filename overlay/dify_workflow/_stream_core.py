"""What the bytes of an event stream mean: its events, its end and its failure. Sans-I/O."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from . import models
from ._conversation import Steps
from ._deadline import NO_DEADLINE, Deadline
from ._event import FailureEvent, FinalEvent, StreamEvent
from ._event_decoder import EventDecoder
from ._observer import Observer
from ._reading import SHAPE_ERRORS
from ._replay import Replay, StreamGap, forms_of, is_replayed
from ._results import final_payload
from ._run_state import RunState, StoppedTasks
from ._search import Search
from ._secret import ApiKey
from ._stream_errors import StreamErrors
from .errors import (
    APIConnectionError,
    DifyError,
    RunDeadlineExceededError,
    StreamDecodeError,
    StreamInterruptedError,
)
from .events import (
    NodeFinished,
    NodeStarted,
    TextChunk,
    WorkflowFinished,
    WorkflowPaused,
    WorkflowStarted,
)

if TYPE_CHECKING:
    from ._recovery import Recovery
    from .models import WorkflowRunResponse

    Means: TypeAlias = tuple[Recovery | None, Search | None]
    """What finds a run by its id, and what looks for one whose id never came."""

GRACE = 1.0
"""Seconds to wait for the final event where it comes within milliseconds, if it comes: behind an
error event, as servers from 1.15 on send it (older ones leave the stream open and silent, DIFY.md
section 0.4), and where the run was looked up and has ended."""

_NODES = {NodeStarted, NodeFinished}


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
        observer: Who is told what happens, but for the text of a steady stream.
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
        observer: Observer | None = None,
    ) -> None:
        # Fewer than thirty attributes: from there on CPython 3.11 takes longer for each of them.
        self.operation = operation
        self.deadline = deadline
        self.observer = observer
        self.run = RunState(run_id, stops, server_version, was_resumed=bool(settled))
        self.errors = StreamErrors(operation, self.run)
        self._unread_errors = StreamErrors(operation, self.run)
        """Those of unread events, which hold it: so it holds none of them, as the other does."""
        self.is_lost = follows
        self.ready: deque[StreamEvent[object]] = deque()
        self.ended = False
        self.failure: DifyError | None = None
        self.last_activity: float | None = None
        """When bytes last came, by the monotonic clock."""
        self._max_event_bytes = max_event_bytes
        self._decoder = self._new_decoder()
        self._ends_at_pause = ends_at_pause
        self.is_steady = False
        """Whether all is as it nearly always is: the ids are known, nothing broke, and no silence
        or error is to be looked into."""
        self._error: FailureEvent[object] | None = None
        self._behind_error: list[StreamEvent[object]] = []
        self._ended_as: WorkflowRunResponse | None = None
        self._grace_ends = math.inf
        self._make_means: Callable[[], Means] = lambda: (None, None)
        self._interruption: StreamInterruptedError | None = None
        self._broke_at = 0.0
        self._replay = Replay(self.run.nodes, tells_all=tells_all)
        self._is_rejoined = False
        self._is_of_events = run_id is not None
        self._gap: StreamGap | None = None
        self._settled = settled
        self._last_sign = self._last_look = time.monotonic()

    def _new_decoder(self, last_event_id: str | None = None) -> EventDecoder:
        failure = self._unread_errors.unreadable
        return EventDecoder(self._max_event_bytes, failure, last_event_id)

    def equip(self, means: Callable[[], Means]) -> None:
        """Let the run be found again when the stream is lost.

        Args:
            means: Gives what finds it by its id, and what looks for it where its id never came,
                which is None where it is known. Few streams are lost, so it is not asked before.
        """
        self._make_means = means

    @cached_property
    def _means(self) -> Means:
        return self._make_means()

    @property
    def _recovery(self) -> Recovery | None:
        return self._means[0]

    @property
    def _search(self) -> Search | None:
        return self._means[1]

    @property
    def has_ended_well(self) -> bool:
        """Whether nothing but the end of the answer is still to come."""
        return self.ended and self.failure is None

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
            raise self.failure or self.errors.left_early()
        return self.run.result() or models.WorkflowRunResponse(
            id=self.run.run_id, status="running", task_id=self.run.task_id
        )

    @property
    def is_behind_error(self) -> bool:
        """Whether an error event came, behind which a stream may stay open and silent."""
        return self._error is not None

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the next bytes; None for the stream's own bound.

        They are few where nothing is waited for but what follows at once: the end behind an error
        event, or that of a run which has ended.
        """
        if self._grace_ends == math.inf:
            return None
        return max(0.001, self._grace_ends - time.monotonic())

    def begin(self, headers: Mapping[str, str], key: ApiKey) -> None:
        """Take the head of the answer; a coming server names the run there (DIFY-VERSIONS.md).

        Args:
            headers: Headers of the answer, names in lower case.
            key: Key of the call, which no message may show.
        """
        self.errors.key = self._unread_errors.key = key
        self.run.run_id = self.run.run_id or headers.get("x-workflow-run-id")

    def feed(self, chunk: bytes) -> None:
        """Take bytes as they arrived."""
        self.last_activity = now = time.monotonic()
        if not self._is_of_events:
            self._last_sign = now
        try:
            if self.is_steady and (event := self._decoder.only(chunk)) is not None:
                if type(event) is not TextChunk:
                    self.run.nodes.take(event)
                    if self.observer is not None:
                        self.observer.told(event)
                self.ready.append(event)
                self.errors.last_event = event
            elif self._error is not None and now > self._grace_ends:
                self.finish()
            else:
                self._take_all(chunk)
        except StreamDecodeError as failure:  # it was looked at here, and cannot be read
            self._fail(failure)

    def finish(self, cause: APIConnectionError | None = None) -> None:
        """Take the end of the bytes.

        Args:
            cause: Why they ended; None where the server ended them.
        """
        if self.ended:
            return
        if self._error is not None:
            self._fail(self.errors.not_set_up(self._error, self._behind_error))
            return
        if self._ended_as is not None:
            self.end_with(self._ended_as)
            return
        failure = self.interrupted(cause)
        if self._recovery is None if self.run.run_id else self._search is None:
            self._fail(failure)
            return
        self.is_lost, self.is_steady, self._interruption = True, False, failure
        self._broke_at = time.monotonic()
        reason = str(cause or failure)
        self._gap = self._gap or StreamGap.after(reason, self.run.run_id, self.run.task_id)

    def interrupted(self, cause: DifyError | None = None) -> StreamInterruptedError:
        """The exception for a stream that broke off.

        Args:
            cause: Why it did; None where the server ended it.
        """
        return self.errors.interrupted(cause, self._decoder.unfinished)

    # ----------------------------------------------------------------------------- lost streams

    @property
    def needs_recovery(self) -> bool:
        """Whether the run is to be looked for before more of a stream is read.

        That is so where the stream is lost, or where it tells nothing but pings: runs that were
        started in blocking mode, or that were stopped, publish no end (DIFY.md section 5).
        """
        if self.is_lost or not self._is_of_events or self._recovery is None:
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
                self.fail(self._interruption or self.errors.left_early())
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
        self._decoder = self._new_decoder(self.last_event_id)
        self._replay.begin_again()
        self._last_look = time.monotonic()
        if self.observer is not None and self.has_broken:
            self.observer.reattached()

    @property
    def last_event(self) -> StreamEvent[object] | None:
        """The last event that was delivered."""
        return self.errors.last_event

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

    def expect_end(self, run: WorkflowRunResponse) -> None:
        """Wait a moment for the last events of a run that has ended, which may be under way.

        Args:
            run: The run as it was looked up.
        """
        self._ended_as = run
        self._grace_ends = time.monotonic() + GRACE

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
            if self.observer is not None:
                self.observer.told(self._gap)
            self._gap = None

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
            self._fail(self.errors.not_set_up(self._error, self._behind_error))
            return
        failure = self.errors.too_late(self.deadline, self.task_to_stop, problem)
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
            raise self.errors.shapeless(error) from error
        if result is None:
            raise self.failure or self.errors.left_early()
        return result

    # ----------------------------------------------------------------------------------- events

    def _take_all(self, chunk: bytes) -> None:
        """Take the events that a chunk completes."""
        events, error = self._decoder.feed(chunk)
        if self.is_steady and self._decoder.are_texts:
            self.ready.extend(events)
            self.errors.last_event = events[-1]
        else:
            self._take_each(events)
        if error is not None and not self.ended:
            self._fail(self.errors.unreadable(error, f"event {self._decoder.count + 1}"))

    def _take_each(self, events: list[StreamEvent[object]]) -> None:
        for event in events:
            if self.is_steady and type(event) is TextChunk:
                self.ready.append(event)
                self.errors.last_event = event
            else:
                self._take(event)
                if self.ended:
                    return

    def _take(self, event: StreamEvent[object]) -> None:
        if self._is_rejoined:
            if event.raw.get("task_id") == event.id:
                # Replays have the run's id in its place (DIFY.md section 5).
                event.raw["task_id"] = self.run.task_id or event.id
            if self._replay.repeats(event):
                if isinstance(event, WorkflowStarted):
                    self.run.take(event)  # the first one may have been lost, and has the inputs
                return
        self.note_life()
        if self._gap is not None and not is_replayed(event):
            self._tell_gap()
        self._deliver(event)

    def _deliver(self, event: StreamEvent[object]) -> None:
        self.run.take(event)
        if type(event) in _NODES:
            self.run.nodes.take(event, is_live=not self._is_of_events)
        if self.observer is not None:
            self.observer.told(event)
        if self._error is not None:
            self._behind_error.append(event)
            if isinstance(event, FinalEvent):
                self._fail(self.errors.not_set_up(self._error, self._behind_error))
        elif isinstance(event, FailureEvent):
            self._error = event
            self.is_steady = False
            self._grace_ends = time.monotonic() + GRACE
        else:
            self.ready.append(event)
            self.errors.last_event = event
            self.is_steady = self.has_ids and not self._is_of_events and not self.is_lost
            self._replay.note(event)
            if isinstance(event, FinalEvent) and (
                not isinstance(event, WorkflowPaused) or self._ends_at(event)
            ):
                self._end()

    def _ends_at(self, event: WorkflowPaused) -> bool:
        """Whether a pause ends the stream: not one for forms that have been answered meanwhile."""
        forms = forms_of(event)
        return self._ends_at_pause and not (forms and forms <= self._settled)

    def fail(self, failure: DifyError) -> None:
        """End the stream with an error, unless it has ended."""
        if not self.ended:
            self._fail(failure)

    def leave(self, *, in_finalizer: bool = False) -> None:
        """Take that nobody reads on, as the observer of a stream that has not ended learns.

        Args:
            in_finalizer: Whether a finalizer says so.
        """
        if self.observer is not None and not self.ended:
            self.observer.left(self.run, in_finalizer=in_finalizer)

    def _fail(self, failure: DifyError) -> None:
        self.failure = failure
        self._end()

    def _end(self) -> None:
        self.ended = True
        if self.observer is not None:
            self.observer.ended(self.run, self.failure)
