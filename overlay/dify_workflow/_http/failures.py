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
from html import unescape
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import httpx

from .._json import (
    JSONObject,
    abridged,
    decode,
    is_object,
)
from ..errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DifyError,
    GatewayTimeoutError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitError,
    ServerError,
    UnsupportedMediaTypeError,
)
from .libraries import Progress, error_name, is_client
from .outcomes import add_to_message, can_never_fit
from .request import Answer, Call
from .versions import version_needed

if TYPE_CHECKING:
    import ssl

    import httpx2

    HTTPClient: TypeAlias = httpx.Client | httpx2.Client
    AsyncHTTPClient: TypeAlias = httpx.AsyncClient | httpx2.AsyncClient
else:
    HTTPClient: TypeAlias = httpx.Client
    AsyncHTTPClient: TypeAlias = httpx.AsyncClient

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Every open stream holds a connection: a bound would let the 101st run wait for the others."""

_PHASES = {
    "ConnectTimeout": ("connect", "connecting took longer than"),
    "PoolTimeout": ("pool", "no connection of the pool became free for"),
    "WriteTimeout": ("write", "the server did not take the request for"),
    "ReadTimeout": ("read", "the server was silent for"),
    "TimeoutException": ("read", "the server did not answer for"),
}
"""Key of the bound in httpx's timeouts, and what happened, by name of the exception."""

_BEFORE_SENDING = frozenset({"connect", "pool"})
"""Bounds of what comes before a request is sent. Some transports name them for other failures, such
as a server that closes the connection, so they are believed only where nothing can be sent."""

_HINTS = {
    "WRONG_VERSION_NUMBER": "; does this server speak plain http?",
    "CERTIFICATE_VERIFY_FAILED": "; name your authority with http_client=httpx.Client(verify=…)",
}
"""What to do, by what OpenSSL says."""

logger = logging.getLogger("dify_workflow")


def checked_client(client: Any, name: str) -> Any:
    """The user's own client, if it is one for sync or async code, as wanted.

    Args:
        client: The client; None for none.
        name: ``"Client"`` or ``"AsyncClient"``.

    Raises:
        ConfigurationError: It is another kind of object.
    """
    if client is not None and not is_client(client, name):
        raise ConfigurationError(
            f"http_client must be an httpx.{name} or httpx2.{name}, not {type(client).__name__}."
        )
    return client


def base_url_of(client: Any) -> str | None:
    """The base URL that the user's own client has, if any."""
    is_one = is_client(client, "Client") or is_client(client, "AsyncClient")
    return str(client.base_url) or None if is_one else None


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


def header_dict(call: Call[Any], response: Any) -> dict[str, str]:
    """The headers of an answer, names in lower case, without the key that a server may echo.

    It is taken out of the reason phrase too, which `repr` of an answer shows.
    """
    hide = call.key.hide_in
    phrase: bytes = response.extensions.get("reason_phrase", b"")
    response.extensions["reason_phrase"] = call.key.hide_in_bytes(phrase)
    return {hide(name.lower()): hide(value) for name, value in response.headers.items()}


def is_wanted(call: Call[Any], response: Any, headers: Mapping[str, str]) -> bool:
    """Whether the answer is what the operation asked for, as far as its head says."""
    return response.is_success and call.operation.takes(headers.get("content-type", ""))


def may_be_events(call: Call[Any], response: Any) -> bool:
    """Whether an answer of another media type may still be the stream that was asked for."""
    return response.status_code == HTTPStatus.OK and call.operation.answer == "events"


def unwanted(call: Call[Any], answer: Answer) -> DifyError:
    """The exception for an answer that is not `is_wanted`."""
    if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return answer.unreadable("not what was asked for")
    # Some proxies show in their error pages what they were sent.
    text = call.key.hide_in(answer.body.decode("utf-8", "replace"))
    asked, headers = call.operation.request, answer.headers
    needed = version_needed(asked["method"], asked["url"], headers.get("x-version"))
    error = status_error(call.operation.name, answer.status_code, headers, text, needed=needed)
    if call.operation.answer == "events" and can_never_fit(error):
        add_to_message(
            error,
            "An app with a limit of 1 takes no streams: use response_mode='blocking', or raise its "
            "limit.",
        )
    return error


def failure_of(error: BaseException, call: Call[Any], request: Any, *, sent: bool) -> BaseException:
    """The exception for what httpx raised; what others raised is itself.

    Args:
        error: What was raised.
        call: The call.
        request: Its request.
        sent: Whether the server may have got any of it.
    """
    kind = error_name(error)
    if kind is None:
        return error
    name, server = call.operation.name, call.base_url
    reason = call.key.hide_in(str(error)) or kind
    if kind == "UnsupportedProtocol":
        return ConfigurationError(f"{name}: cannot send to {server}: {reason}")
    if kind == "LocalProtocolError" and "Illegal header" in reason:  # of the user's own client
        return ConfigurationError(f"{name}: the request cannot be sent: {reason}")
    if kind in _PHASES:
        if call.deadline.has_passed:
            return call.deadline_passed(sent=sent)
        bound, what = _PHASES[kind]
        if sent and bound in _BEFORE_SENDING:
            what = f"{name}: the transport gave up ({server}): {kind}: {reason}"
            return APITimeoutError(what, request_sent=True)
        seconds = request.extensions["timeout"][bound]
        return APITimeoutError(f"{name}: {what} {seconds:g} s ({server}).", request_sent=sent)
    what = "the connection broke" if sent else "could not connect"
    if kind == "ProxyError":
        what = "the proxy did not connect"
    hint = next((text for sign, text in _HINTS.items() if sign in reason), "")
    return APIConnectionError(f"{name}: {what} ({server}): {reason}{hint}", request_sent=sent)


def is_sent(error: BaseException, progress: Progress) -> bool:
    """Whether the server may have got any of a request that failed.

    Args:
        error: What was raised.
        progress: How far the request got.
    """
    # Of the wait for a connection httpcore reports nothing.
    cause = error.__cause__
    waited = error_name(error) == "PoolTimeout" and type(cause).__module__.startswith("httpcore")
    return progress.may_be_sent and not waited


def silence(call: Call[Any], seconds: float) -> APITimeoutError:
    """The exception for a server that sent nothing for so many seconds."""
    _, what = _PHASES["ReadTimeout"]
    return APITimeoutError(
        f"{call.operation.name}: {what} {seconds:g} s ({call.base_url}).", request_sent=True
    )


def without_secrets(
    error: BaseException, call: Call[Any], request: Any, outer: BaseException | None
) -> None:
    """Take the frames in which it was raised from an exception, and the key.

    Frames of httpx hold the headers, and so does the request, which is pickled with the error where
    `distributed` is imported: it has exceptions pickled with their causes (tblib).

    Args:
        error: What this call raised.
        call: The call.
        request: Its request.
        outer: What the program was handling when it made the call, which stays as it is.
    """
    request.headers.pop("authorization", None)
    seen: set[int] = set()
    chain = [error]
    while chain:
        each = chain.pop()
        if each is outer or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = None
        if isinstance(each, Exception):
            each.args = tuple(
                call.key.hide_in(part) if isinstance(part, str) else part for part in each.args
            )
        chain += [one for one in (each.__cause__, each.__context__) if one is not None]


@cache
def ssl_context() -> ssl.SSLContext:
    """One TLS context for the process; making one takes some 20 ms."""
    return httpx.create_ssl_context()


def answer_of(call: Call[Any], response: Any, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer with its body, which was read piece by piece."""
    return Answer(call.operation.name, response.status_code, headers, call.key, body)


def closed(call: Call[Any]) -> ConfigurationError:
    """The exception for a call after `close`."""
    return ConfigurationError(f"{call.operation.name}: this client was closed; make a new one.")


class BodyClosedError(APIConnectionError):
    """A call is waited for, or a body read, that was closed on this side.

    Args:
        call: The call.
        request_sent: Whether the server may have got any of its request.
    """

    def __init__(self, call: Call[Any], *, request_sent: bool = True) -> None:
        what = "the connection was closed on this side"
        super().__init__(f"{call.operation.name}: {what}", request_sent=request_sent)


def wake_reader(response: Any) -> None:
    """Wake a thread that waits for a body that is about to be closed.

    Closing a socket does not; shutting it down does. A connection of HTTP/2 has other streams.
    """
    stream = response.extensions.get("network_stream")
    if stream is not None and not is_shared(response):
        connected = stream.get_extra_info("socket")
        with suppress(AttributeError, OSError):  # another kind of stream, or gone already
            connected.shutdown(socket.SHUT_RDWR)


def given_up(call: Call[Any]) -> APIConnectionError:
    """What others are told who waited for a call that was cancelled."""
    return APIConnectionError(f"{call.operation.name}: the call was cancelled.", request_sent=True)


def log(call: Call[Any], response: Any, started: float) -> None:
    """Log that a call was answered; neither bodies nor addresses, which can hold tokens."""
    logger.debug(
        "%s: %d after %.0f ms",
        call.operation.name,
        response.status_code,
        (time.perf_counter() - started) * 1000,
    )


def is_shared(response: Any) -> bool:
    """Whether a body comes over a connection of HTTP/2, which has other streams."""
    return bool(response.http_version == "HTTP/2")


def can_rebound(response: Any) -> bool:
    """Whether reading can be given another bound: httpcore takes it when an iteration begins.

    A new iteration continues where the last one was. That holds for real connections alone, and
    not where a hook of the user's client has read the body. Over HTTP/2 no new one is needed.
    """
    is_real = response.extensions.get("network_stream") is not None
    return is_real and not response.is_stream_consumed


def is_near(wanted: float | None, current: float | None) -> bool:
    """Whether a bound is nearly the one that is in force, so that setting it would gain nothing.

    Iterations that were given up cannot be freed before the end of the body.
    """
    if wanted is None or current is None:
        return wanted is current
    return current - max(0.05, 0.02 * current) <= wanted <= current


def content_of(response: Any) -> bytes:
    """The body, as far as a hook of the user's client has read it before it raised."""
    try:
        content: bytes = response.content
    except Exception:  # noqa: BLE001  # of either package: it was not read
        return b""
    return content


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    412: PreconditionFailedError,
    413: PayloadTooLargeError,
    415: UnsupportedMediaTypeError,
    429: RateLimitError,
    504: GatewayTimeoutError,
    522: GatewayTimeoutError,
    524: GatewayTimeoutError,
}

_LIMIT_BEGINS, _LIMIT_SAYS = "Too many requests.", "concurrent requests"
"""What the message of a 400 that is Dify's concurrency limit begins with, and what it holds."""


class _Report(NamedTuple):
    """What an error body says."""

    code: str | None
    message: str
    param: str | None = None


_UNKNOWN_ENDPOINT = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""What servers answer where they do not have an endpoint."""


def status_error(
    operation: str,
    status_code: int,
    headers: Mapping[str, str],
    body: str,
    *,
    needed: str | None = None,
) -> APIStatusError:
    """The exception for an answer whose status is not the expected one.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status.
        headers: Headers, names in lower case.
        body: The body as text.
        needed: First version of Dify that has the endpoint, where the server is older; else None.
    """
    redirect = HTTPStatus.MULTIPLE_CHOICES <= status_code < HTTPStatus.BAD_REQUEST
    if redirect and "location" in headers:
        report = _Report(None, f"redirected to {headers['location']}")
    else:
        report = _read_report(body)
    cls = _BY_STATUS.get(
        status_code,
        APIStatusError if status_code < HTTPStatus.INTERNAL_SERVER_ERROR else ServerError,
    )
    is_limit = report.message.startswith(_LIMIT_BEGINS) and _LIMIT_SAYS in report.message
    if status_code == HTTPStatus.BAD_REQUEST and is_limit:
        cls = RateLimitError
    return cls(
        operation,
        status_code=status_code,
        code=report.code,
        message=report.message,
        param=report.param,
        headers=headers,
        body=body,
        needed_version=needed if status_code in _UNKNOWN_ENDPOINT else None,
    )


_MOST_TEXT = 16 * 1024
"""Characters of an error text that are looked at; `APIStatusError.body` has all of it."""


def _read_report(body: str) -> _Report:
    try:
        parsed = decode(body.encode("utf-8", "replace"))
    except ValueError:
        return _Report(None, _page_title(body[:_MOST_TEXT]))
    if not is_object(parsed):
        return _Report(None, abridged(parsed))
    return _read_json_report(parsed)


def _read_json_report(body: JSONObject) -> _Report:
    """Read one of the three shapes of parameter errors, or the plain one."""
    code = body.get("code")
    code = code if isinstance(code, str) else None
    message = str(body.get("message") or "")[:_MOST_TEXT]
    errors = body.get("errors")
    if is_object(errors) and errors:  # 1.8 to 1.10
        param, text = next(iter(errors.items()))
        text = _one_line(str(text)[:_MOST_TEXT])
        return _Report(code or "invalid_param", f"{param}: {text}", str(param))
    params = body.get("params")
    if isinstance(params, str):  # up to 1.7
        return _Report(code, f"{params}: {_one_line(message)}", params)
    if "validation error" in message.partition("\n")[0]:  # since 1.11
        return _read_pydantic(code, message)
    return _Report(code, _one_line(message))


def _read_pydantic(code: str | None, message: str) -> _Report:
    """Read pydantic's text: a heading, then pairs of lines of a place and what is wrong there."""
    places: list[tuple[str, str]] = []
    lines = [line for line in message.splitlines()[1:] if line.strip()]
    for place, detail in pairwise(lines):
        if not place.startswith(" ") and detail.startswith("  "):
            places.append((place.strip(), detail.partition("[type=")[0].strip()))
    if not places:
        return _Report(code, _one_line(message))
    text = "; ".join(f"{place}: {detail}" for place, detail in places)
    return _Report(code, text, places[0][0])


def _page_title(body: str) -> str:
    """The title of an HTML page, or the start of a text."""
    lowered = body.lower()
    if (start := lowered.find("<title")) >= 0 and (start := lowered.find(">", start)) >= 0:
        end = lowered.find("</title>", start)
        if end >= 0:
            return f"HTML page “{_one_line(unescape(body[start + 1 : end]))}”"
    return abridged(body)


def _one_line(text: str) -> str:
    return " ".join(text.split())
