"""The exceptions of this package.

DifyError
├── ConfigurationError (ValueError)       no API key, an invalid base URL, a closed client
├── InvalidRequestError (ValueError)      the request is invalid; nothing was sent
│   └── InvalidInputsError                the app does not accept these inputs
├── APIConnectionError (ConnectionError)  the server did not answer
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
├── LogCursorError (ValueError)           an invalid cursor, or a row that is not in the log
├── LogWindowUnstableError                a second of the log that cannot be read completely
├── RunOutcomeUnknownError                a run was sent, but its id is not known
├── StreamError
│   ├── RunDeadlineExceededError (TimeoutError)  the deadline passed; the run may still be running
│   ├── StreamInterruptedError            the stream broke before the run ended
│   ├── StreamDecodeError                 an event is larger than max_event_bytes
│   ├── RunLostError                      the run's outcome cannot be found out any more
│   └── WorkflowStreamError               the server reported an error in the stream
└── WorkflowRunError                      raised only by `raise_for_status`
    ├── WorkflowFailedError
    ├── WorkflowStoppedError
    └── WorkflowPausedError
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ._base_error import APIStatusError, DifyError, InputProblem, Outcome

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

for _base in (DifyError, APIStatusError):
    _base.__module__ = __name__  # tracebacks and traces name the module that users import


class ConfigurationError(DifyError, ValueError):
    """The client cannot make the call: no API key, an invalid option, or it is closed."""

    outcome = "not_run"


class InvalidRequestError(DifyError, ValueError):
    """The request is invalid. Nothing was sent."""

    outcome = "not_run"


class InvalidInputsError(InvalidRequestError):
    r"""The app does not accept the inputs. The run was not sent.

    Args:
        operation: Name of the method that was called.
        problems: Every problem, in the order of the app's inputs.
        undeclared: Names of inputs that the app does not have; perhaps a name is misspelled.

    Example::

        try:
            workflow.run_workflow({})
        except InvalidInputsError as error:
            print(*error.problems, sep="\n")
    """

    def __init__(
        self, operation: str, problems: Sequence[InputProblem], undeclared: Sequence[str] = ()
    ) -> None:
        listed = "; ".join(map(str, problems))
        unknown = f" It has no input {', '.join(map(repr, undeclared))}." if undeclared else ""
        super().__init__(f"{operation}: the app does not accept these inputs: {listed}.{unknown}")
        self.problems: tuple[InputProblem, ...] = tuple(problems)
        self.undeclared: tuple[str, ...] = tuple(undeclared)


class APIConnectionError(DifyError, ConnectionError):
    """The server did not answer: the connection failed or broke.

    Args:
        message: What happened, in a sentence.
        request_sent: False if the request did not reach the server, True if it may have.
    """

    def __init__(self, message: str, *, request_sent: bool) -> None:
        super().__init__(message)
        self.request_sent = request_sent


class APITimeoutError(APIConnectionError, TimeoutError):
    """The server did not answer in time."""


class BadRequestError(APIStatusError):
    """400: the server does not accept the request."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing or wrong."""

    _means = "the API key is wrong or belongs to another server"


class PermissionDeniedError(APIStatusError):
    """403: the key is valid, but this is not allowed."""

    _means = "the server does not allow this"


class NotFoundError(APIStatusError, LookupError):
    """404: nothing has this id, or the server has no such endpoint."""

    def _advice(self) -> str:
        if self.code is None:
            return (
                "the server has no such endpoint; check that the base URL ends in /v1 and that the "
                "server is new enough"
            )
        return "not found"


class PreconditionFailedError(APIStatusError):
    """412: the form was already submitted, or has expired."""

    _means = "too late, the form is closed"


class PayloadTooLargeError(APIStatusError):
    """413: the file or the request is larger than the server allows."""

    _means = "larger than the server allows"


class UnsupportedMediaTypeError(APIStatusError):
    """415: the server does not accept files or bodies of this type."""

    _means = "the server does not accept this type of file or body"


_LIMIT = r"concurrent requests allowed\b[^.]{0,100} is (\d{1,9})\."
"""Finds the limit in the message of a refusal by the concurrency limit."""

_DIFY_LIMITS = frozenset({"too_many_requests", "rate_limit_error"})
"""Dify's codes with a 429: the concurrency limit, and the quota and rate limit of Dify Cloud."""


class RateLimitError(APIStatusError):
    """429, or the 400 with which Dify enforces its concurrency limit."""

    @property
    def limit(self) -> int | None:
        """How many runs the app may have at once, if that limit refused the request; else None."""
        named = re.search(_LIMIT, self.message)
        return int(named[1]) if named else None

    @property
    def is_from_dify(self) -> bool:
        """Whether Dify itself refused, before anything ran. A proxy can refuse later."""
        if self.status_code == 400:  # noqa: PLR2004  # the concurrency limit
            return True
        return self.code in _DIFY_LIMITS and bool(self.message)

    def _advice(self) -> str:
        if self.is_from_dify:
            return "too many requests at once; nothing was run, try again later"
        return "a proxy in front of the server refused: too many requests"


class ServerError(APIStatusError):
    """5xx: the server, or a proxy in front of it, failed."""

    _means = "the server failed"


class GatewayTimeoutError(ServerError):
    """504, 522 or 524: a proxy stopped waiting. The server may still be working on the request."""

    _means = "a proxy stopped waiting for the server, which may still be working on it"


class InvalidResponseError(DifyError):
    """An answer or event cannot be read. The message names the method and shows the answer."""


class UnsupportedServerError(DifyError):
    """The server's version does not support this."""


class OutputsMismatchError(DifyError, ValueError):
    """The outputs of a run do not fit a model; raised only by `WorkflowRunResponse.outputs_as`.

    Args:
        message: Everything that does not fit, as one text.
        problems: The same, one sentence for each place.
        run_id: Id of the run.
    """

    outcome: Outcome | None = "ended"

    def __init__(self, message: str, *, problems: tuple[str, ...], run_id: str) -> None:
        super().__init__(message)
        self.problems = problems
        self.run_id = run_id


class LogCursorError(DifyError, ValueError):
    """The cursor is invalid or belongs to other filters, or `last_id` is not in the log."""


class LogWindowUnstableError(DifyError):
    """One second of the log has more rows than could be read. No row of it was returned.

    Args:
        second: The second (Unix time).
        found: How many different rows were found.
        total: How many rows the server counts.
    """

    def __init__(self, second: int, found: int, total: int) -> None:
        moment = datetime.fromtimestamp(second, UTC).isoformat()
        super().__init__(
            f"The log has {total} rows at {moment}, but only {found} were found in several tries; "
            "filter by status or user, or continue with created_at_before one second earlier."
        )
        self.second = second
        self.found = found
        self.total = total


class StreamError(DifyError):
    """The event stream of a run failed.

    Args:
        message: What happened, in a sentence.
        run_id: Id of the run; None if no event named it.
        task_id: Id of the task; None if no event named it.
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
    """The deadline passed before the run ended. A run that was sent continues unless it is stopped.

    Args:
        message: What happened, in a sentence.
        request_sent: False if the run did not reach the server, True if it may have.
        stop_requested: Whether the client asked the server to stop the run.
        run_id: Id of the run; None if no event named it.
        task_id: Id of the task; None if no event named it.
        last_event: The last event that was delivered, if any.

    Example::

        try:
            workflow.run_workflow({"name": "Ann"}, deadline=60, stop_on_deadline=True)
        except RunDeadlineExceededError as error:
            print(error.run_id, error.outcome)
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
    """The stream broke, fell silent or ended before the run ended. The run may still be running."""


class RunLostError(StreamError):
    """The run's outcome cannot be found out any more. The message says why."""

    outcome = "unknown"


class RunOutcomeUnknownError(DifyError):
    """A run was sent, but neither an answer nor an event gave its id.

    The run may still be running, so it is not sent again. `candidates` has the runs in the log
    that may be this run. Up to Dify 1.10 the log shows a run only when it has ended.

    Args:
        message: What happened, in a sentence.
        candidates: Ids of runs that may be this run.
        possible_runs: The same if the server's clock is not known.

    Example::

        try:
            workflow.run_workflow({"name": "Ann"}, user="request-17")
        except RunOutcomeUnknownError as error:
            print(error.candidates or error.possible_runs)
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
    """An event of the stream is larger than ``max_event_bytes``.

    Smaller events that cannot be read are delivered as `UnreadableEvent`.
    """


class WorkflowStreamError(StreamError):
    """The server reported an error in the stream. Most often the run could not be started.

    Args:
        message: What happened, in a sentence.
        event: The error event.
        following: The events after it (Dify 1.15 and newer: `WorkflowStarted` and
            `WorkflowFinished`).
        run_id: Id of the run; None if no event named it.
        task_id: Id of the task; None if no event named it.
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
        """Dify's error code, such as ``"invalid_param"``; None if the event has none."""
        code: str | None = self.event.raw.get("code")
        return code

    @property
    def final_event(self) -> StreamEvent[object] | None:
        """The `WorkflowFinished` event after the error; None if there was none."""
        return next((event for event in self.following if event.status != "running"), None)


class WorkflowRunError(DifyError):
    """The run did not succeed; raised only by `WorkflowRunResponse.raise_for_status`.

    Args:
        message: What happened, in a sentence.
        result: The run.

    Example::

        try:
            run = workflow.run_workflow({"name": "Ann"}).raise_for_status()
        except WorkflowRunError as error:
            print(error.result.status, error.result.error)
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
    """The run waits for human input; ``result.paused`` has the forms."""

    outcome = "running"
