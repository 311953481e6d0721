"""The one door to httpx: what is sent, how long it may take, and what went wrong.

What is decided here is done in `_sync_transport` and `_async_transport`, which only do I/O.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import httpx

from ._answer import Answer
from ._call import Call
from .errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    DifyError,
)

if TYPE_CHECKING:
    import ssl

HTTPClient: TypeAlias = httpx.Client
AsyncHTTPClient: TypeAlias = httpx.AsyncClient
ClientT = TypeVar("ClientT", httpx.Client, httpx.AsyncClient)

_CLIENTS = (httpx.Client, httpx.AsyncClient)

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Every open stream holds a connection: a bound would let the 101st run wait for the others."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
"""Failures before the request left this machine."""

_PHASES: dict[type[httpx.TimeoutException], tuple[str, str]] = {
    httpx.ConnectTimeout: ("connect", "connecting took longer than"),
    httpx.PoolTimeout: ("pool", "no connection of the pool became free for"),
    httpx.WriteTimeout: ("write", "the server did not take the request for"),
    httpx.ReadTimeout: ("read", "the server was silent for"),
}
"""Key of the bound in httpx's timeouts, and what happened, by exception."""

_HINTS = {
    "WRONG_VERSION_NUMBER": "; does this server speak plain http?",
    "CERTIFICATE_VERIFY_FAILED": "; name your authority with http_client=httpx.Client(verify=…)",
}
"""What to do, by what OpenSSL says."""

UNWANTED_BYTES = 256 * 1024
"""Most bytes that are read of a body that nobody asked for; error pages are short."""

UNWANTED_SECONDS = 5.0
"""Longest time that is spent on such a body; proxies have been seen to leave them open."""

END_SECONDS = 0.01
"""Longest wait for the end of a stream behind its final event, where the server does not linger."""

_LEAST_GAIN = 0.05
"""Seconds that shortening a wait has to save."""

_LEAST_SHARE = 0.02
"""Part of a wait that shortening it has to save: in its last 35 s a stream is then bounded anew
170 times at most, however many pieces come (some 500 kB), and in an hour 400 times."""

logger = logging.getLogger("dify_workflow")


def checked_client(client: ClientT | None, cls: type[ClientT]) -> ClientT | None:
    """The user's own client, if it is one for this world.

    Raises:
        ConfigurationError: It is another kind of object.
    """
    if client is not None and not isinstance(client, cls):
        raise ConfigurationError(
            f"http_client must be an httpx.{cls.__name__}, not {type(client).__name__}."
        )
    return client


def base_url_of(client: httpx.Client | httpx.AsyncClient | None) -> str | None:
    """The base URL that the user's own client has, if any."""
    return str(client.base_url) or None if isinstance(client, _CLIENTS) else None


@contextmanager
def setting_up(call: Call[Any]) -> Generator[None, None, None]:
    """Turn what making an httpx client raises into an exception of ours.

    Raises:
        ConfigurationError: A proxy or a certificate file that the environment names cannot be used.
    """
    try:
        yield
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{call.operation.name}: cannot set up connections; do HTTP_PROXY, HTTPS_PROXY, "
            f"ALL_PROXY and SSL_CERT_FILE hold what they should? {reason}"
        ) from error


def header_dict(response: httpx.Response) -> dict[str, str]:
    """The headers of an answer, names in lower case."""
    return {name.lower(): value for name, value in response.headers.items()}


def is_wanted(call: Call[Any], response: httpx.Response, headers: Mapping[str, str]) -> bool:
    """Whether the answer is what the operation asked for, as far as its head says."""
    return response.is_success and call.operation.takes(headers.get("content-type", ""))


def unwanted(call: Call[Any], response: httpx.Response, body: bytes) -> DifyError:
    """The exception for an answer that is not `is_wanted`."""
    from ._availability import version_needed
    from ._refusal import status_error

    if response.is_success:
        answer = answer_of(call, response, header_dict(response), body)
        return answer.unreadable("not what was asked for")
    # Some proxies show in their error pages what they were sent.
    text = call.key.hide_in(body.decode("utf-8", "replace"))
    headers = {name: call.key.hide_in(value) for name, value in header_dict(response).items()}
    asked = call.operation.request
    needed = version_needed(asked["method"], asked["url"], headers.get("x-version"))
    return status_error(call.operation.name, response.status_code, headers, text, needed=needed)


def translated(error: Exception, call: Call[Any], request: httpx.Request) -> DifyError:
    """The exception for what httpx raised."""
    name, server = call.operation.name, call.base_url
    if isinstance(error, httpx.UnsupportedProtocol):
        return ConfigurationError(f"{name}: cannot send to {server}: {error}")
    sent = not isinstance(error, _NEVER_SENT)
    if isinstance(error, httpx.TimeoutException):
        if call.deadline.has_passed:
            return call.deadline_passed(sent=sent)
        bound, what = _PHASES[type(error)]
        seconds = request.extensions["timeout"][bound]
        return APITimeoutError(f"{name}: {what} {seconds:g} s ({server}).", request_sent=sent)
    what = "the connection broke" if sent else "could not connect"
    if isinstance(error, httpx.ProxyError):
        what = "the proxy did not connect"
    reason = str(error) or type(error).__name__
    hint = next((text for sign, text in _HINTS.items() if sign in reason), "")
    return APIConnectionError(f"{name}: {what} ({server}): {reason}{hint}", request_sent=sent)


def silence(call: Call[Any], seconds: float) -> APITimeoutError:
    """The exception for a server that sent nothing for so many seconds."""
    _, what = _PHASES[httpx.ReadTimeout]
    return APITimeoutError(
        f"{call.operation.name}: {what} {seconds:g} s ({call.base_url}).", request_sent=True
    )


def without_frames(error: BaseException) -> BaseException:
    """The error without the frames in which it was raised, and without the key.

    Frames of httpx hold the headers, and so does the request, which is pickled with the error where
    `distributed` is imported: it has exceptions pickled with their causes (tblib).
    """
    chain: BaseException | None = error
    while chain is not None:
        chain.__traceback__ = None
        if isinstance(chain, httpx.HTTPError):
            with suppress(RuntimeError):  # it has no request
                chain.request.headers.pop("authorization", None)
        chain = chain.__cause__ or chain.__context__
    return error


@cache
def ssl_context() -> ssl.SSLContext:
    """One TLS context for the process; making one takes some 20 ms."""
    return httpx.create_ssl_context()


def answer_of(
    call: Call[Any], response: httpx.Response, headers: Mapping[str, str], body: bytes
) -> Answer:
    """The answer with its body, which was read piece by piece."""
    return Answer(call.operation.name, response.status_code, headers, call.key, body)


def closed(call: Call[Any]) -> ConfigurationError:
    """The exception for a call after `close`."""
    return ConfigurationError(f"{call.operation.name}: this client was closed; make a new one.")


class BodyClosedError(APIConnectionError):
    """More is read of a body that was closed on this side: with its client, or in a fork.

    Args:
        call: The call that was answered.
    """

    def __init__(self, call: Call[Any]) -> None:
        what = "the connection was closed on this side"
        super().__init__(f"{call.operation.name}: {what}", request_sent=True)


def wake_reader(response: httpx.Response) -> None:
    """Wake a thread that waits for a body that is about to be closed.

    Closing a socket does not; shutting it down does. A connection of HTTP/2 has other streams.
    """
    stream = _connection(response)
    if stream is not None and not _is_shared(response):
        connected = stream.get_extra_info("socket")
        with suppress(AttributeError, OSError):  # another kind of stream, or gone already
            connected.shutdown(socket.SHUT_RDWR)


def given_up(call: Call[Any]) -> APIConnectionError:
    """What others are told who waited for a call that was cancelled."""
    return APIConnectionError(f"{call.operation.name}: the call was cancelled.", request_sent=True)


def log(call: Call[Any], response: httpx.Response, started: float) -> None:
    """Log that a call was answered; neither bodies nor addresses, which can hold tokens."""
    logger.debug(
        "%s: %d after %.0f ms",
        call.operation.name,
        response.status_code,
        (time.perf_counter() - started) * 1000,
    )


class Versions:
    """The version of each server that answered, by base URL (header X-Version)."""

    def __init__(self) -> None:
        self._by_url: dict[str, str] = {}

    def note(self, call: Call[Any], headers: Mapping[str, str]) -> None:
        version = headers.get("x-version")
        if version:
            self._by_url[call.base_url] = version

    def __getitem__(self, base_url: str) -> str | None:
        return self._by_url.get(base_url)


def tighten(response: httpx.Response, seconds: float) -> bool:
    """Bound the wait for the rest of a body; False where that cannot or need not be done.

    httpcore takes the bound when an iteration over the body begins, and a new iteration goes on
    where the last one was. That holds for real connections alone, so elsewhere the bound of the
    call stays. It also stays where it is hardly longer than this one: iterations that were given up
    cannot be freed before the body's end, and a body comes in many pieces.
    """
    if _connection(response) is None or not can_bound_waits(response):
        return False
    timeout = response.request.extensions["timeout"]
    in_force = timeout["read"]
    if in_force is not None and in_force <= seconds + max(_LEAST_GAIN, _LEAST_SHARE * seconds):
        return False
    timeout["read"] = seconds
    return True


def is_wired(response: httpx.Response) -> bool:
    """Whether a body comes over a real connection, and not from a transport of the user's own."""
    return _connection(response) is not None


def can_bound_waits(response: httpx.Response) -> bool:
    """Whether the wait for the next bytes of a body can be given a bound of its own.

    Not within a compressed body, of which an iteration holds the state; and not over HTTP/2, where
    httpcore would give up the connection with all its other streams.
    """
    return _connection(response) is None or (is_plain(response) and not _is_shared(response))


def is_plain(response: httpx.Response) -> bool:
    """Whether the body's bytes are those that come over the connection.

    They are not where it is compressed, or was read already by a hook of the user's client.
    """
    return "content-encoding" not in response.headers and not response.is_stream_consumed


def content_of(response: httpx.Response) -> bytes:
    """The body, as far as a hook of the user's client has read it before it raised."""
    try:
        return response.content
    except httpx.ResponseNotRead:
        return b""


def _connection(response: httpx.Response) -> Any:
    return response.extensions.get("network_stream")


def _is_shared(response: httpx.Response) -> bool:
    return response.http_version == "HTTP/2"
