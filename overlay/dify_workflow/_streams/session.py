"""What becomes of a run's stream: it goes on, is lost and found again, ends or fails. Sans-I/O."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .. import models
from .._api.parsers import final_payload
from .._http.deadline import NO_DEADLINE, Deadline
from .._json import SHAPE_ERRORS
from .._secret import ApiKey
from ..errors import APIConnectionError, DifyError, RunDeadlineExceededError, StreamInterruptedError
from ..events import WorkflowFinished, WorkflowPaused
from ..events.base import FailureEvent, FinalEvent, StreamEvent
from .failures import StreamErrors
from .feed import RunFeed, StreamGap, forms_of, is_replayed
from .forms import AnsweredForms
from .protocol import Observer, Steps
from .run_state import RunState, StoppedTasks

if TYPE_CHECKING:
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


class StreamSession:
    """What becomes of a run's stream: it goes on, is lost and found again, ends or fails.

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
        self.feed = RunFeed(
            self.run,
            self.errors,
            max_event_bytes=max_event_bytes,
            is_of_events=run_id is not None,
            tells_all=tells_all,
            forms=AnsweredForms() if forms is None else forms,
        )
        self.ready: deque[StreamEvent[object]] = deque()
        self.is_lost = follows
        self.ended = False
        self.failure: DifyError | None = None
        self.is_sent = False
        """Whether the server may have got the run that is sent."""
        self._started = started
        self._ends_at_pause = ends_at_pause
        self._start_timeout = start_timeout
        self._starts_until = math.inf
        self._recovery: Recovery | None = None
        self._search: Search | None = None
        self._error: FailureEvent[object] | None = None
        self._behind_error: list[StreamEvent[object]] | None = None
        """What came behind an error before the run began; None while no such error came."""
        self._ended_as: WorkflowRunResponse | None = None
        self._grace_ends = math.inf
        self._interruption: DifyError | None = None
        self._broke_at = 0.0
        self._gap: StreamGap | None = None
        self._last_look = time.monotonic()

    def note_sent(self) -> None:
        """Note that the server may have got the run."""
        self.is_sent = True

    def set_recovery(self, recovery: Recovery, search: Search | None = None) -> None:
        """Let the run be found again when the stream is lost.

        Args:
            recovery: Finds it by its id.
            search: Looks for it where its id never came; None where the id is known.
        """
        self._recovery = recovery
        self._search = search
        self.feed.asks_about_pauses = self._ends_at_pause

    @property
    def has_ended_well(self) -> bool:
        """Whether nothing but the end of the answer is still to come."""
        return self.ended and self.failure is None

    @property
    def has_ids(self) -> bool:
        """Whether the ids of run and task are known."""
        return self.run.run_id is not None and self.run.task_id is not None

    def started(self) -> WorkflowRunResponse[Any]:
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
    def read_timeout(self) -> float | None:
        """Seconds to wait for the next bytes; None for the stream's own bound.

        They are few where nothing is waited for but what follows at once: the end behind an error
        event, or that of a run which has ended. They are many where the run waits for a worker of
        the server: nothing comes then, not even pings.
        """
        is_queued = self.feed.is_queued
        until = self._starts_until if is_queued else self._grace_ends
        if until == math.inf:
            return _ENDLESS if is_queued else None
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
        if self.feed.is_queued and self._start_timeout is not None:
            self._starts_until = time.monotonic() + self._start_timeout

    def _note_started(self) -> None:
        if self._started is not None and self.run.run_id is not None:
            if self.run.run_id not in self._started:
                ids = self.run.run_id, self.run.task_id
                logger.debug("%s: run %s, task %s", self.operation, *ids)
            self._started[self.run.run_id] = None

    def receive(self, chunk: bytes | None) -> None:
        """Take bytes as they arrived; None where the server has ended them."""
        if chunk is None:
            self.finish()
        elif self._error is not None and time.monotonic() > self._grace_ends:
            self.feed.heard()
            self.finish()
        else:
            self.feed.receive(chunk, self)

    def finish(self, cause: APIConnectionError | None = None) -> None:
        """Take the end of the bytes.

        Args:
            cause: Why they ended; None where the server ended them.
        """
        if self.ended:
            return
        cut = self.feed.unfinished
        if cause is None and (last := self.feed.last()) is not None:
            for event in last:
                self.apply(event)  # it lacks its empty line and nothing else
            if self.ended:
                return
            cut = b""
        if self._behind_error is not None:
            self.fail(self._not_set_up())
            return
        if self._ended_as is not None:
            self.end_with(self._ended_as)
            return
        error = self._error
        failure = self.errors.reported(error) if error else self.errors.interrupted(cause, cut)
        if self._recovery is None if self.run.run_id else self._search is None:
            self.fail(failure)
            return
        self.is_lost, self.feed.is_steady, self.feed.is_queued = True, False, False
        self._interruption, self._error, self._grace_ends = failure, None, math.inf
        self._broke_at = time.monotonic()
        reason = str(cause or failure)
        self._gap = self._gap or StreamGap.after(reason, self.run.run_id, self.run.task_id)

    def interrupted(self, cause: DifyError | None = None) -> StreamInterruptedError:
        """The exception for a stream that broke off.

        Args:
            cause: Why it did; None where the server ended it.
        """
        return self.errors.interrupted(cause, self.feed.unfinished)

    # ----------------------------------------------------------------------------- lost streams

    @property
    def needs_recovery(self) -> bool:
        """Whether the run is to be looked for before more of a stream is read.

        That is so where the stream is lost, or where it tells nothing but pings: runs that were
        started in blocking mode, or that were stopped, publish no end. It is also so where the
        stream replays a pause whose forms may have been answered meanwhile.
        """
        if self.is_lost or self.feed.pause_in_doubt is not None:
            return True
        if not self.feed.is_of_events or self._recovery is None:
            return False
        quiet_since = max(self.feed.last_sign, self._last_look)
        return self._error is None and time.monotonic() - quiet_since > self._recovery.doubt

    def recovered(self) -> Steps[None]:
        """Find the run of a lost or silent stream again, or fail.

        Raises:
            DifyError: It cannot be found; the stream has then failed with it.
        """
        try:
            pause = self.feed.pause_in_doubt
            if pause is not None and self._recovery is not None:
                yield from self._settled(pause, self._recovery)
            elif self.run.run_id is None:
                yield from self._searched()
            elif self._recovery is None:
                self.fail(self._interruption or self.errors.left_early())
            elif self.is_lost:
                yield from self._recovery.find(self)
                self._rejoin()
            else:
                yield from self._recovery.check(self)
                # Only now: what came during a slow look is read before there is another one.
                self._last_look = time.monotonic()
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
        self.feed.is_queued = True
        self.feed.restart()

    def _settled(self, pause: WorkflowPaused, recovery: Recovery) -> Steps[None]:
        """Find out whether the forms of a pause have been answered; otherwise deliver it."""
        is_over = yield from recovery.are_answered(forms_of(pause), self.feed.forms)
        self.feed.pause_in_doubt = None
        if is_over:
            self.feed.note_answered_pause()
        elif not self.ended:
            self._tell_gap()
            self._deliver(pause)

    def _rejoin(self) -> None:
        """Read the stream that was opened again."""
        self.is_lost = False
        self.feed.rejoin()
        self._last_look = time.monotonic()
        if self.observer is not None and self.has_broken:
            self.observer.reattached()

    @property
    def has_broken(self) -> bool:
        """Whether the stream broke, as one that is only followed has not."""
        return self._interruption is not None

    def is_lost_for(self, seconds: float) -> bool:
        """Whether the stream broke so long ago."""
        return time.monotonic() - self._broke_at > seconds

    def expect_end(self, run: WorkflowRunResponse) -> None:
        """Wait a moment for the last events of a run that has ended, which may be under way."""
        self._ended_as = run
        self._grace_ends = time.monotonic() + GRACE

    def end_with(self, run: WorkflowRunResponse) -> bool:
        """End the stream with what run detail says; False where that ends none."""
        is_pause = run.status == "paused"
        if is_pause and (not self._ends_at_pause or self.feed.awaits_resumption):
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
                self.observer.on_event(self._gap)
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
            self.fail(self._not_set_up())
            return
        failure = self.errors.too_late(self.deadline, self.task_to_stop, problem)
        failure.__cause__ = self._interruption
        self.fail(failure)

    def result(self) -> WorkflowRunResponse[Any]:
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

    def apply(self, event: StreamEvent[object]) -> bool:
        """Take an event that tells something new; False where it ends the stream."""
        if self.run.is_of_another(event):
            self.fail(self.errors.of_another(event))
        else:
            if self._gap is not None and not is_replayed(event):
                self._tell_gap()
            self._deliver(event)
        return not self.ended

    def _deliver(self, event: StreamEvent[object]) -> None:
        had_ids = self.has_ids
        self.feed.note(event)
        if not had_ids:
            self._note_started()
        if self.observer is not None:
            self.observer.on_event(event)
        if self._behind_error is not None:
            self._behind_error.append(event)
            if isinstance(event, FinalEvent):
                self.fail(self._not_set_up())
            return
        if isinstance(event, FailureEvent):
            self._error = event
            self._grace_ends = time.monotonic() + GRACE
            if self.run.run_id is None:
                self._behind_error = []
                return
        self.ready.append(event)
        self.errors.last_event = event
        is_live = not self.feed.is_of_events and not self.is_lost
        self.feed.is_steady = is_live and self.has_ids and self._error is None
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
            self.failure = failure
            self._end()

    def leave(self, *, in_finalizer: bool = False) -> None:
        """Take that nobody reads on, as the observer of a stream that has not ended learns.

        Args:
            in_finalizer: Whether a finalizer says so.
        """
        if self.observer is not None and not self.ended:
            self.observer.left(self.run, in_finalizer=in_finalizer)

    def _end(self) -> None:
        self.ended = True
        if self.observer is not None:
            self.observer.ended(self.run, self.failure)
