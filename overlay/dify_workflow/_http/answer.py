"""The answer to a call: its head, with what it says about its server, and the state of its body."""

from __future__ import annotations

import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from .._dates import unix_time
from .._json import JSONObject, abridged, decode, is_object
from .._secret import ApiKey
from ..errors import InvalidResponseError
from .bulk_chunks import hand_on_all_chunks

if TYPE_CHECKING:
    from .request import Call

logger = logging.getLogger("dify_workflow")

UNWANTED_BYTES = 256 * 1024
"""The most bytes to read of a body that was not requested, such as an error page."""

UNWANTED_SECONDS = 5.0
"""The most time to read such a body (seconds). Some proxies never end it."""

_LINGERING = ("1.13.", "1.14.", "1.15.", "1.17.")
"""Versions whose streams stay open for a second after the final event."""

END_SECONDS = 0.01
"""The longest wait for the end of a stream after its final event (seconds)."""

_PIECE = 1024 * 1024
"""The most bytes to decompress at a time."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS

_KNOWN = {"gzip", "x-gzip", "deflate"}


@attrs.frozen
class ResponseInfo:
    """The status and headers of an answer of the server; the argument of `on_response`.

    Args:
        operation: Name of the method that was called.
        method: HTTP method of the request.
        status_code: HTTP status.
        headers: Headers, with names in lower case, without the API key.
        elapsed_time: Seconds from the request to the headers of the answer.

    Example::

        def show(info: ResponseInfo) -> None:
            print(info.operation, info.status_code, f"{info.elapsed_time:.3f} s")

        with DifyWorkflow(on_response=show) as client:
            client.run_workflow({"name": "Ann"})
    """

    operation: str
    method: str
    status_code: int
    headers: Mapping[str, str]
    elapsed_time: float


def call_hook(callback: Callable[[ResponseInfo], object], info: ResponseInfo, label: str) -> None:
    """Call the user's `on_response`. Its exceptions are logged, so that the answer is not lost.

    Args:
        callback: The user's function.
        info: Its argument.
        label: Begin of the call's log lines.
    """
    try:
        callback(info)
    except Exception:
        logger.exception("%s: on_response raised", label)


@attrs.frozen(eq=False, repr=False)
class Answer:
    """An answer of the server.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status.
        headers: Headers, with names in lower case.
        key: The API key of the call, which no message may show.
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
            InvalidResponseError: It is not a JSON object. The message shows its start.
        """
        try:
            value = decode(self.body)
        except ValueError as error:
            raise self.unreadable(f"not JSON ({error})") from error
        if not is_object(value):
            raise self.unreadable("JSON, but not an object")
        return value

    def unreadable(self, what: str) -> InvalidResponseError:
        """The exception for a body that the operation does not expect.

        Args:
            what: What the body is instead.
        """
        kind = self.headers.get("content-type", "no Content-Type")
        start = abridged(self.key.hide_in(self.body.decode("utf-8", "replace")))
        return InvalidResponseError(
            f"{self.operation}: the answer ({self.status_code}, {kind}) is {what}: "
            f"{start or 'it is empty'}"
        )


def lingers(version: str | None) -> bool:
    """Whether a server is known to keep a stream open after the run has ended."""
    return version is not None and version.startswith(_LINGERING)


def header_dict(call: Call[Any], response: Any) -> dict[str, str]:
    """The headers of an answer, with names in lower case, without the API key.

    A server may send the key back. It is also removed from the reason phrase, which the `repr` of
    an answer shows.
    """
    hide = call.key.hide_in
    phrase: bytes = response.extensions.get("reason_phrase", b"")
    response.extensions["reason_phrase"] = call.key.hide_in_bytes(phrase)
    return {hide(name): hide(value) for name, value in response.headers.items()}


def content_of(response: Any) -> bytes:
    """The part of the body that a hook of the user's client has read."""
    try:
        content: bytes = response.content
    except Exception:  # noqa: BLE001  # ResponseNotRead of httpx or httpx2
        return b""
    return content


class Servers:
    """What the answers of each server say about it, by base URL: its version and its clock.

    They are None if no answer had the header (X-Version, Date), which proxies may remove.
    """

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self._dates: dict[str, tuple[str, float]] = {}

    def note(self, base_url: str, headers: Mapping[str, str]) -> None:
        """Record the headers of an answer that has just arrived, with names in lower case."""
        if version := headers.get("x-version"):
            self._versions[base_url] = version
        if date := headers.get("date"):
            self._dates[base_url] = date, time.monotonic()

    def version(self, base_url: str) -> str | None:
        """The version of a server."""
        return self._versions.get(base_url)

    def time_at(self, base_url: str, moment: float) -> float | None:
        """The time by the clock of a server (Unix seconds). It can be up to two seconds too early.

        Args:
            base_url: Base URL of the server.
            moment: The same time by the monotonic clock of this process.
        """
        date, noted = self._dates.get(base_url, ("", 0.0))
        try:
            return unix_time(date) + moment - noted
        except (OverflowError, ValueError):  # no date, or none that can be read
            return None


class DamagedBodyError(ValueError):
    """A compressed body is damaged."""


class Inflater:
    """Decompresses a gzip or zlib body in pieces of bounded size.

    httpx decompresses everything at once: a megabyte of gzip can become a gigabyte.
    """

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._fed = b""
        self._damage: zlib.error | None = None

    def feed(self, data: bytes) -> None:
        """Add the next compressed bytes, after `pop` has returned None."""
        self._fed = data

    def pop(self) -> bytes | None:
        """The next decompressed bytes, at most 1 MiB; None if `feed` must be called first.

        Raises:
            DamagedBodyError: The body is damaged.
        """
        while self._fed and not self._decompressor.eof and self._damage is None:
            before = self._decompressor.copy()
            try:
                piece = self._decompressor.decompress(self._fed, _PIECE)
            except zlib.error as error:
                piece, self._damage = self._until_damage(before), error
            self._fed = self._decompressor.unconsumed_tail
            if piece:
                return piece
        if self._damage is not None:
            raise DamagedBodyError(f"the compressed body is damaged ({self._damage})")
        return None

    def _until_damage(self, decompressor: Any) -> bytes:
        """The decompressed bytes before the damage. They are less than 1 MiB."""
        piece = bytearray()
        with suppress(zlib.error):
            for at in range(len(self._fed)):
                piece += decompressor.decompress(self._fed[at : at + 1])
        return bytes(piece)


def _encodings(headers: Mapping[str, str]) -> list[str]:
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    return [name for name in names if name not in {"", "identity"}]


_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


def begins_like_events(start: bytes) -> bool | None:
    """Whether a body begins like an event stream; None if it is too short to decide."""
    if len(start) < len(_BOM) and _BOM.startswith(start):
        return None
    text = start.removeprefix(_BOM)
    if text.startswith(_FIELDS):
        return True
    return None if any(field.startswith(text) for field in _FIELDS) else False


class Body:
    """The state of the body of an answer while it is read.

    Args:
        call: The call that was answered.
        response: The answer. Only its head was read.
    """

    def __init__(self, call: Call[Any], response: Any) -> None:
        self.headers = header_dict(call, response)
        self.key = call.key
        self._call = call
        self._response = response
        self._is_at_end = False
        self._is_closed = False
        self._peeked: deque[bytes] = deque()
        """Bytes that were read to look at them, and will be returned by the next reads."""
        self._usual: float | None = None
        """The read timeout before it was changed."""
        self._is_read = bool(response.is_stream_consumed)
        """Whether a hook of the user's client has read the body."""
        encodings = [] if self._is_read else _encodings(self.headers)
        self._encodings = encodings
        self._inflater = Inflater() if encodings else None
        self._is_plain = self._inflater is None and not call.deadline.is_set
        """Whether the bytes need no decompression and no check of a deadline."""
        self._stream = response.extensions.get("network_stream")
        self._is_shared = response.http_version == "HTTP/2"
        """Whether its connection can have other requests at the same time."""
        if call.operation.answer != "json":
            hand_on_all_chunks(response)
        self._can_rebound = self._stream is not None and not self._is_read
        """Whether the read timeout can be changed. httpcore reads it when an iteration begins. A
        new iteration continues where the last one ended. Over HTTP/2 no new one is needed."""

    @property
    def unknown_encoding(self) -> str | None:
        """The encodings of the body, if they are more than one, or not gzip or zlib."""
        if not self._encodings or (len(self._encodings) == 1 and self._encodings[0] in _KNOWN):
            return None
        return ", ".join(self._encodings)[:100]
