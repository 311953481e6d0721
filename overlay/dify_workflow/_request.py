"""The request of a call, as httpx sends it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import httpx

from ._call import Call
from ._deadline import Deadline
from ._http_library import cut_body_class, error_name, package_of
from ._json import encode
from ._options import NotGiven
from ._progress import Progress
from ._secret import ApiKey
from ._version import __version__
from .errors import ConfigurationError

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
