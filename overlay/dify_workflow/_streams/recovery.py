"""How long a lost run is looked for, and how fast."""

from __future__ import annotations

import random
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import attrs

from .._http.servers import loses_records
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
"""Seconds without a sign of life after which a run is given up; servers end silent streams then."""

MAX_REATTACH = 5
"""How often a stream is opened again without anything new, where the server itself answers."""


@attrs.frozen(eq=False, repr=False)
class Pace:
    """How fast a lost run is looked for, all in seconds; tests set a faster one.

    Args:
        first_backoff: Bound of the wait before a stream is taken up for the second time; it doubles
            with each further one.
        longest_backoff: Bound of every such wait.
        first_look: Wait between the first two looks at a run whose events cannot be had; it grows
            by half with each further one.
        longest_look: Bound of every such wait.
        doubt: Silence, but for pings, after which a run is looked up while its stream is open.
        stop: How long a stop may take to show; afterwards a run that is still running will never
            say so (Dify 1.10.1 to 1.14).
        record: How long a server before 1.9.2 may take to write down how a run ended.
        search: How long a run whose id never came is looked for in the log: who waits for an
            outcome should learn soon that it is not known.
        longest_search_wait: Bound of the waits between two looks at the log.
    """

    first_backoff: float = 0.25
    longest_backoff: float = 5.0
    first_look: float = 1.0
    longest_look: float = 10.0
    doubt: float = 5.0
    stop: float = 3.0
    record: float = 2.0
    search: float = 15.0
    longest_search_wait: float = 8.0


_USUAL_PACE = Pace()


@attrs.frozen
class RecoveryPolicy:
    """How long a lost run is looked for.

    Args:
        max_reattach: How often its stream is taken up again without anything new.
        lost_run_timeout: Seconds without a sign of life after which it is given up; None for ever.
        pace: How fast that goes.
    """

    max_reattach: int = MAX_REATTACH
    lost_run_timeout: float | None = LOST_RUN_TIMEOUT
    pace: Pace = _USUAL_PACE


_UNDECIDED_STATUS = frozenset({"running", "scheduled"})

_MAY_PASS = (APIConnectionError, RateLimitError, ServerError)
"""Failures that say nothing of the run: the next attempt may succeed."""


class LostRun(Protocol):
    """What recovery sees of the stream whose run it finds again."""

    run: RunState
    feed: RunFeed
    errors: StreamErrors
    ended: bool

    @property
    def has_broken(self) -> bool:
        """Whether the stream broke, as one that is only followed has not."""
        ...

    def is_lost_for(self, seconds: float) -> bool:
        """Whether the stream broke so long ago."""
        ...

    def expect_end(self, run: WorkflowRunResponse) -> None:
        """Wait a moment for the last events of a run that has ended."""
        ...

    def end_with(self, run: WorkflowRunResponse) -> bool:
        """End the stream with what run detail says; False where that ends none."""
        ...

    def interrupted(self, cause: DifyError | None = None) -> StreamInterruptedError:
        """The exception for a stream that broke off."""
        ...


class Recovery:
    """Finds the run of a lost stream again.

    Args:
        calls: The calls that do so.
        policy: How long they are sent.
    """

    def __init__(self, calls: RunCalls, policy: RecoveryPolicy) -> None:
        self.doubt = policy.pace.doubt
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
        """Open the stream again, or bring its run to an end.

        Raises:
            StreamError: The run cannot be found again; the exception says what is known of it.
            DifyError: The server refused to tell.
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
        """Look up the run of an open stream that tells nothing but pings.

        Raises:
            StreamError: As for `find`.
            DifyError: Likewise.
        """
        self._note_progress(stream)
        yield from self._look(stream, is_open=True)

    def are_answered(
        self, forms: Iterable[tuple[str | None, str | None]], answered: AnsweredForms
    ) -> Steps[bool]:
        """Whether all forms of a pause have been answered: nobody can read them any more.

        Args:
            forms: Id and token of each.
            answered: Where those are noted that have.

        Raises:
            RunDeadlineExceededError: The deadline passed meanwhile.
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
        """Take that the run could not be looked up.

        An outage, such as a restart of the server, may last as long as the run may be silent.

        Raises:
            StreamInterruptedError: It has lasted too long, or the server itself fails.
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
        """Whether the stream was opened again as often as it may be."""
        return self._attempts > self._policy.max_reattach

    def _may_rejoin(self, stream: LostRun) -> bool:
        """Whether the stream is to be opened again; that of a stopped run may never end."""
        return (
            self._has_events
            and not self._is_exhausted
            and stream.run.asked_to_stop_for is None
            and not stream.feed.is_silent_for(self._policy.lost_run_timeout)
        )

    def _rejoin(self, stream: LostRun) -> Steps[bool]:
        """Open the stream again; False where that failed."""
        try:
            yield OpenStream(self._calls.events(stream.run.known_id, stream.feed.last_event_id))
        except _MAY_PASS as error:
            # What proxies answer counts only where the look that follows reaches the server.
            self._attempts += not (isinstance(error, APIConnectionError) or self._outages)
        except InvalidResponseError:
            self._has_events = False  # a page of whatever stands before the server
        except APIStatusError as error:
            if error.status_code not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
                raise
            self._has_events = False  # a server before 1.14, or another user's run
        else:
            self._attempts += 1
            self._outages = 0
            return True
        return False

    def _take_pause(self, stream: LostRun, run: WorkflowRunResponse, *, is_open: bool) -> None:
        """Take that the run waits for people, which it may do for days.

        Raises:
            RunLostError: They have answered long ago, and it has not gone on.
        """
        if stream.feed.awaits_resumption:
            timeout = self._policy.lost_run_timeout
            if stream.feed.is_silent_for(timeout):
                raise stream.errors.lost(
                    f"its forms were answered, and {timeout:g} s later (lost_run_timeout) it has "
                    "not gone on; does the server have a worker?"
                )
            return
        events_tell = self._has_events and not self._is_exhausted
        if events_tell and stream.run.asked_to_stop_for is None:
            if is_open:
                self._attempts = 0  # they have the forms too, and a pause may last for days
        elif stream.end_with(run):
            return
        stream.feed.touch()

    def _give_up(self, stream: LostRun, run: WorkflowRunResponse) -> None:
        """Stop looking where the record will not change any more.

        Raises:
            RunLostError: The outcome cannot be known.
        """
        stopping, timeout = stream.run.asked_to_stop_for, self._policy.lost_run_timeout
        if stopping is not None:
            if stopping > self._pace.stop:
                stream.end_with(attrs.evolve(run, status="stopped", message="Stopped by user."))
        elif stream.feed.is_silent_for(timeout):
            why = (
                "its worker may have died"
                if self._has_events
                else "its worker may have died, or be at work: without /events (Dify 1.14 and "
                "newer) nothing tells"
            )
            raise stream.errors.lost(
                f"it gave no sign of life for {timeout:g} s (lost_run_timeout) and its record "
                f"still says 'running'; {why}"
            )
        elif (
            stream.has_broken
            and loses_records(self._calls.server_version())
            and stream.is_lost_for(self._pace.record)
        ):
            raise stream.errors.lost(
                "on this server (before Dify 1.9.2) a run whose stream breaks goes on, but its "
                "record says 'running' for ever"
            )

    def _wait(self) -> float:
        """Seconds before the next round."""
        if self._outages or (self._has_events and not self._is_exhausted):
            bound = self._pace.first_backoff * 2 ** min(20, self._rounds - 1)
            # Full jitter: clients that lost a server together do not come back together.
            return random.uniform(0, min(self._pace.longest_backoff, bound))  # noqa: S311  # no secret
        bound = self._pace.first_look * 1.5 ** min(20, self._rounds - 1)
        return min(self._pace.longest_look, bound)
