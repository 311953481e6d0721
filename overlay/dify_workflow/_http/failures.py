"""The exceptions of failed calls, for exceptions of httpx and for error answers of servers."""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from .._json import JSON, abridged, decode, is_list, is_object
from ..errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DifyError,
    GatewayTimeoutError,
    InvalidResponseError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitError,
    RunDeadlineExceededError,
    ServerError,
    UnsupportedMediaTypeError,
)
from ..outcomes import limit_excludes_streams
from .answer import DamagedBodyError
from .libraries import error_name
from .versions import version_needed

if TYPE_CHECKING:
    from .answer import Answer
    from .request import Call

_PHASES = {
    "ConnectTimeout": ("connect", "connecting took longer than"),
    "PoolTimeout": ("pool", "no connection of the pool became free for"),
    "WriteTimeout": ("write", "the server did not accept more of the request for"),
    "ReadTimeout": ("read", "the server was silent for"),
    "TimeoutException": ("read", "the server did not answer for"),
}
"""The key in httpx's timeouts, and what happened, by name of the exception."""

_BEFORE_SENDING = frozenset({"connect", "pool"})
"""Timeouts before a request is sent. Some transports raise these exceptions for other failures,
too, such as a closed connection. So they count as "not sent" only if nothing can have been sent."""

_HINTS = {
    "WRONG_VERSION_NUMBER": "; the server may use plain http: try a base URL with http://",
    "CERTIFICATE_VERIFY_FAILED": "; pass your own CA with http_client=httpx.Client(verify=…)",
}
"""What to do, by texts of OpenSSL."""


def unwanted(call: Call[Any], answer: Answer) -> DifyError:
    """The exception for an answer that the operation does not expect."""
    if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return answer.unreadable("not what was requested")
    # Some proxies show the request in their error pages, with the key.
    text = call.key.hide_in(answer.body.decode("utf-8", "replace"))
    name, status, headers = call.operation.name, answer.status_code, answer.headers
    request = call.operation.request
    needed = version_needed(request["method"], request["url"], headers.get("x-version"))
    error = status_error(name, status, headers, text, needed=needed)
    if call.operation.answer == "events" and limit_excludes_streams(error):
        add_to_message(
            error,
            "An app with a limit of 1 refuses all streams: use response_mode='blocking', or raise "
            "the limit.",
        )
    return error


def failure_of(
    error: BaseException, call: Call[Any], request: Any, *, sent: bool, proxy: str | None = None
) -> BaseException:
    """The exception to raise for an exception of httpx. Other exceptions are returned as they are.

    Args:
        error: The exception.
        call: The call.
        request: Its request.
        sent: Whether the server may have received any of it.
        proxy: The proxy of the request, if it is known.
    """
    kind = error_name(error)
    if kind is None:
        return error
    name, server = call.operation.name, call.base_url
    if proxy is not None:
        server += f", through the proxy {proxy}"
    reason = call.key.hide_in(str(error)) or kind
    if kind == "UnsupportedProtocol":
        return ConfigurationError(f"{name}: cannot send to {server}: {reason}")
    if kind == "LocalProtocolError" and "Illegal header" in reason:  # of the user's own client
        return ConfigurationError(f"{name}: the request cannot be sent: {reason}")
    if kind in _PHASES:
        if call.deadline.has_passed:
            return deadline_passed(call, sent=sent)
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


def silence(call: Call[Any], seconds: float) -> APITimeoutError:
    """The exception for a server that sent nothing for this many seconds."""
    _, what = _PHASES["ReadTimeout"]
    return APITimeoutError(
        f"{call.operation.name}: {what} {seconds:g} s ({call.base_url}).", request_sent=True
    )


def without_secrets(
    error: BaseException, call: Call[Any], request: Any, outer: BaseException | None
) -> None:
    """Remove the API key, and the traceback, from an exception and its causes.

    Frames of httpx contain the headers, and so does the request. It is pickled with the error if
    `distributed` is imported, which pickles exceptions with their causes (tblib).

    Args:
        error: The exception of this call.
        call: The call.
        request: Its request.
        outer: The exception that the program was handling before the call. It is not changed.
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


def failure_of_read(
    error: BaseException,
    call: Call[Any],
    request: Any,
    outer: BaseException | None,
    *,
    within: float | None,
    is_closed: bool,
) -> BaseException:
    """The exception to raise for one that was raised while a body was read, with its cause.

    Args:
        error: The exception.
        call: The call.
        request: Its request.
        outer: The exception that the program was handling before the read.
        within: Seconds that the read was to wait; None for the timeout of the call.
        is_closed: Whether this program closed the body meanwhile.
    """
    without_secrets(error, call, request, outer)
    if isinstance(error, DamagedBodyError):
        failure: BaseException = broken(call, error)
    else:
        failure = failure_of(error, call, request, sent=True)
    if isinstance(failure, APITimeoutError) and within is not None:
        failure = silence(call, within)
    if is_closed and isinstance(failure, APIConnectionError):
        return BodyClosedError(call)
    if failure is not error:
        failure.__cause__ = error
    return failure


def too_long(call: Call[Any]) -> InvalidResponseError:
    """The exception for an answer that is longer than `max_answer_bytes`."""
    most = call.options.max_answer_bytes
    return InvalidResponseError(
        f"{call.operation.name}: the answer is longer than max_answer_bytes ({most} bytes)."
    )


def broken(call: Call[Any], reason: object) -> APIConnectionError:
    """The exception for an answer that ends too early, with the reason."""
    return APIConnectionError(
        f"{call.operation.name}: the answer broke off ({call.base_url}): {reason}.",
        request_sent=True,
    )


def deadline_passed(call: Call[Any], *, sent: bool) -> RunDeadlineExceededError:
    """The exception for a call that was not answered before the deadline."""
    operation, deadline = call.operation, call.deadline
    if operation.runs and sent:
        what = "before the server answered; whether the run has started is not known."
    elif operation.runs:
        what = "before the run was sent; nothing was run."
    elif operation.name == deadline.method:
        what = "during the search for the run."
    else:
        what = f"during {operation.name}."
    return RunDeadlineExceededError(
        f"{deadline.method}: the deadline of {deadline.seconds:g} s passed {what}",
        request_sent=sent and operation.runs,
    )


def closed(call: Call[Any]) -> ConfigurationError:
    """The exception for a call after `close`."""
    return ConfigurationError(f"{call.operation.name}: this client was closed; make a new one.")


def add_to_message(error: DifyError, text: str) -> None:
    """Add a sentence to the message of an exception."""
    said = str(error)
    end = "" if said.endswith((".", ".)")) else "."
    error.args = (f"{said}{end} {text}", *error.args[1:])


class BodyClosedError(APIConnectionError):
    """The connection was closed by this program while it waited for an answer or read a body."""

    def __init__(self, call: Call[Any], *, request_sent: bool = True) -> None:
        what = "this program closed the connection"
        super().__init__(f"{call.operation.name}: {what}", request_sent=request_sent)


def given_up(call: Call[Any]) -> APIConnectionError:
    """The exception for other tasks that wait for a call after its task was cancelled."""
    return APIConnectionError(f"{call.operation.name}: the call was cancelled.", request_sent=True)


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
"""The start of the message of Dify's concurrency limit (a 400), and a part of it."""


class _Report(NamedTuple):
    """The content of an error body."""

    code: str | None
    message: str
    param: str | None = None


_UNKNOWN_ENDPOINT = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
"""Statuses of servers that do not have an endpoint."""


def status_error(
    operation: str,
    status_code: int,
    headers: Mapping[str, str],
    body: str,
    *,
    needed: str | None = None,
) -> APIStatusError:
    """The exception for an answer with an unexpected status.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status.
        headers: Headers, with names in lower case.
        body: The body as text.
        needed: First version of Dify with the endpoint, if the server is older; else None.
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
"""The most characters of an error text for a message. `APIStatusError.body` has all of it."""


def _read_report(body: str) -> _Report:
    """Read an error body: the three shapes of parameter errors, the plain shape, or other text."""
    try:
        parsed: JSON = decode(body.encode("utf-8", "replace"))
    except ValueError:
        return _Report(None, _page_title(body[:_MOST_TEXT]))
    if not is_object(parsed):
        return _Report(None, _reason(parsed) or abridged(parsed))
    code = parsed.get("code")
    code = code if isinstance(code, str) else None
    text: JSON = parsed.get("message")
    message = text if isinstance(text, str) and text else _reason(parsed)
    message = (message or ("" if code else abridged(parsed)))[:_MOST_TEXT]
    errors, params = parsed.get("errors"), parsed.get("params")
    if is_object(errors) and errors:  # 1.8 to 1.10
        param, detail = next(iter(errors.items()))
        detail = _one_line(str(detail)[:_MOST_TEXT])
        return _Report(code or "invalid_param", f"{param}: {detail}", str(param))
    if isinstance(params, str):  # up to 1.7
        return _Report(code, f"{params}: {_one_line(message)}", params)
    if "validation error" in message.partition("\n")[0]:  # since 1.11
        return _read_pydantic(code, message)
    return _Report(code, _one_line(message))


_REASONS = ("message", "error_description", "error", "detail", "title", "msg", "errors")
"""Keys under which gateways say what is wrong (RFC 9457 and others), the most useful first."""
_DEEPEST = 4
"""How many levels deep a reason is searched for."""


def _reason(value: JSON, depth: int = 0) -> str:
    """The reason in an object or list, from one of the usual keys; else empty."""
    if isinstance(value, str):
        return value if depth else ""
    if depth > _DEEPEST:
        return ""
    if is_list(value):
        return "; ".join(filter(None, (_reason(each, depth + 1) for each in value)))
    if is_object(value):
        found = (_reason(value.get(name), depth + 1) for name in _REASONS)
        return next(filter(None, found), "")
    return ""


def _read_pydantic(code: str | None, message: str) -> _Report:
    """Read pydantic's text: a heading, then pairs of lines: a field, and what is wrong with it."""
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
