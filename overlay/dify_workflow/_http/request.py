"""Operation, Call, httpx.Request, Answer: what is asked for, what sending it takes, what comes."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import attrs
import httpx

from .._deadline import Deadline
from .._json import JSONObject, abridged, decode, encode, is_object
from .._secret import ApiKey
from .._version import __version__
from ..errors import ConfigurationError, InvalidResponseError
from .libraries import error_name
from .options import Options
from .timeouts import bounds_of
from .versions import version_needed

if TYPE_CHECKING:
    from .._streams.observer import Observer


@attrs.frozen(eq=False, repr=False)
class Answer:
    """What the server answered.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status.
        headers: Headers, names in lower case.
        key: The key of the call, which no message may show.
        body: The body's bytes, without their transfer and content encoding.
    """

    operation: str
    status_code: int
    headers: Mapping[str, str]
    key: ApiKey
    body: bytes

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
    """

    name: str
    request: Mapping[str, Any]
    read: Callable[[Answer], T]
    answer: Literal["json", "events", "bytes"] = "json"
    repeatable: bool = False
    replayable: bool = True
    runs: bool = False

    @property
    def shown(self) -> str:
        """Method and path for the log, without the token that fills a form in for a person."""
        path: str = self.request["url"]
        return f"{self.request['method'].upper()} {_TOKEN.sub('/***', path)}"

    def takes(self, content_type: str) -> bool:
        """Whether an answer of this media type can be the one that was asked for."""
        return self.answer != "events" or content_type.lower().startswith("text/event-stream")

    def version_needed(self, server_version: str | None) -> str | None:
        """The first Dify that has the endpoint, where the server is older; else None."""
        return version_needed(self.request["method"], self.request["url"], server_version)


@attrs.frozen(eq=False, repr=False)
class Call(Generic[T]):
    """An operation, and everything else that sending it takes.

    Args:
        operation: What is asked for, and how the answer is read.
        key: Key of the app.
        options: Where it is sent, how often, and how long it may take.
        observer: Who is told of its attempts.
        on_sent: Called when the server may have got any of it, be it answered, failed or cancelled.
    """

    operation: Operation[T]
    key: ApiKey
    options: Options
    observer: Observer | None = None
    on_sent: Callable[[], object] = lambda: None

    @property
    def base_url(self) -> str:
        """Base URL of the server, without a slash at its end."""
        return self.options.base_url

    @property
    def deadline(self) -> Deadline:
        """When all of it has to be over."""
        return self.options.deadline

    def changed(self, **options: Any) -> Self:
        """A copy with other options."""
        return attrs.evolve(self, options=attrs.evolve(self.options, **options))


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
