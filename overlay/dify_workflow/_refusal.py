"""From an answer that refuses or fails to its exception. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from itertools import pairwise
from typing import NamedTuple

from ._json import JSONObject, abridged, decode, is_object
from .errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    GatewayTimeoutError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitError,
    ServerError,
    UnsupportedMediaTypeError,
)

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
            from html import unescape  # it brings a table of a thousand names

            return f"HTML page “{_one_line(unescape(body[start + 1 : end]))}”"
    return abridged(body)


def _one_line(text: str) -> str:
    return " ".join(text.split())
