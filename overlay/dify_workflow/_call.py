"""A call: an operation and everything else that sending it takes, and how often it is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs

from ._answer import Answer
from ._deadline import NO_DEADLINE, Deadline
from ._options import MAX_ANSWER_BYTES, NotGiven, Options, Timeout
from ._secret import ApiKey
from .errors import (
    APIConnectionError,
    InvalidResponseError,
    RunDeadlineExceededError,
)

if TYPE_CHECKING:
    from ._observer import Observer

T = TypeVar("T")


def _tell_nobody() -> None:
    """Nobody wants to know."""


@attrs.frozen(eq=False, repr=False)
class Operation(Generic[T]):
    """What one call to the server asks for.

    Args:
        name: Name of the method that was called, for messages.
        request: What the generated request builder made.
        read: Reads the answer.
        answer: What is answered: JSON, an event stream, or bytes of any type.
        repeatable: Whether sending it twice is as good as once.
        replayable: Whether its body can be sent a second time.
        runs: Whether it starts a run.
    """

    name: str
    request: Mapping[str, Any]
    read: Callable[[Answer], T]
    answer: Literal["json", "events", "bytes"] = "json"
    repeatable: bool = False
    replayable: bool = True
    runs: bool = False

    def takes(self, content_type: str) -> bool:
        """Whether an answer of this media type can be the one that was asked for."""
        return self.answer != "events" or content_type.lower().startswith("text/event-stream")


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
