"""A call: its `Operation`, its options (`Call`), and the request of httpx made from both."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import attrs
import httpx

from .._json import encode
from .._secret import ApiKey
from .._version import __version__
from ..errors import ConfigurationError
from .answer import Answer
from .libraries import CALL_TIMEOUT, error_name
from .library_logs import HIDDEN
from .options import Deadline, NotGiven, Options

if TYPE_CHECKING:
    from .._streams.protocol import Observer

T = TypeVar("T")

_TOKEN = re.compile(r"(?<=/human_input)/[^/]+")


@attrs.frozen(eq=False, repr=False)
class Operation(Generic[T]):
    """One operation of the server's API, with its arguments.

    Args:
        name: Name of the method that was called, for messages.
        request: The result of the generated request builder.
        read: Reads the answer.
        answer: The kind of answer: JSON, an event stream, or bytes of any type.
        repeatable: Whether it may be sent twice (idempotent).
        replayable: Whether its body can be read and sent a second time.
        runs: Whether it starts a run.
        about: The run or task it is about, for the log.
    """

    name: str
    request: Mapping[str, Any]
    read: Callable[[Answer], T]
    answer: Literal["json", "events", "bytes"] = "json"
    repeatable: bool = False
    replayable: bool = True
    runs: bool = False
    about: str = ""

    @property
    def label(self) -> str:
        """The start of log lines: the method, and the run or task it is about."""
        return f"{self.name} ({self.about})" if self.about else self.name

    def __str__(self) -> str:
        """Label, HTTP method and path for the log, without the token of a form, a secret."""
        path: str = self.request["url"]
        return f"{self.label}: {self.request['method'].upper()} {_TOKEN.sub('/***', path)}"

    def takes(self, content_type: str) -> bool:
        """Whether an answer of this media type is acceptable."""
        return self.answer != "events" or content_type.lower().startswith("text/event-stream")


@attrs.frozen(eq=False, repr=False)
class Call(Generic[T]):
    """An operation with everything that is needed to send it.

    Args:
        operation: The operation.
        options: The options: URL, key, retries, timeouts and so on.
        observer: Is called when the call is repeated.
        on_sent: Is called when the server may have received any of it, also after a failure or a
            cancellation.
    """

    operation: Operation[T]
    options: Options
    observer: Observer | None = None
    on_sent: Callable[[], object] = lambda: None

    def __attrs_post_init__(self) -> None:
        self.options.key()  # raises if there is no key

    @property
    def key(self) -> ApiKey:
        """Key of the app."""
        return self.options.key()

    def changed(self, **options: Any) -> Self:
        """A copy with other options."""
        return attrs.evolve(self, options=attrs.evolve(self.options, **options))

    @property
    def base_url(self) -> str:
        """Base URL of the server, without a slash at its end."""
        return self.options.base_url

    @property
    def deadline(self) -> Deadline:
        """The deadline of the method that was called."""
        return self.options.deadline


_STREAM_TIMEOUT = httpx.Timeout(connect=5.0, read=35.0, write=30.0, pool=30.0)
"""The default timeouts of streams. Servers ping every 10 s, so 35 s of silence are three missed
pings."""

_REPLACED_TIMEOUTS = (httpx.Timeout(5.0).as_dict(), CALL_TIMEOUT.as_dict())
"""Timeouts of a client that are replaced by ours: the default of httpx, which is too short for
streams, and that of our own clients."""


def bounds_of(client: Any, call: Call[Any]) -> dict[str, float | None]:
    """The timeouts of a call: its own, or those of the user's httpx client, or our defaults."""
    timeout: Any = call.options.timeout
    if isinstance(timeout, NotGiven):
        timeout = client.timeout
        if timeout.as_dict() in _REPLACED_TIMEOUTS:
            is_stream = call.operation.answer == "events"
            timeout = _STREAM_TIMEOUT if is_stream else CALL_TIMEOUT
    bounds = timeout if hasattr(timeout, "as_dict") else httpx.Timeout(timeout)
    return dict(bounds.as_dict())


class Progress:
    """Records whether the headers of a request began to be sent.

    Args:
        is_reported: Whether the transport is known to report its steps. If it is not known and
            nothing was reported, the request counts as sent.
    """

    def __init__(self, *, is_reported: bool) -> None:
        self._is_reported = is_reported
        self._has_begun = False
        self.is_shared = False
        """Whether the connection uses HTTP/2, so that it can have other streams."""

    @property
    def may_be_sent(self) -> bool:
        """Whether the server may have received any of the request."""
        return self._has_begun or not self._is_reported

    def is_sent(self, error: BaseException) -> bool:
        """Whether the server may have received any of a request that failed with this exception."""
        # httpcore does not report the wait for a connection.
        cause = error.__cause__
        waited = error_name(error) == "PoolTimeout" and type(cause).__module__.startswith(
            "httpcore"
        )
        return self.may_be_sent and not waited

    def note(self, step: str, info: Mapping[str, Any]) -> None:
        """Record a step of the transport, such as ``"http11.send_request_headers.started"``."""
        self._is_reported = True
        self.is_shared = self.is_shared or step.startswith("http2.")
        # CONNECT goes only to a proxy; the server does not see it.
        if step.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self._has_begun = True
            info["request"].extensions.pop("trace", None)  # no later step matters

    async def anote(self, step: str, info: Mapping[str, Any]) -> None:
        """Record a step of an async transport."""
        self.note(step, info)


def bearer(key: ApiKey) -> Callable[[Any], Any]:
    """An httpx auth function that adds the key just before sending, so that few frames see it."""
    HIDDEN[id(key)] = key  # in the log of the HTTP libraries

    def put(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        return request

    return put


_USER_AGENT = (
    f"dify-workflow/{__version__} python/{platform.python_version()} httpx/{httpx.__version__}"
)

_ACCEPT = {"json": "application/json", "events": "text/event-stream", "bytes": "*/*"}


def build_request(client: Any, call: Call[Any]) -> Any:
    """The httpx request of a call, from the result of the generated request builder.

    Args:
        client: The client that will send it.
        call: The call.

    Raises:
        ConfigurationError: The base URL is invalid for httpx.
    """
    built = dict(call.operation.request)
    method, path, given = built.pop("method"), built.pop("url"), built.pop("headers", {})
    is_stream = call.operation.answer == "events"
    headers = {
        "user-agent": _USER_AGENT,
        "accept": _ACCEPT[call.operation.answer],
        # Compression would delay events. For encodings other than gzip, `Inflater` cannot bound
        # the size.
        "accept-encoding": "identity" if is_stream else "gzip",
        **{name.lower(): value for name, value in given.items()},
        **call.options.extra_headers,
    }
    if "json" in built:  # httpx before 0.28 encodes NaN, and escapes characters outside ASCII
        built["content"] = encode(built.pop("json"))
    try:
        return client.build_request(
            method,
            call.base_url + path,
            headers=headers,
            extensions={"timeout": bounds_of(client, call)},
            **built,
        )
    except Exception as error:
        # httpx lets through the UnicodeError of a host that begins with xn-- and is not IDNA.
        if error_name(error) != "InvalidURL" and not isinstance(error, UnicodeError):
            raise
        raise ConfigurationError(f"{call.operation.name}: {call.base_url}: {error}") from None


class _CutBounds(dict[str, float | None]):
    """Timeouts that end at the deadline, if it comes first.

    httpcore reads a timeout with `get` when its phase (pool, connect, write, read) begins.
    """

    def __init__(
        self, bounds: dict[str, float | None], deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(bounds)
        self._deadline = deadline
        self._progress = progress

    def get(self, phase: str, default: Any = None, /) -> Any:
        bound = super().get(phase, default)
        # A read timeout would break a connection of HTTP/2 with all its streams.
        is_left = self._progress.is_shared and phase == "read"
        return bound if is_left else self._deadline.bound(bound)


@lru_cache
def _cut_body_class(package: ModuleType) -> Any:
    """The class of a request body that stops at a deadline, for httpx or httpx2."""

    class CutBody(package.SyncByteStream):  # type: ignore[misc, name-defined]  # known only at run time
        """A body with one deadline for all pieces; httpcore has a timeout for each piece."""

        def __init__(self, body: Any, deadline: Deadline) -> None:
            self._body = body
            self._deadline = deadline

        def __iter__(self) -> Iterator[bytes]:
            for piece in self._body:
                if self._deadline.has_passed:
                    raise package.WriteTimeout("the deadline passed")
                yield piece

    return CutBody


def cut(request: Any, deadline: Deadline, progress: Progress) -> None:
    """Apply a deadline to each phase of a sync request that the user's own client sends."""
    bounds = request.extensions["timeout"]
    request.extensions["timeout"] = _CutBounds(bounds, deadline, progress)
    package = sys.modules[type(request).__module__.partition(".")[0]]  # httpx or httpx2
    request.stream = _cut_body_class(package)(request.stream, deadline)
