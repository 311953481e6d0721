"""The state of a run's stream: it continues, is lost and recovered, ends or fails. Sans-I/O."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from .. import models
from .._api.parsers import final_payload
from .._http.options import NO_DEADLINE, Deadline
from .._json import SHAPE_ERRORS
from .._secret import ApiKey
from ..errors import (
    APIConnectionError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
    StreamInterruptedError,
)
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
"""Seconds to wait for a final event that comes within milliseconds or never. Used after an error
event, because servers before 1.15 send no final event and leave the stream open. Also used after
run detail says that the run has ended."""

START_TIMEOUT = 300.0
"""Seconds that a run may wait in the server's queue for its first event. Servers end such a stream
after the same time."""


_ENDLESS = 1e6
"""The timeout for a socket if there is no limit (seconds)."""


class Rescue:
    """Finds a run whose stream is lost. What it needs for that is made then: few streams are lost.

    Args:
        recovery: Makes what finds a run by its id.
        search: Makes what searches for a run without an id; None if the id is known.
    """

    def __init__(
        self, recovery: Callable[[], Recovery], search: Callable[[], Search] | None = None
    ) -> None:
        self._make_recovery = recovery
        self._make_search = search

    @cached_property
    def recovery(self) -> Recovery:
        """Finds the run by its id."""
        return self._make_recovery()

    @cached_property
    def search(self) -> Search:
        """Searches for the run without an id."""
        assert self._make_search is not None
        return self._make_search()


class StreamSession:
    """The state of a run's stream: it continues, is lost and recovered, ends or fails.

    Args:
        operation: Name of the method that was called.
        max_event_bytes: The largest event (bytes).
        start_timeout: Seconds to wait for the first event of a run that was sent; None for no
            limit.
        ends_at_pause: Whether a pause ends the stream.
        run_id: Id of the run, if it is known before the first event. Then the stream comes from
            /events, whose pings do not come from the run's worker.
        follows: Whether the run must be found first, because no stream of it is open yet.
        from_start: Whether the stream begins with the start of the run, or with a replay.
        forms: The forms that have been answered. A pause for only these is over.
        started: Receives the id of the run; None if this call does not start the run.
        stops: The tasks that were asked to stop.
        server_version: Returns the version of the server, or None.
        deadline: The deadline of the stream.
        observer: Observes the run, except the text events of a steady stream.
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
        from_start: bool = True,
        forms: AnsweredForms | None = None,
        started: deque[str] | None = None,
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
            from_start=from_start,
            forms=AnsweredForms() if forms is None else forms,
        )
        self.ready: deque[StreamEvent[object]] = deque()
        self.is_lost = follows
        self.ended = False
        self.failure: DifyError | None = None
        self.is_sent = False
        """Whether the server may have received the run."""
        self._started = started
        self._ends_at_pause = ends_at_pause
        self._start_timeout = start_timeout
        self._starts_until = math.inf
        self._rescue: Rescue | None = None
        self._error: FailureEvent[object] | None = None
        self._after_error: list[StreamEvent[object]] | None = None
        """The events after an error that came before the run began; None without such an error."""
        self._ended_as: WorkflowRunResponse | None = None
        self._grace_ends = math.inf
        self._interruption: DifyError | None = None
        self._broke_at = 0.0
        self._gap: StreamGap | None = None
        self._last_look = time.monotonic()

    def note_sent(self) -> None:
        """Record that the server may have received the run."""
        self.is_sent = True

    def set_rescue(self, rescue: Rescue) -> None:
        """Set how to find the run again if the stream is lost."""
        self._rescue = rescue
        self.feed.asks_about_pauses = self._ends_at_pause

    @property
    def has_ended_well(self) -> bool:
        """Whether the stream has ended without an error."""
        return self.ended and self.failure is None

    @property
    def has_ids(self) -> bool:
        """Whether the ids of run and task are known."""
        return self.run.run_id is not None and self.run.task_id is not None

    def started(self) -> WorkflowRunResponse[Any]:
        """The run as far as it is known; with the status ``"running"`` if it has not ended.

        Raises:
            StreamError: Its id is not known.
            InvalidResponseError: The final event does not have the expected shape.
        """
        if self.run.run_id is None:
            raise self.failure or self.errors.left_early()
        return self._outcome() or models.WorkflowRunResponse(
            id=self.run.run_id, status="running", task_id=self.run.task_id
        )

    @property
    def is_after_error(self) -> bool:
        """Whether an error event came. The stream may stay open and silent after it."""
        return self._error is not None

    @property
    def read_timeout(self) -> float | None:
        """Seconds to wait for the next bytes; None for the stream's own timeout.

        It is short if only the end can follow: after an error event, or after the run has ended.
        It is long if the run waits for a worker of the server, which sends no pings then.
        """
        is_queued = self.feed.is_queued
        until = self._starts_until if is_queued else self._grace_ends
        if until == math.inf:
            return _ENDLESS if is_queued else None
        return max(0.001, until - time.monotonic())

    def begin(self, headers: Mapping[str, str], key: ApiKey) -> None:
        """Process the head of the answer. A future server may name the run in a header.

        Args:
            headers: Headers of the answer, with names in lower case.
            key: API key of the call, which no message may show.
        """
        self.errors.key = key
        self.run.run_id = self.run.run_id or headers.get("x-workflow-run-id")
        self._note_started()
        if self.feed.is_queued and self._start_timeout is not None:
            self._starts_until = time.monotonic() + self._start_timeout

    def _note_started(self) -> None:
        if self._started is not None and self.run.run_id is not None:
            logger.debug("%s: run %s, task %s", self.operation, self.run.run_id, self.run.task_id)
            self._started.append(self.run.run_id)
            self._started = None  # it is noted once

    def receive(self, chunk: bytes | None) -> None:
        """Process bytes of the stream; None if the server has ended it."""
        if chunk is None:
            self.finish()
        elif self._error is not None and time.monotonic() > self._grace_ends:
            self.feed.heard()
            self.finish()
        else:
            self.feed.receive(chunk, self)

    def finish(self, cause: APIConnectionError | None = None) -> None:
        """Process the end of the stream.

        Args:
            cause: Why it ended; None if the server ended it.
        """
        if self.ended:
            return
        cut = self.feed.unfinished
        if cause is None and (last := self.feed.last()) is not None:
            self.apply(last)  # only its empty line is missing
            if self.ended:
                return
            cut = b""
        if self._after_error is not None:
            self.fail(self._not_started())
            return
        if self._ended_as is not None:
            self.end_with(self._ended_as)
            return
        error = self._error
        failure = self.errors.reported(error) if error else self.errors.interrupted(cause, cut)
        if self._rescue is None:
            self.fail(failure)
            return
        self.is_lost, self.feed.is_steady, self.feed.is_queued = True, False, False
        self._interruption, self._error, self._grace_ends = failure, None, math.inf
        self._broke_at = time.monotonic()
        reason = str(cause or failure)
        self._gap = self._gap or StreamGap.after(reason, self.run.run_id, self.run.task_id)

    def interrupted(self, cause: DifyError | None = None) -> StreamInterruptedError:
        """The exception for a stream that ended too early.

        Args:
            cause: Why it ended; None if the server ended it.
        """
        return self.errors.interrupted(cause, self.feed.unfinished)

    # ----------------------------------------------------------------------------- lost streams

    @property
    def needs_recovery(self) -> bool:
        """Whether the run must be looked up before more of the stream is read.

        That is so if the stream is lost, or sends nothing but pings: the stream of a run that was
        started in blocking mode, or was stopped, has no end. It is also so if the stream replays a
        pause whose forms may have been answered.
        """
        if self.is_lost or self.feed.held_pause is not None:
            return True
        if not self.feed.is_of_events or self._rescue is None:
            return False
        quiet_since = max(self.feed.last_sign, self._last_look)
        return self._error is None and time.monotonic() - quiet_since > self._rescue.recovery.quiet

    def recovered(self) -> Steps[None]:
        """Find the run of a lost or silent stream again, or fail.

        Raises:
            DifyError: It cannot be found. The stream has failed with this error.
        """
        rescue, pause = self._rescue, self.feed.held_pause
        try:
            if rescue is None:
                self.fail(self._interruption or self.errors.left_early())
            elif pause is not None:
                yield from self._settled(pause, rescue.recovery)
            elif self.run.run_id is None:
                yield from self._searched(rescue.search)
            elif self.is_lost:
                yield from rescue.recovery.find(self)
                self._rejoin()
            else:
                yield from rescue.recovery.check(self)
                # Only now: what came during a slow look is read before there is another one.
                self._last_look = time.monotonic()
        except RunDeadlineExceededError:
            raise  # the stream handles it
        except DifyError as error:
            self.errors.name_run(error)
            self.fail(error)
            raise

    def _searched(self, search: Search) -> Steps[None]:
        assert self._interruption is not None
        yield from search.find_or_explain(self._interruption)
        # The run was sent again, because the user has set `at_least_once`.
        self.is_lost, self._gap, self._interruption = False, None, None
        self.feed.is_queued = True
        self.feed.restart()

    def _settled(self, pause: WorkflowPaused, recovery: Recovery) -> Steps[None]:
        """Deliver a pause, unless its forms have been answered."""
        is_over = yield from recovery.are_answered(forms_of(pause), self.feed.forms)
        self.feed.held_pause = None
        if is_over:
            self.feed.note_answered_pause()
        elif not self.ended:
            self._deliver_gap()
            self._deliver(pause)

    def _rejoin(self) -> None:
        """Read the reconnected stream."""
        self.is_lost = False
        self.feed.rejoin()
        self._last_look = time.monotonic()
        if self.observer is not None and self.has_broken:
            self.observer.reattached()

    @property
    def has_broken(self) -> bool:
        """Whether the stream broke. The stream of a followed run may not have been open yet."""
        return self._interruption is not None

    def is_lost_for(self, seconds: float) -> bool:
        """Whether the stream broke longer ago than this."""
        return time.monotonic() - self._broke_at > seconds

    def expect_end(self, run: WorkflowRunResponse) -> None:
        """Wait a moment for the last events of a run that has ended."""
        self._ended_as = run
        self._grace_ends = time.monotonic() + GRACE

    def end_with(self, run: WorkflowRunResponse) -> bool:
        """End the stream with a final event made from run detail; False if it does not end."""
        is_pause = run.status == "paused"
        if is_pause and (not self._ends_at_pause or self.feed.awaits_resumption):
            return False
        cls = WorkflowPaused if is_pause else WorkflowFinished
        name = "workflow_paused" if is_pause else "workflow_finished"
        ids = {"workflow_run_id": self.run.run_id, "task_id": self.run.task_id}
        self._deliver_gap()
        self._deliver(cls({"event": name, **ids, "data": final_payload(run), "synthetic": True}))
        return True

    def _deliver_gap(self) -> None:
        if self._gap is not None:
            self.ready.append(self._gap)
            if self.observer is not None:
                self.observer.on_event(self._gap)
            self._gap = None

    @property
    def task_to_stop(self) -> str | None:
        """Id of the task to stop when the deadline has passed; None if there is none."""
        is_set_up = self._after_error is None
        return self.run.task_id if self.deadline.stops and is_set_up else None

    def check_deadline(self) -> None:
        """Check that the deadline has not passed.

        Raises:
            RunDeadlineExceededError: It has passed.
        """
        if self.deadline.has_passed:
            raise RunDeadlineExceededError(
                f"{self.operation}: the deadline of {self.deadline.seconds:g} s passed.",
                request_sent=True,
            )

    def expire(self, problem: DifyError | None = None) -> None:
        """Fail, because the deadline has passed.

        Args:
            problem: Why the task could not be stopped; None if it was stopped, or none had to be.
        """
        if self._after_error is not None:
            self.fail(self._not_started())
            return
        failure = self.errors.too_late(self.deadline, self.task_to_stop, problem)
        failure.__cause__ = self._interruption
        self.fail(failure)

    def result(self) -> WorkflowRunResponse[Any]:
        """The run, once the stream has ended.

        Raises:
            StreamError: It ended without a final event.
            InvalidResponseError: The final event does not have the expected shape.
        """
        result = self._outcome()
        if result is None:
            raise self.failure or self.errors.left_early()
        return result

    def _outcome(self) -> WorkflowRunResponse[Any] | None:
        try:
            return self.run.result()
        except (InvalidResponseError, *SHAPE_ERRORS) as error:
            raise self.errors.misshapen(error.__cause__ or error) from error

    # ----------------------------------------------------------------------------------- events

    def apply(self, event: StreamEvent[object]) -> bool:
        """Process an event, if it is new; False if it ends the stream."""
        if self.run.is_of_another(event):
            self.fail(self.errors.of_another(event))
        elif self.feed.is_new(event):
            if self._gap is not None and not is_replayed(event):
                self._deliver_gap()
            self._deliver(event)
        return not self.ended

    def _deliver(self, event: StreamEvent[object]) -> None:
        had_ids = self.has_ids
        self.feed.note(event)
        if not had_ids:
            self._note_started()
        if self.observer is not None:
            self.observer.on_event(event)
        if self._after_error is not None:
            self._after_error.append(event)
            if isinstance(event, FinalEvent):
                self.fail(self._not_started())
            return
        if isinstance(event, FailureEvent):
            self._error = event
            self._grace_ends = time.monotonic() + GRACE
            if self.run.run_id is None:
                self._after_error = []
                return
        self.ready.append(event)
        self.errors.last_event = event
        is_live = not self.feed.is_of_events and not self.is_lost
        self.feed.is_steady = is_live and self.has_ids and self._error is None
        if isinstance(event, FinalEvent) and (
            self._ends_at_pause or not isinstance(event, WorkflowPaused)
        ):
            self._end()

    def _not_started(self) -> DifyError:
        assert self._error is not None
        return self.errors.not_started(self._error, self._after_error or [])

    def fail(self, failure: DifyError) -> None:
        """End the stream with an error, unless it has already ended."""
        if not self.ended:
            self.failure = failure
            self._end()

    def leave(self, *, in_finalizer: bool = False) -> None:
        """Tell the observer that the stream was closed, if it has not ended.

        Args:
            in_finalizer: Whether a finalizer closed it.
        """
        if self.observer is not None and not self.ended:
            self.observer.left(self.run, in_finalizer=in_finalizer)

    def _end(self) -> None:
        self.ended = True
        if self.observer is not None:
            self.observer.ended(self.run, self.failure)
