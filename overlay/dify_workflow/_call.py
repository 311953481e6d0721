"""A call: an operation and everything else that sending it takes, and how often it is sent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from ._deadline import NO_DEADLINE, Deadline
from ._options import MAX_ANSWER_BYTES, NotGiven, Options
from ._retry import can_never_fit, is_concurrency_limit, pause, wait_before_retry
from ._secret import ApiKey
from .errors import (
    APIConnectionError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
)

if TYPE_CHECKING:
    from ._observer import Observer
    from ._operations import Operation
    from ._request import Timeout

T = TypeVar("T")

logger = logging.getLogger("dify_workflow")


def _tell_nobody() -> None:
    """Nobody wants to know."""


@attrs.frozen(eq=False, repr=False)
class Call(Generic[T]):
    """An operation, and everything else that sending it takes.

    Args:
        operation: What is asked for, and how the answer is read.
        key: Key of the app.
        base_url: Base URL of the server, without a slash at its end.
        timeout: Bounds of its phases.
        max_retries: How often it may be sent again, where it may be at all.
        queue_timeout: Seconds that it may wait for the app's concurrency limit.
        deadline: When all of it has to be over.
        not_sent_statuses: Statuses that mean that the server has got nothing.
        max_answer_bytes: Longest answer that is read whole, in bytes.
        observer: Who is told of its attempts.
        on_sent: Called when the server may have got any of it, be it answered, failed or cancelled.
    """

    operation: Operation[T]
    key: ApiKey
    base_url: str
    timeout: Timeout | NotGiven
    max_retries: int
    queue_timeout: float
    deadline: Deadline = NO_DEADLINE
    not_sent_statuses: Collection[int] = ()
    max_answer_bytes: int = MAX_ANSWER_BYTES
    observer: Observer | None = None
    on_sent: Callable[[], object] = _tell_nobody

    def too_long(self) -> InvalidResponseError:
        """The exception for an answer that is longer than it may be."""
        return InvalidResponseError(
            f"{self.operation.name}: the answer is longer than max_answer_bytes "
            f"({self.max_answer_bytes} bytes)."
        )

    def broken(self, reason: str) -> APIConnectionError:
        """The exception for an answer that breaks off.

        Args:
            reason: Why it does.
        """
        return APIConnectionError(
            f"{self.operation.name}: the answer broke off ({self.base_url}): {reason}.",
            request_sent=True,
        )

    def deadline_passed(self, *, sent: bool) -> RunDeadlineExceededError:
        """The exception for a call that was not answered in time.

        Args:
            sent: Whether it may have reached the server.
        """
        operation, deadline = self.operation, self.deadline
        if operation.runs and sent:
            what = "before the server answered; whether the run has started is not known."
        elif operation.runs:
            what = "before the run was sent; nothing was run."
        elif operation.name == deadline.method:
            what = "while the run was looked for."
        else:
            what = f"while {operation.name} was under way."
        return RunDeadlineExceededError(
            f"{deadline.method}: the deadline of {deadline.seconds:g} s passed {what}",
            request_sent=sent and operation.runs,
        )


class Attempts:
    """The attempts at a call: whether there is a next one, and when.

    Args:
        call: The call.
    """

    def __init__(self, call: Call[Any]) -> None:
        self._call = call
        self._failed: Counter[bool] = Counter()  # whether it was the concurrency limit: how often
        self._queue_left = call.queue_timeout
        self._last: DifyError | None = None

    def begin(self) -> None:
        """Begin an attempt.

        Raises:
            RunDeadlineExceededError: It would be too late.
        """
        if self._call.deadline.has_passed:
            raise self._call.deadline_passed(sent=False) from self._last

    def wait_after(self, error: DifyError) -> float | None:
        """Seconds to wait after an attempt that failed; None where it was the last one."""
        operation = self._call.operation
        in_queue = is_concurrency_limit(error)
        self._failed[in_queue] += 1
        if not operation.replayable or (operation.answer == "events" and can_never_fit(error)):
            return None
        wait = wait_before_retry(
            error,
            attempt=self._failed[in_queue],
            max_retries=self._call.max_retries,
            repeatable=operation.repeatable,
            queue_left=self._queue_left,
            not_sent_statuses=self._call.not_sent_statuses,
        )
        if wait is None:
            return None
        if in_queue:
            self._queue_left -= wait
        self._last = error
        attempt = self._failed.total()
        logger.info("attempt %d failed, the next one follows in %.1f s: %s", attempt, wait, error)
        if self._call.observer is not None:
            self._call.observer.retried(error, attempt, wait)
        return min(pause(wait), self._call.deadline.left)


def call_for(options: Options, operation: Operation[T], key: ApiKey) -> Call[T]:
    """The call as a client's options have it."""
    return Call(
        operation,
        key,
        options.base_url,
        options.timeout,
        options.max_retries,
        options.queue_seconds,
        options.deadline,
        options.not_sent_statuses,
        options.max_answer_bytes,
    )
