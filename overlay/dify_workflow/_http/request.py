"""What is asked for (`Operation`), what sending it takes (`Call`), and the request of httpx."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import attrs
import httpx

from .._json import encode
from .._secret import ApiKey
from .._version import __version__
from ..errors import ConfigurationError
from .answer import Answer
from .deadline import Deadline
from .libraries import CALL_TIMEOUT, error_name
from .options import NotGiven, Options

if TYPE_CHECKING:
    from .._streams.protocol import Observer

T = TypeVar("T")

_TOKEN = re.compile(r"(?<=/human_input)/[^/]+")


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
        about: The run or task that it names, for the log.
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
        """What log lines begin with: the method, and the run or task that it is about."""
        return f"{self.name} ({self.about})" if self.about else self.name

    @property
    def shown(self) -> str:
        """Method and path for the log, without the token that fills a form in for a person."""
        path: str = self.request["url"]
        return f"{self.request['method'].upper()} {_TOKEN.sub('/***', path)}"

    def takes(self, content_type: str) -> bool:
        """Whether an answer of this media type can be the one that was asked for."""
        return self.answer != "events" or content_type.lower().startswith("text/event-stream")


@attrs.frozen(eq=False, repr=False)
class Call(Generic[T]):
    """An operation, and everything else that sending it takes.

    Args:
        operation: What is asked for, and how the answer is read.
        options: Where it is sent and with which key, how often, and how long it may take.
        observer: Who is told of its attempts.
        on_sent: Called when the server may have got any of it, be it answered, failed or cancelled.
    """

    operation: Operation[T]
    options: Options
    observer: Observer | None = None
    on_sent: Callable[[], object] = lambda: None

    def __attrs_post_init__(self) -> None:
        self.options.key()  # where there is none, that is raised now

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
        """When all of it has to be over."""
        return self.options.deadline


_STREAM_TIMEOUT = httpx.Timeout(connect=5.0, read=35.0, write=30.0, pool=30.0)
"""Servers ping every 10 s, so 35 s of silence are three pings missed."""

_HTTPX_TIMEOUT = httpx.Timeout(5.0)
"""What httpx has by default: a client with it was not set up for streams, so it does not count."""


def bounds_of(client: Any, call: Call[Any]) -> dict[str, float | None]:
    """The call's own bounds, else those of the user's httpx client, else the ones for its kind."""
    timeout: Any = call.options.timeout
    if isinstance(timeout, NotGiven):
        timeout = client.timeout
        if timeout.as_dict() in (_HTTPX_TIMEOUT.as_dict(), CALL_TIMEOUT.as_dict()):
            is_stream = call.operation.answer == "events"
            timeout = _STREAM_TIMEOUT if is_stream else CALL_TIMEOUT
    bounds = timeout if hasattr(timeout, "as_dict") else httpx.Timeout(timeout)
    return dict(bounds.as_dict())


class Progress:
    """Notes whether the headers of a request began to leave.

    Args:
        is_reported: Whether the transport is known to report. Others may report or not, and where
            nothing was reported the request counts as sent.
    """

    def __init__(self, *, is_reported: bool) -> None:
        self._is_reported = is_reported
        self._has_begun = False
        self.is_shared = False
        """Whether the connection is one of HTTP/2, which has other streams."""

    @property
    def may_be_sent(self) -> bool:
        """Whether the server may have got any of the request."""
        return self._has_begun or not self._is_reported

    def is_sent(self, error: BaseException) -> bool:
        """Whether the server may have got any of a request that failed with this exception."""
        # Of the wait for a connection httpcore reports nothing.
        cause = error.__cause__
        waited = error_name(error) == "PoolTimeout" and type(cause).__module__.startswith(
            "httpcore"
        )
        return self.may_be_sent and not waited

    def note(self, step: str, info: Mapping[str, Any]) -> None:
        """Take a report, such as of ``"http11.send_request_headers.started"``."""
        self._is_reported = True
        self.is_shared = self.is_shared or step.startswith("http2.")
        if step.endswith("send_request_headers.started"):
            # A proxy is asked with CONNECT first, of which the server hears nothing.
            self._has_begun = self._has_begun or info["request"].method != b"CONNECT"

    async def anote(self, step: str, info: Mapping[str, Any]) -> None:
        """Take a report, for async transports."""
        self.note(step, info)


def bearer(key: ApiKey) -> Callable[[Any], Any]:
    """What puts the key on a request just before it is sent, so that no frame holds it before."""

    def put(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        return request

    return put


_USER_AGENT = (
    f"dify-workflow/{__version__} python/{platform.python_version()} httpx/{httpx.__version__}"
)

_ACCEPT = {"json": "application/json", "events": "text/event-stream", "bytes": "*/*"}


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
        **call.options.extra_headers,
    }
    if "json" in built:  # httpx encodes NaN before 0.28 and escapes what is not ASCII
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
        if error_name(error) != "InvalidURL":
            raise
        raise ConfigurationError(f"{call.operation.name}: {call.base_url}: {error}") from None
