"""What the bytes of an event stream mean: its events, its end and its failure. Sans-I/O."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import attrs

from .. import models
from .._api.parsers import final_payload
from .._deadline import NO_DEADLINE, Deadline
from .._http.failures import BodyClosedError
from .._json import SHAPE_ERRORS, JSONObject
from .._secret import ApiKey
from ..errors import (
    APIConnectionError,
    DifyError,
    RunDeadlineExceededError,
    StreamInterruptedError,
)
from ..events import (
    HumanInputRequired,
    NodeFinished,
    NodeStarted,
    TextChunk,
    WorkflowFinished,
    WorkflowPaused,
    WorkflowStarted,
)
from ..events.base import (
    FailureEvent,
    FinalEvent,
    StreamEvent,
    UnreadableEvent,
)
from .decoder import EventDecoder
from .failures import StreamErrors
from .forms import AnsweredForms
from .observer import Observer
from .protocol import Steps
from .replay import (
    Replay,
    StreamGap,
    form_of,
    forms_of,
    is_replayed,
)
from .run_state import RunState, StoppedTasks
from .sse import EventTooLargeError

if TYPE_CHECKING:
    from .._http.request import Call
    from ..models import WorkflowRunResponse
    from .recovery import Recovery
    from .search import Search


T = TypeVar("T")

logger = logging.getLogger("dify_workflow")

GRACE = 1.0
"""Seconds to wait for a final event that comes within milliseconds, if it comes at all: behind an
error event, as servers from 1.15 on send it (older ones leave the stream open and silent), and
where the run was looked up and has ended."""

START_TIMEOUT = 300.0
"""Seconds that a run may wait in the server's queue for its first event; servers end such a stream
after as many."""


_ENDLESS = 1e6
"""Seconds for which a socket can be told to wait where there is no bound."""


class StreamCore:
    """What the bytes of a stream mean: its events, its end and its failure.

    Args:
        operation: Name of the method that was called.
        max_event_bytes: Largest event in bytes.
        start_timeout: Seconds to wait for the first event of a run that was sent; None for no
            bound.
        ends_at_pause: Whether a pause ends the stream.
        run_id: Id of the run, where it is known beforehand: its stream is one of /events, whose
            pings do not come from the run's worker.
        follows: Whether the run is found first, because no stream of it is open yet.
        tells_all: Whether the stream begins with the run, or with what has been of it.
        forms: Which forms have been answered: a pause for them alone is over.
        started: Where the ids of runs that were started are noted; None where the run was not.
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
        start_timeout: float | None = START_TIMEOUT,
        ends_at_pause: bool = True,
        run_id: str | None = None,
        follows: bool = False,
        tells_all: bool = True,
        forms: AnsweredForms | None = None,
        started: dict[str, None] | None = None,
        stops: StoppedTasks | None = None,
        server_version: Callable[[], str | None] = lambda: None,
        deadline: Deadline = NO_DEADLINE,
        observer: Observer | None = None,
    ) -> None:
        self.operation = operation
        self.deadline = deadline
        self.observer = observer
        self.run = RunState(run_id, stops, server_version)
        self.errors = StreamErrors(operation, self.run)
        self.is_lost = follows
        self.ready: deque[StreamEvent[object]] = deque()
        self.ended = False
        self.failure: DifyError | None = None
        self.is_sent = False
        """Whether the server may have got the run that is sent."""
        self.last_activity: float | None = None
        """When bytes last came, by the monotonic clock."""
        self._max_event_bytes = max_event_bytes
        self._decoder = self._new_decoder()
        self._ends_at_pause = ends_at_pause
        self.progress: object = None
        """The last event that has shown that the run goes on."""
        self.is_steady = False
        """Whether all is as it nearly always is: the ids are known, nothing broke, and no silence
        or error is to be looked into."""
        self._is_queued = run_id is None
        self._start_timeout = start_timeout
        self._starts_until = math.inf
        self._error: FailureEvent[object] | None = None
        self._behind_error: list[StreamEvent[object]] | None = None
        """What came behind an error before the run began; None while no such error came."""
        self._ended_as: WorkflowRunResponse | None = None
        self._grace_ends = math.inf
        self._recovery: Recovery | None = None
        self._search: Search | None = None
        self._interruption: DifyError | None = None
        self._broke_at = 0.0
        self._replay = Replay(self.run.nodes, tells_all=tells_all)
        self._is_rejoined = False
        self._is_of_events = run_id is not None
        self._gap: StreamGap | None = None
        self._forms = AnsweredForms() if forms is None else forms
        self._started = started
        self._pause_in_doubt: WorkflowPaused | None = None
        self._has_answered_pause = False
        self._last_sign = self._last_look = time.monotonic()

    def _new_decoder(self, last_event_id: str | None = None) -> EventDecoder:
        return EventDecoder(
            self._max_event_bytes, self._unreadable, self.errors.hidden, last_event_id
        )

    def _unreadable(self, reason: str, content: bytes) -> UnreadableEvent:
        """The event for a message that cannot be read."""
        level = logging.WARNING if self.run.unreadable is None else logging.DEBUG
        event = UnreadableEvent.of(reason, content, self.run.run_id, self.run.task_id)
        self.run.unreadable = event
        logger.log(level, "%s: an event cannot be read: %r", self.operation, event)
        return event

    def noting(self, call: Call[T]) -> Call[T]:
        """The call that sends the run, which notes here that it may have reached the server."""
        return attrs.evolve(call, on_sent=self._note_sent)

    def _note_sent(self) -> None:
        self.is_sent = True

    def set_recovery(self, recovery: Recovery, search: Search | None = None) -> None:
        """Let the run be found again when the stream is lost.

        Args:
            recovery: Finds it by its id.
            search: Looks for it where its id never came; None where the id is known.
        """
        self._recovery = recovery
        self._search = search

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
    def is_queued(self) -> bool:
        """Whether the run was sent and no event has come: it may wait for a worker."""
        return self._is_queued

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the next bytes; None for the stream's own bound.

        They are few where nothing is waited for but what follows at once: the end behind an error
        event, or that of a run which has ended. They are many where the run waits for a worker of
        the server: nothing comes then, not even pings.
        """
        until = self._starts_until if self._is_queued else self._grace_ends
        if until == math.inf:
            return _ENDLESS if self._is_queued else None
        return max(0.001, until - time.monotonic())

    def begin(self, headers: Mapping[str, str], key: ApiKey) -> None:
        """Take the head of the answer; a coming server names the run there.

        Args:
            headers: Headers of the answer, names in lower case.
            key: Key of the call, which no message may show.
        """
        self.errors.key = key
        self.run.run_id = self.run.run_id or headers.get("x-workflow-run-id")
        self._note_started()
        if self._is_queued and self._start_timeout is not None:
            self._starts_until = time.monotonic() + self._start_timeout

    def _note_started(self) -> None:
        if self._started is not None and self.run.run_id is not None:
            self._started[self.run.run_id] = None

    def feed(self, chunk: bytes) -> None:
        """Take bytes as they arrived."""
        self.last_activity = now = time.monotonic()
        if not self._is_of_events:
            self._last_sign = now
        if self._error is not None and now > self._grace_ends:
            self.finish()
            return
        try:
            for event in self._decoder.feed(chunk):
                if self.is_steady and type(event) is TextChunk:
                    self.ready.append(event)
                    self.errors.last_event = self.progress = event
                else:
                    self._take(event)
                    if self.ended:
                        return
        except EventTooLargeError as error:
            self._fail(self.errors.too_large(error))

    def finish(self, cause: APIConnectionError | None = None) -> None:
        """Take the end of the bytes.

        Args:
            cause: Why they ended; None where the server ended them.
        """
        if self.ended:
            return
        cut = self._decoder.unfinished
        if cause is None and (last := self._decoder.last()) is not None:
            self._take(last)  # it lacks its empty line and nothing else
            if self.ended:
                return
            cut = b""
        if self._behind_error is not None:
            self._fail(self._not_set_up())
            return
        if self._ended_as is not None:
            self.end_with(self._ended_as)
            return
        failure: DifyError = (
            self.errors.reported(self._error)
            if self._error
            else self.errors.interrupted(cause, cut)
        )
        if self._recovery is None if self.run.run_id else self._search is None:
            self._fail(failure)
            return
        self.is_lost, self.is_steady, self._is_queued = True, False, False
        self._interruption, self._error, self._grace_ends = failure, None, math.inf
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
        started in blocking mode, or that were stopped, publish no end. It is also so where the
        stream replays a pause whose forms may have been answered meanwhile.
        """
        if self.is_lost or self._pause_in_doubt is not None:
            return True
        if not self._is_of_events or self._recovery is None:
            return False
        quiet_since = max(self._last_sign, self._last_look)
        return self._error is None and time.monotonic() - quiet_since > self._recovery.doubt

    def recovered(self) -> Steps[None]:
        """Find the run of a lost or silent stream again, or fail.

        Raises:
            DifyError: It cannot be found; the stream has then failed with it.
        """
        try:
            if self._pause_in_doubt is not None and self._recovery is not None:
                yield from self._settled(self._pause_in_doubt, self._recovery)
            elif self.run.run_id is None:
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
            self.errors.name_run(error)
            self.fail(error)
            raise

    def _searched(self) -> Steps[None]:
        assert self._interruption is not None
        assert self._search is not None
        yield from self._search.find_or_explain(self._interruption)
        # The run is sent again, as the user has asked for.
        self.is_lost, self._gap, self._interruption = False, None, None
        self._is_queued = True
        self._decoder = self._new_decoder()

    def _settled(self, pause: WorkflowPaused, recovery: Recovery) -> Steps[None]:
        """Find out whether the forms of a pause have been answered; otherwise deliver it."""
        is_over = yield from recovery.are_answered(forms_of(pause), self._forms)
        self._pause_in_doubt = None
        if is_over:
            self._has_answered_pause = self.run.was_resumed = True
        elif not self.ended:
            self._tell_gap()
            self._deliver(pause)

    def _rejoin(self) -> None:
        """Read the stream that was opened again."""
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
        """The last ``id`` of the stream, with which a coming server continues exactly there."""
        return self._decoder.last_event_id

    @property
    def has_broken(self) -> bool:
        """Whether the stream broke, as one that is only followed has not."""
        return self._interruption is not None

    @property
    def awaits_resumption(self) -> bool:
        """Whether people have answered all that the run waited for, and it has not gone on yet."""
        return self._has_answered_pause or self._forms.has_answered_all_of(self.run.run_id)

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
        if is_pause and (not self._ends_at_pause or self.awaits_resumption):
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
        is_set_up = self._behind_error is None
        return self.run.task_id if self.deadline.stops and is_set_up else None

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
        if self._behind_error is not None:
            self._fail(self._not_set_up())
            return
        failure = self.errors.too_late(self.deadline, self.task_to_stop, problem)
        failure.__cause__ = self._interruption
        self._fail(failure)

    def result(self) -> WorkflowRunResponse:
        """The run, once the stream has ended.

        Raises:
            StreamError: It ended otherwise than with a final event.
            InvalidResponseError: The final event does not have the shape that openapi.yaml gives
                it.
        """
        try:
            result = self.run.result()
        except SHAPE_ERRORS as error:
            raise self.errors.shapeless(error) from error
        if result is None:
            raise self.failure or self.errors.left_early()
        return result

    # ----------------------------------------------------------------------------------- events

    def _take(self, event: StreamEvent[object]) -> None:
        self._is_queued = False
        self._pause_in_doubt = None
        if self.run.is_of_another(event):
            self._fail(self.errors.of_another(event))
            return
        if self._is_rejoined:
            if event.raw.get("task_id") == event.id:
                # Replays have the run's id in its place.
                event.raw["task_id"] = self.run.task_id or event.id
            if self._replay.repeats(event):
                if isinstance(event, WorkflowStarted):
                    self.run.take(event)  # the first one may have been lost, and has the inputs
                return
        if self._is_over(event):
            return
        if not isinstance(event, FailureEvent | UnreadableEvent):
            self.progress = event
            self.note_life()
        if self._gap is not None and not is_replayed(event):
            self._tell_gap()
        self._deliver(event)

    def _is_over(self, event: StreamEvent[object]) -> bool:
        """Whether an event tells of a pause, or a form, that people have answered meanwhile."""
        if isinstance(event, HumanInputRequired):
            form, token = form_of(event.raw.get("data"))
            self._forms.see(self.run.run_id or event.id, form, token)
            return self._is_of_events and self._forms.has_answered(form, token)
        if not isinstance(event, WorkflowPaused):
            self._has_answered_pause = self._has_answered_pause and isinstance(
                event, UnreadableEvent
            )
            return False
        forms = forms_of(event)
        for form, token in forms:
            self._forms.see(self.run.run_id or event.id, form, token)
        if not forms or not self._is_of_events:
            return False
        if all(self._forms.has_answered(form, token) for form, token in forms):
            self._has_answered_pause = self.run.was_resumed = True
            return True
        can_ask = self._ends_at_pause and self._recovery is not None
        if can_ask and all(token for _, token in forms):
            self._pause_in_doubt = event
            return True
        return False

    def _deliver(self, event: StreamEvent[object]) -> None:
        if not self.has_ids:
            self.run.take_ids(event)
            self._note_started()
        self.run.take(event)
        if isinstance(event, NodeStarted | NodeFinished):
            self.run.nodes.take(event, is_live=not self._is_of_events)
        if self.observer is not None:
            self.observer.told(event)
        if self._behind_error is not None:
            self._behind_error.append(event)
            if isinstance(event, FinalEvent):
                self._fail(self._not_set_up())
            return
        if isinstance(event, FailureEvent):
            self._error = event
            self.is_steady = False
            self._grace_ends = time.monotonic() + GRACE
            if self.run.run_id is None:
                self._behind_error = []
                return
        self.ready.append(event)
        self.errors.last_event = event
        self.is_steady = (
            self.has_ids and not self._is_of_events and not self.is_lost and self._error is None
        )
        self._replay.note(event)
        if isinstance(event, FinalEvent) and (
            self._ends_at_pause or not isinstance(event, WorkflowPaused)
        ):
            self._end()

    def _not_set_up(self) -> DifyError:
        assert self._error is not None
        return self.errors.not_set_up(self._error, self._behind_error or [])

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


STOP_SECONDS = 5.0
"""Seconds that the stop of a run may take whose deadline has passed."""


class StreamView:
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
    def request_sent(self) -> bool:
        """Whether the server may have got the request for the run.

        It is False where sending it was cancelled, or failed, while it was checked or still
        connecting: nothing was run then. Of a run that is only followed it is False, too.
        """
        return self._core.is_sent

    @property
    def last_activity(self) -> datetime | None:
        """When the server last sent anything (UTC), its pings included; None before that."""
        heard_at = self._core.last_activity
        if heard_at is None:
            return None
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - heard_at)

    def node_outputs(self) -> dict[str, JSONObject]:
        """Outputs by node id, of the nodes that have ended so far.

        A node that ran several times, in an iteration or a loop, has its last outputs.

        Raises:
            StreamDecodeError: An event of a node cannot be read.
        """
        return self._core.run.nodes.outputs()

    def __repr__(self) -> str:
        state = "ended" if self._core.ended else "closed" if self._closed else "open"
        return f"<{type(self).__name__} run_id={self.run_id!r} {state}>"

    def _lose(self, error: APIConnectionError) -> None:
        """Take that the connection broke; where that was wanted, nothing is recovered."""
        error.__traceback__ = None  # its frames hold what came, in which the key may stand
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
            raise self._core.errors.left_early()
