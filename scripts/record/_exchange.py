"""An exchange and its recording, without keys and host names. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

import attrs

Header = tuple[bytes, bytes]

REDACTED = b"app-REDACTED"
_KEY = re.compile(rb"\bapp-[A-Za-z0-9]{16,}")
"""The form of app keys. Other keys are known from the header that sends them."""

_HOST = b"dify.example.com"


@attrs.define
class Exchange:
    """A request, and the server's answer.

    Args:
        app: Name of the workflow app.
        name: Name of the recording.
        method: HTTP method.
        target: Path and query.
        headers: Headers of the request.
        body: Body of the request.
        status: HTTP status.
        reason: Its reason phrase.
        answer_headers: Headers of the answer.
        chunks: Body of the answer, one piece for each HTTP chunk; one piece if there are no chunks.
        is_whole: Whether the answer is complete.
        arrivals: Of each piece: seconds since the request was sent, and number of bytes.
    """

    app: str
    name: str
    method: str
    target: str
    headers: Sequence[Header]
    body: bytes = b""
    status: int = 0
    reason: str = ""
    answer_headers: Sequence[Header] = ()
    chunks: list[bytes] = attrs.field(factory=list[bytes])
    is_whole: bool = False
    arrivals: list[tuple[float, int]] = attrs.field(factory=list[tuple[float, int]])

    def answer_header(self, name: bytes) -> str:
        """Return a header of the answer; empty if it is missing."""
        found = (value for key, value in self.answer_headers if key.lower() == name)
        return next(found, b"").decode("latin-1")


def recording(exchange: Exchange) -> dict[str, Any]:
    """Return the exchange in the format of tests/recordings."""
    keys = _keys(exchange.headers)
    kept: dict[str, Any] = {
        "name": exchange.name,
        "app": exchange.app,
        "request": {
            "method": exchange.method,
            "target": _redacted(exchange.target.encode(), keys).decode(),
            "headers": _headers(exchange.headers, keys),
            "body": _bytes(exchange.body, keys) if exchange.body else None,
        },
        "response": {
            "status": exchange.status,
            "reason": exchange.reason,
            "headers": _headers(exchange.answer_headers, keys),
            "chunks": [_bytes(chunk, keys) for chunk in exchange.chunks],
            "end": "complete" if exchange.is_whole else "cut",
        },
    }
    if exchange.answer_header(b"content-type").startswith("text/event-stream"):
        kept["timing"] = [
            "# seconds since the request was sent, bytes in that recv",
            *(f"{seconds:9.3f} {size}" for seconds, size in exchange.arrivals),
        ]
    return kept


def _keys(headers: Sequence[Header]) -> list[bytes]:
    sent = [value.split()[-1] for name, value in headers if name.lower() == b"authorization"]
    return [key for key in sent if key]


def _redacted(data: bytes, keys: Sequence[bytes]) -> bytes:
    for key in keys:
        data = data.replace(key, REDACTED)
    return _KEY.sub(REDACTED, data)


def _headers(headers: Sequence[Header], keys: Sequence[bytes]) -> list[list[str]]:
    return [
        [
            name.decode("latin-1"),
            (_HOST if name.lower() == b"host" else _redacted(value, keys)).decode("latin-1"),
        ]
        for name, value in headers
    ]


def _bytes(data: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    data = _redacted(data, keys)
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}
