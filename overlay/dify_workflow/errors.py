"""The exceptions of this package.

DifyError
├── ConfigurationError (ValueError)       no key, a bad base URL, a closed client
├── InvalidRequestError (ValueError)      refused before anything was sent
│   └── InvalidInputsError                the app does not take these inputs
├── APIConnectionError (ConnectionError)  no answer came
│   └── APITimeoutError (TimeoutError)
├── APIStatusError                        the server refused or failed
│   ├── BadRequestError                   400
│   ├── AuthenticationError               401
│   ├── PermissionDeniedError             403
│   ├── NotFoundError (LookupError)       404
│   ├── PreconditionFailedError           412
│   ├── PayloadTooLargeError              413
│   ├── UnsupportedMediaTypeError         415
│   ├── RateLimitError                    429, and the 400 of the concurrency limit
│   └── ServerError                       5xx
│       └── GatewayTimeoutError           504, 522, 524
├── InvalidResponseError                  an answer that cannot be read
├── UnsupportedServerError                the server's version cannot do this
├── OutputsMismatchError (ValueError)     outputs that do not fit a model
├── LogCursorError (ValueError)           a place in the log that is none
├── LogWindowUnstableError                a second of the log that cannot be read whole
├── RunOutcomeUnknownError                a run was sent, and no id of it came back
├── StreamError
│   ├── RunDeadlineExceededError (TimeoutError)  the deadline passed; the run may be going on
│   ├── StreamInterruptedError            the stream broke before the run's end
│   ├── StreamDecodeError                 an event that is larger than max_event_bytes
│   ├── RunLostError                      the run's outcome cannot be known any more
│   └── WorkflowStreamError               the server reported an error in the stream
└── WorkflowRunError                      raised by `raise_for_status` alone
    ├── WorkflowFailedError
    ├── WorkflowStoppedError
    └── WorkflowPausedError
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from ._base_error import DifyError, InputProblem, Outcome
from ._dates import seconds_asked

if TYPE_CHECKING:
    from .events.base import StreamEvent
    from .models import WorkflowRunResponse

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "DifyError",
    "GatewayTimeoutError",
    "InputProblem",
    "InvalidInputsError",
    "InvalidRequestError",
    "InvalidResponseError",
    "LogCursorError",
    "LogWindowUnstableError",
    "NotFoundError",
    "Outcome",
    "OutputsMismatchError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "RateLimitError",
    "RunDeadlineExceededError",
    "RunLostError",
    "RunOutcomeUnknownError",
    "ServerError",
    "StreamDecodeError",
    "StreamError",
    "StreamInterruptedError",
    "UnsupportedMediaTypeError",
    "UnsupportedServerError",
    "WorkflowFailedError",
    "WorkflowPausedError",
    "WorkflowRunError",
    "WorkflowStoppedError",
    "WorkflowStreamError",
]


class ConfigurationError(DifyError, ValueError):
    """The client is not set up for the call: no key, a bad base URL, or it is closed."""

    outcome = "not_run"


class InvalidRequestError(DifyError, ValueError):
    """The request was refused before anything was sent."""

    outcome = "not_run"


class InvalidInputsError(InvalidRequestError):
    """The app does not take the inputs; refused before the run was sent.

    Args:
        operation: Name of the method that was called.
        problems: Every problem found, in the order of the app's inputs.
    """

    def __init__(self, operation: str, problems: Sequence[InputProblem]) -> None:
        listed = "; ".join(map(str, problems))
        super().__init__(f"{operation}: the app does not take these inputs: {listed}.")
        self.problems: tuple[InputProblem, ...] = tuple(problems)


class APIConnectionError(DifyError, ConnectionError):
    """No answer came: the connection could not be made, or broke.

    Args:
        message: What happened, in a sentence.
        request_sent: False where the request cannot have reached the server, True where it may.
    """

    def __init__(self, message: str, *, request_sent: bool) -> None:
        super().__init__(message)
        self.request_sent = request_sent


class APITimeoutError(APIConnectionError, TimeoutError):
    """No answer came in time."""


class APIStatusError(DifyError):
    """The server refused the request or failed.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status of the answer.
        code: Dify's name of the error, such as ``"invalid_param"``; None where the answer has none
            (HTML pages of proxies and of unknown paths).
        message: What the server says, on one line; may be empty.
        param: Name of the parameter at fault, where the answer names one.
        headers: Headers of the answer, names in lower case.
        body: The answer's body as text.
        needed_version: First version of Dify that has the endpoint, where the server is older;
            else None.

    Attributes:
        retry_after: Seconds that the server asks to wait (header Retry-After, as seconds or as a
            date); None where it does not ask.
    """

    _means: ClassVar[str] = "the server refused the request"

    def __init__(
        self,
        operation: str,
        *,
        status_code: int,
        code: str | None,
        message: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        needed_version: str | None = None,
    ) -> None:
        self.operation = operation
        self.status_code = status_code
        self.code = code
        self.message = message
        self.param = param
        self.headers: dict[str, str] = dict(headers or {})
        self.body = body
        self.needed_version = needed_version
        self.retry_after = seconds_asked(self.headers)
        if needed_version is None:
            advice = self._advice()
        else:
            needed, present = needed_version.removesuffix(".0"), self.headers.get("x-version")
            advice = f"needs Dify {needed} or newer; this server is {present}"
        evidence = " ".join(filter(None, (str(status_code), code)))
        evidence = f"{evidence}: {message}" if message else evidence
        super().__init__(f"{operation}: {advice} ({evidence})")

    def _advice(self) -> str:
        if 300 <= self.status_code < 400 and "location" in self.headers:  # noqa: PLR2004  # RFC 9110
            return "the server is elsewhere; change the base URL (scheme, host or path)"
        return self._means


class BadRequestError(APIStatusError):
    """400: the server does not take the request."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing or wrong."""

    _means = "wrong API key, or the key of another server"


class PermissionDeniedError(APIStatusError):
    """403: the key is known but may not do this."""

    _means = "the server does not allow this"


class NotFoundError(APIStatusError, LookupError):
    """404: there is nothing under this id or address."""

    def _advice(self) -> str:
        if self.code is None:
            return (
                "the server has no such endpoint; does the base URL end in /v1, and is the server "
                "new enough?"
            )
        return "not found"


class PreconditionFailedError(APIStatusError):
    """412: the form was already submitted, or has expired."""

    _means = "too late"


class PayloadTooLargeError(APIStatusError):
    """413: the file or the request is larger than the server allows."""

    _means = "larger than the server allows"


class UnsupportedMediaTypeError(APIStatusError):
    """415: the server does not take files or bodies of this type."""

    _means = "the server does not take this type of file or body"


_LIMIT = r"concurrent requests allowed\b[^.]{0,100} is (\d{1,9})\."
"""The number in the message of the concurrency limit."""

_DIFY_LIMITS = frozenset({"too_many_requests", "rate_limit_error"})
"""Dify's codes of a 429: the concurrency limit, and the quota and rate limit of its cloud."""


class RateLimitError(APIStatusError):
    """429, or the 400 with which Dify enforces its concurrency limit."""

    @property
    def limit(self) -> int | None:
        """Most runs of the app at a time, where that limit is what refused; else None."""
        named = re.search(_LIMIT, self.message)
        return int(named[1]) if named else None

    @property
    def is_from_dify(self) -> bool:
        """Whether Dify itself refused, before anything ran; proxies may do so afterwards."""
        if self.status_code == 400:  # noqa: PLR2004  # the concurrency limit
            return True
        return self.code in _DIFY_LIMITS and bool(self.message)

    def _advice(self) -> str:
        if self.is_from_dify:
            return "too many requests at once; nothing was run, try again later"
        return "something in front of the server refused: too many requests"


class ServerError(APIStatusError):
    """5xx: the server or a proxy before it failed."""

    _means = "the server failed"


class GatewayTimeoutError(ServerError):
    """504, 522 or 524: a proxy stopped waiting; what was asked for may still be going on."""

    _means = "a proxy stopped waiting for the server, which may still be working on it"


class InvalidResponseError(DifyError):
    """An answer or event came that cannot be read; the message names the operation and shows it."""


class UnsupportedServerError(DifyError):
    """The server, as old or as strange as it is, would answer something else than was asked."""


class OutputsMismatchError(DifyError, ValueError):
    """The outputs of a run do not fit a model; raised by `WorkflowRunResponse.outputs_as` alone.

    Args:
        message: What does not fit, all of it.
        problems: The same, a sentence for each place.
        run_id: Id of the run.
    """

    outcome: Outcome | None = "ended"

    def __init__(self, message: str, *, problems: tuple[str, ...], run_id: str) -> None:
        super().__init__(message)
        self.problems = problems
        self.run_id = run_id


class LogCursorError(DifyError, ValueError):
    """The request names a place in the log that is not there, or of another request."""


class LogWindowUnstableError(DifyError):
    """A second of the log has more rows than could be read; nothing of it was returned.

    Args:
        second: The second (Unix).
        found: How many distinct rows came up.
        total: How many the server counts.
    """

    def __init__(self, second: int, found: int, total: int) -> None:
        moment = datetime.fromtimestamp(second, UTC).isoformat()
        super().__init__(
            f"The log has {total} rows at {moment}, of which only {found} came up however often it "
            "was read; filter for a status or a user, or go on with created_at_before a second "
            "earlier."
        )
        self.second = second
        self.found = found
        self.total = total


class StreamError(DifyError):
    """The event stream of a run failed.

    Args:
        message: What happened, in a sentence.
        run_id: Id of the run, where an event brought it.
        task_id: Id of the task, where an event brought it.
        last_event: The last event that was delivered, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str | None = None,
        task_id: str | None = None,
        last_event: StreamEvent[object] | None = None,
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.task_id = task_id
        self.last_event = last_event
        if self.outcome is None:
            self.outcome = "unknown" if run_id is None else "running"


class RunDeadlineExceededError(StreamError, TimeoutError):
    """The deadline passed before the run's end; once sent, the run goes on unless it was stopped.

    Args:
        message: What happened, in a sentence.
        request_sent: False where the run cannot have reached the server, True where it may.
        stop_requested: Whether a stop was sent for its task.
        run_id: Id of the run, where an event brought it.
        task_id: Id of the task, where an event brought it.
        last_event: The last event that was delivered, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        request_sent: bool,
        stop_requested: bool = False,
        run_id: str | None = None,
        task_id: str | None = None,
        last_event: StreamEvent[object] | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id, task_id=task_id, last_event=last_event)
        self.request_sent = request_sent
        self.stop_requested = stop_requested
        if not request_sent:
            self.outcome = "not_run"


class StreamInterruptedError(StreamError):
    """The stream broke, fell silent or ended before the run's end; the run may be going on."""


class RunLostError(StreamError):
    """The run's outcome cannot be known any more; the message says why."""

    outcome = "unknown"


class RunOutcomeUnknownError(DifyError):
    """A run was sent, and neither an answer nor an event with its id came back.

    It is not sent again: it may be going on. `candidates` has the runs of the log that may be the
    one; up to Dify 1.10 a run is there only when it has ended.

    Args:
        message: What happened, in a sentence.
        candidates: Ids of runs that may be the one.
        possible_runs: The same where the server's clock is not known.
    """

    outcome = "unknown"

    def __init__(
        self,
        message: str,
        *,
        candidates: Sequence[str] = (),
        possible_runs: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)
        self.possible_runs = tuple(possible_runs)


class StreamDecodeError(StreamError, InvalidResponseError):
    """The stream brought an event that is larger than ``max_event_bytes``.

    Smaller ones that cannot be read are delivered as `UnreadableEvent`.
    """


class WorkflowStreamError(StreamError):
    """The server reported an error in the stream: mostly that the run could not be set up.

    Args:
        message: What happened, in a sentence.
        event: The error event.
        following: What the server sent behind it (1.15 and newer: `WorkflowStarted` and
            `WorkflowFinished`).
        run_id: Id of the run, where an event brought it.
        task_id: Id of the task, where an event brought it.
        last_event: The last event that was delivered, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        event: StreamEvent[object],
        following: Sequence[StreamEvent[object]] = (),
        run_id: str | None = None,
        task_id: str | None = None,
        last_event: StreamEvent[object] | None = None,
    ) -> None:
        super().__init__(message, run_id=run_id, task_id=task_id, last_event=last_event)
        self.outcome = "not_run" if run_id is None or following else "running"
        self.event = event
        self.following: tuple[StreamEvent[object], ...] = tuple(following)

    @property
    def code(self) -> str | None:
        """Dify's name of the error, such as ``"invalid_param"``; None where the event has none."""
        code: str | None = self.event.raw.get("code")
        return code

    @property
    def final_event(self) -> StreamEvent[object] | None:
        """The `WorkflowFinished` that the server sent behind the error; None where it did not."""
        return next((event for event in self.following if event.status != "running"), None)


class WorkflowRunError(DifyError):
    """The run did not succeed; raised by `WorkflowRunResponse.raise_for_status` alone.

    Args:
        message: What happened, in a sentence.
        result: The run.
    """

    outcome: Outcome | None = "ended"

    def __init__(self, message: str, *, result: WorkflowRunResponse[Any]) -> None:
        super().__init__(message)
        self.result = result
        self.run_id = result.id
        self.task_id = result.task_id


class WorkflowFailedError(WorkflowRunError):
    """The run failed."""


class WorkflowStoppedError(WorkflowRunError):
    """The run was stopped."""


class WorkflowPausedError(WorkflowRunError):
    """The run waits for people; ``result.paused`` has the forms."""

    outcome = "running"
