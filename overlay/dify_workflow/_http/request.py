"""A call to the server: what is asked for, what sending it takes, and what is answered."""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs
import httpx

from .._deadline import NO_DEADLINE, Deadline
from .._json import (
    JSONObject,
    abridged,
    decode,
    encode,
    is_object,
)
from .._secret import ApiKey
from .._version import __version__
from ..errors import (
    APIConnectionError,
    ConfigurationError,
    InvalidResponseError,
    RunDeadlineExceededError,
)
from .libraries import Progress, cut_body_class, error_name, package_of
from .options import (
    MAX_ANSWER_BYTES,
    NotGiven,
    Options,
    Timeout,
)

if TYPE_CHECKING:
    from .._streams.observer import Observer


class Answer:
    """A successful answer.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status, 200 to 299.
        headers: Headers, names in lower case.
        key: The key of the call, which no message may show.
        body: The body's bytes, without their transfer and content encoding.
    """

    __slots__ = ("body", "headers", "key", "operation", "status_code")

    def __init__(
        self,
        operation: str,
        status_code: int,
        headers: Mapping[str, str],
        key: ApiKey,
        body: bytes,
    ) -> None:
        self.operation = operation
        self.status_code = status_code
        self.headers = headers
        self.key = key
        self.body = body

    def json(self) -> JSONObject:
        """The body as a JSON object.

        Raises:
            InvalidResponseError: It is none; the message shows how it starts.
        """
        try:
            value = decode(self.body)
        except ValueError as error:
            raise self.unreadable(f"not JSON ({error})") from error
        if not is_object(value):
            raise self.unreadable("JSON, but no object")
        return value

    def unreadable(self, what: str) -> InvalidResponseError:
        """The exception for a body that is not what the operation answers with.

        Args:
            what: What the body is instead.
        """
        kind = self.headers.get("content-type", "no Content-Type")
        start = abridged(self.key.hide_in(self.body.decode("utf-8", "replace")))
        return InvalidResponseError(
            f"{self.operation}: the answer ({self.status_code}, {kind}) is {what}: "
            f"{start or 'it is empty'}"
        )


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


CALL_TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=30.0)
_STREAM_TIMEOUT = httpx.Timeout(connect=5.0, read=35.0, write=30.0, pool=30.0)
"""Servers ping every 10 s, so 35 s of silence are three pings missed."""

_HTTPX_TIMEOUT = httpx.Timeout(5.0)
"""What httpx has by default: a client with it was not set up for streams, so it does not count."""

_USER_AGENT = (
    f"dify-workflow/{__version__} python/{platform.python_version()} httpx/{httpx.__version__}"
)

_ACCEPT = {"json": "application/json", "events": "text/event-stream", "bytes": "*/*"}


def bearer(key: ApiKey) -> Callable[[Any], Any]:
    """What puts the key on a request just before it is sent, so that no frame holds it before."""

    def put(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        return request

    return put


def build_request(client: Any, call: Call[Any]) -> Any:
    """The request of a call, from what the generated request builder made.

    Args:
        client: Which will send it.
        call: The call.

    Raises:
        ConfigurationError: httpx does not take the base URL.
    """
    built = dict(call.operation.request)
    method, path, given = built.pop("method"), built.pop("url"), built.pop("headers", {})
    is_stream = call.operation.answer == "events"
    headers = {
        "user-agent": _USER_AGENT,
        "accept": _ACCEPT[call.operation.answer],
        # Compressed, events would wait for each other; of other encodings what they inflate to
        # cannot be bounded.
        "accept-encoding": "identity" if is_stream else "gzip",
        **{name.lower(): value for name, value in given.items()},
    }
    if "json" in built:  # httpx encodes NaN before 0.28 and escapes what is not ASCII
        built["content"] = encode(built.pop("json"))
    bounds = _bounds(client, call)
    try:
        return client.build_request(
            method,
            call.base_url + path,
            headers=headers,
            extensions={"timeout": bounds},
            **built,
        )
    except Exception as error:
        if error_name(error) != "InvalidURL":
            raise
        raise ConfigurationError(f"{call.operation.name}: {call.base_url}: {error}") from None


def _bounds(client: Any, call: Call[Any]) -> dict[str, float | None]:
    """The call's own bounds, else those of the user's httpx client, else the ones for its kind."""
    timeout: Any = call.timeout
    if isinstance(timeout, NotGiven):
        timeout = client.timeout
        if timeout.as_dict() in (_HTTPX_TIMEOUT.as_dict(), CALL_TIMEOUT.as_dict()):
            is_stream = call.operation.answer == "events"
            timeout = _STREAM_TIMEOUT if is_stream else CALL_TIMEOUT
    bounds = timeout if hasattr(timeout, "as_dict") else httpx.Timeout(timeout)
    return dict(bounds.as_dict())


class _CutBounds(dict[str, float | None]):
    """Bounds of which each is cut to what a deadline leaves when its phase begins.

    httpcore takes a bound with `get` when its phase (pool, connect, write, read) begins.

    Args:
        bounds: Seconds by phase; None for no bound.
        deadline: When the request has to be over.
        progress: How far the request has got.
    """

    def __init__(
        self, bounds: dict[str, float | None], deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(bounds)
        self._deadline = deadline
        self._progress = progress

    def get(self, phase: str, default: Any = None, /) -> Any:
        bound = super().get(phase, default)
        # A read that ends too early breaks a connection of HTTP/2 with all its streams.
        is_left = self._progress.is_shared and phase == "read"
        return bound if is_left else self._deadline.bound(bound)


def cut(request: Any, deadline: Deadline, progress: Progress) -> None:
    """Let a deadline bound each phase of a request that a thread sends with a client of the user's.

    Args:
        request: The request.
        deadline: When it has to be over.
        progress: How far it has got.
    """
    bounds = request.extensions["timeout"]
    request.extensions["timeout"] = _CutBounds(bounds, deadline, progress)
    request.stream = cut_body_class(package_of(request))(request.stream, deadline)
