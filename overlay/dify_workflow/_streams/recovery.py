"""Finds the run of a lost stream again: how, how often and how long."""

from __future__ import annotations

import random
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import attrs

from .._http.versions import loses_records
from ..errors import (
    APIConnectionError,
    APIStatusError,
    DifyError,
    InvalidResponseError,
    NotFoundError,
    PreconditionFailedError,
    RateLimitError,
    RunDeadlineExceededError,
    ServerError,
)
from ..outcomes import is_outage
from .protocol import OpenStream, RunCalls, SendCall, Steps, Wait

if TYPE_CHECKING:
    from ..errors import StreamInterruptedError
    from ..models import WorkflowRunResponse
    from .failures import StreamErrors
    from .feed import RunFeed
    from .forms import AnsweredForms
    from .run_state import RunState


LOST_RUN_TIMEOUT = 300.0
"""Seconds without activity after which a run counts as lost. Servers end silent streams then."""

MAX_REATTACH = 5
"""How often a stream is reconnected without a new event, while the server answers."""


@attrs.frozen(eq=False, repr=False)
class Pace:
    """How fast a lost run is searched for, all in seconds. Tests use shorter times.

    Args:
        first_backoff: The longest wait before the second reconnection. It doubles each time.
        longest_backoff: The longest wait before any reconnection.
        first_look: The wait between the first two lookups of a run whose events are not available.
            It grows by half each time.
        longest_look: The longest wait between two lookups.
        quiet: After this time with nothing but pings, a run is looked up while its stream is open.
        stop: After this time, a stopped run whose record still says "running" counts as stopped:
            the record may never change (Dify 1.10.1 to 1.14).
        record: How long a server before 1.9.2 may take to record the end of a run.
        search: How long the log is searched for a run without an id. It is short, so that the
            caller learns soon that the outcome is not known.
        longest_search_wait: The longest wait between two reads of the log.
    """

    first_backoff: float = 0.25
    longest_backoff: float = 5.0
    first_look: float = 1.0
    longest_look: float = 10.0
    quiet: float = 5.0
    stop: float = 3.0
    record: float = 2.0
    search: float = 15.0
    longest_search_wait: float = 8.0


_USUAL_PACE = Pace()


@attrs.frozen(eq=False, repr=False)
class RecoveryPolicy:
    """How long a lost run is searched for.

    Args:
        max_reattach: How often its stream is reconnected without a new event.
        lost_run_timeout: Seconds without activity after which it counts as lost; None for no limit.
        pace: How fast it is searched for.
    """

    max_reattach: int = MAX_REATTACH
    lost_run_timeout: float | None = LOST_RUN_TIMEOUT
    pace: Pace = _USUAL_PACE


_UNDECIDED_STATUS = frozenset({"running", "scheduled"})

_MAY_PASS = (APIConnectionError, RateLimitError, ServerError)
"""Failures that say nothing about the run. The next attempt may succeed."""


class LostRun(Protocol):
    """The interface of a stream for its recovery."""

    run: RunState
    feed: RunFeed
    errors: StreamErrors
    ended: bool

    @property
    def has_broken(self) -> bool:
        """Whether the stream broke. The stream of a followed run may not have been open yet."""
        ...

    def is_lost_for(self, seconds: float) -> bool:
        """Whether the stream broke longer ago than this."""
        ...

    def expect_end(self, run: WorkflowRunResponse) -> None:
        """Wait a moment for the last events of a run that has ended."""
        ...

    def end_with(self, run: WorkflowRunResponse) -> bool:
        """End the stream with a final event made from run detail; False if it does not end."""
        ...

    def interrupted(self, cause: DifyError | None = None) -> StreamInterruptedError:
        """The exception for a stream that ended too early."""
        ...


class Recovery:
    """Finds the run of a lost stream again.

    Args:
        calls: Makes the calls to find it.
        policy: How long to search.
    """

    def __init__(self, calls: RunCalls, policy: RecoveryPolicy) -> None:
        self.quiet = policy.pace.quiet
        self._calls = calls
        self._policy = policy
        self._pace = policy.pace
        self._has_events = True
        self._rounds = 0
        self._attempts = 0
        self._failures = 0
        self._outages = 0
        self._progress: object = None
        self._has_seen_end = False

    def find(self, stream: LostRun) -> Steps[None]:
        """Reconnect the stream, or end it with what run detail says.

        Raises:
            StreamError: The run cannot be found again. The exception says what is known about it.
            DifyError: The server refused the request.
        """
        self._note_progress(stream)
        while not stream.ended:
            if self._rounds:
                yield Wait(self._wait())
            self._rounds += 1
            if self._may_rejoin(stream) and (yield from self._rejoin(stream)):
                return
            yield from self._look(stream)

    def check(self, stream: LostRun) -> Steps[None]:
        """Look up the run of an open stream that sends nothing but pings.

        Raises:
            StreamError: The run is lost. The exception says what is known about it.
            DifyError: The server refused the request.
        """
        self._note_progress(stream)
        yield from self._look(stream, is_open=True)

    def are_answered(
        self, forms: Iterable[tuple[str | None, str | None]], answered: AnsweredForms
    ) -> Steps[bool]:
        """Whether all forms of a pause have been answered: then they cannot be read any more.

        Args:
            forms: Id and token of each form.
            answered: The forms that are known to be answered; new ones are added.

        Raises:
            RunDeadlineExceededError: The deadline passed.
        """
        for form_id, token in forms:
            if token is None or answered.has_answered(form_id, token):
                continue
            try:
                yield SendCall(self._calls.form(token))
            except PreconditionFailedError as error:
                if error.code != "human_input_form_submitted":
                    return False
                answered.answer(token)
            except RunDeadlineExceededError:
                raise
            except DifyError:
                return False
            else:
                return False
        return True

    def _note_progress(self, stream: LostRun) -> None:
        if stream.feed.progress is not self._progress:
            self._progress = stream.feed.progress
            self._rounds = self._attempts = self._failures = 0
            self._has_seen_end = False
        self._outages = 0

    def _look(self, stream: LostRun, *, is_open: bool = False) -> Steps[None]:
        """Look the run up, and end the stream if it has ended."""
        try:
            run: WorkflowRunResponse = yield SendCall(self._calls.detail(stream.run.known_id))
        except NotFoundError as error:
            raise stream.errors.lost("the server has no record of it") from error
        except _MAY_PASS as error:
            self._note_failure(stream, error)
            return
        self._failures = self._outages = 0
        if run.status in _UNDECIDED_STATUS:
            self._give_up(stream, run)
        elif run.status == "paused":
            self._take_pause(stream, run, is_open=is_open)
        elif is_open and not self._has_seen_end:
            self._has_seen_end = True
            stream.expect_end(run)
        else:
            stream.end_with(run)

    def _note_failure(self, stream: LostRun, error: DifyError) -> None:
        """Handle a failed lookup.

        An outage, such as a restart of the server, may last as long as `lost_run_timeout`.

        Raises:
            StreamInterruptedError: The outage lasted too long, or the server failed too often.
        """
        if is_outage(error):
            self._outages += 1
            if stream.feed.is_silent_for(self._policy.lost_run_timeout):
                raise stream.interrupted(error) from error
            return
        self._failures += 1
        if self._failures > (0 if self._is_exhausted else self._policy.max_reattach):
            raise stream.interrupted(error) from error

    @property
    def _is_exhausted(self) -> bool:
        """Whether the stream was reconnected more often than `max_reattach`."""
        return self._attempts > self._policy.max_reattach

    def _may_rejoin(self, stream: LostRun) -> bool:
        """Whether to reconnect the stream. Not after a stop: that stream may never end."""
        return (
            self._has_events
            and not self._is_exhausted
            and stream.run.asked_to_stop_for is None
            and not stream.feed.is_silent_for(self._policy.lost_run_timeout)
        )

    def _rejoin(self, stream: LostRun) -> Steps[bool]:
        """Reconnect the stream; False if that failed."""
        try:
            yield OpenStream(self._calls.events(stream.run.known_id, stream.feed.last_event_id))
        except _MAY_PASS as error:
            # An answer of a proxy counts only if the following lookup reaches the server.
            self._attempts += not (isinstance(error, APIConnectionError) or self._outages)
        except InvalidResponseError:
            self._has_events = False  # a page of a proxy
        except APIStatusError as error:
            if error.status_code not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
                raise
            self._has_events = False  # a server before 1.14, or a run of another user
        else:
            self._attempts += 1
            self._outages = 0
            return True
        return False

    def _take_pause(self, stream: LostRun, run: WorkflowRunResponse, *, is_open: bool) -> None:
        """Handle a run that waits for human input, which can take days.

        Raises:
            RunLostError: People have answered, and the run has not continued in time.
        """
        if stream.feed.awaits_resumption:
            timeout = self._policy.lost_run_timeout
            if stream.feed.is_silent_for(timeout):
                raise stream.errors.lost(
                    f"its forms were answered, but {timeout:g} s later (lost_run_timeout) it has "
                    "not continued; check that the server has a worker"
                )
            return
        events_tell = self._has_events and not self._is_exhausted
        if events_tell and stream.run.asked_to_stop_for is None:
            if is_open:
                self._attempts = 0  # /events has the forms, too, and a pause can last for days
        elif stream.end_with(run):
            return
        stream.feed.touch()

    def _give_up(self, stream: LostRun, run: WorkflowRunResponse) -> None:
        """End the search if the record will not change any more.

        Raises:
            RunLostError: The outcome cannot be found out.
        """
        stopping, timeout = stream.run.asked_to_stop_for, self._policy.lost_run_timeout
        if stopping is not None:
            if stopping > self._pace.stop:
                stream.end_with(attrs.evolve(run, status="stopped", message="Stopped by user."))
        elif stream.feed.is_silent_for(timeout):
            why = (
                "its worker may have died"
                if self._has_events
                else "its worker may have died or may still be working; only Dify 1.14 and newer "
                "show this (/events)"
            )
            raise stream.errors.lost(
                f"it showed no activity for {timeout:g} s (lost_run_timeout) and its record still "
                f"says 'running'; {why}"
            )
        elif (
            stream.has_broken
            and loses_records(self._calls.server_version())
            and stream.is_lost_for(self._pace.record)
        ):
            raise stream.errors.lost(
                "on this server (before Dify 1.9.2) a run continues after its stream breaks, but "
                "its record says 'running' forever"
            )

    def _wait(self) -> float:
        """Seconds before the next round."""
        if self._outages or (self._has_events and not self._is_exhausted):
            bound = self._pace.first_backoff * 2 ** min(20, self._rounds - 1)
            # Full jitter: clients that lost a server together must not come back together.
            return random.uniform(0, min(self._pace.longest_backoff, bound))  # noqa: S311  # no secret
        bound = self._pace.first_look * 1.5 ** min(20, self._rounds - 1)
        return min(self._pace.longest_look, bound)
