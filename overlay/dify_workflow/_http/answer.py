"""The answer to a call, as far as sync and async code do not differ: its head, and its body."""

from __future__ import annotations

import logging
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from .._json import JSONObject, abridged, decode, is_object
from .._secret import ApiKey
from ..errors import InvalidResponseError
from .bulk_chunks import hand_on_all_chunks

if TYPE_CHECKING:
    from .request import Call

logger = logging.getLogger("dify_workflow")

UNWANTED_BYTES = 256 * 1024
"""Most bytes that are read of a body that nobody asked for; error pages are short."""

UNWANTED_SECONDS = 5.0
"""Longest time that is spent on such a body; proxies have been seen to leave them open."""

END_SECONDS = 0.01
"""Longest wait for the end of a stream behind its final event, where the server does not linger."""

_PIECE = 1024 * 1024
"""Most bytes that are inflated at a time."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS

_KNOWN = {"gzip", "x-gzip", "deflate"}


@attrs.frozen
class ResponseInfo:
    """The head of an answer of the server.

    Args:
        operation: Name of the method that was called.
        method: HTTP method of the request.
        status_code: HTTP status.
        headers: Headers, names in lower case, without the key.
        elapsed_time: Seconds from the request to these headers.
    """

    operation: str
    method: str
    status_code: int
    headers: Mapping[str, str]
    elapsed_time: float


def tell(callback: Callable[[ResponseInfo], object] | None, info: ResponseInfo, label: str) -> None:
    """Call what the user gave; what it raises is logged, since a run may hang on the answer.

    Args:
        callback: What the user gave.
        info: What it is told.
        label: What log lines of the call begin with.
    """
    if callback is None:
        return
    try:
        callback(info)
    except Exception:
        logger.exception("%s: on_response raised", label)


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


def header_dict(call: Call[Any], response: Any) -> dict[str, str]:
    """The headers of an answer, names in lower case, without the key that a server may echo.

    It is taken out of the reason phrase too, which `repr` of an answer shows.
    """
    hide = call.key.hide_in
    phrase: bytes = response.extensions.get("reason_phrase", b"")
    response.extensions["reason_phrase"] = call.key.hide_in_bytes(phrase)
    return {hide(name.lower()): hide(value) for name, value in response.headers.items()}


def content_of(response: Any) -> bytes:
    """The body, as far as a hook of the user's client has read it before it raised."""
    try:
        content: bytes = response.content
    except Exception:  # noqa: BLE001  # of either package: it was not read
        return b""
    return content


class DamagedBodyError(ValueError):
    """A compressed body is damaged."""


class UnknownEncodingError(ValueError):
    """A body is encoded in a way that nobody asked for."""


class Inflater:
    """Inflates a gzip or zlib body a bounded piece at a time.

    httpx inflates whatever comes at once: a megabyte of gzip can become a gigabyte.

    Args:
        encodings: What the body is encoded with.
    """

    def __init__(self, encodings: list[str]) -> None:
        self._encodings = encodings
        self._decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._fed = b""
        self._damage: zlib.error | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes, once `pop` has returned None."""
        self._fed = data

    def pop(self) -> bytes | None:
        """The next bytes as they were meant, at most 1 MiB of them; None where more must be fed.

        Raises:
            UnknownEncodingError: The body is encoded more than once, or not with gzip or zlib.
            DamagedBodyError: The body is damaged.
        """
        if len(self._encodings) > 1 or self._encodings[0] not in _KNOWN:
            names = ", ".join(self._encodings)[:100]
            raise UnknownEncodingError(f"the body is encoded as {names}, not as gzip")
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
        """What comes before the damage in what was fed; less than 1 MiB, or it had come before."""
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
    """Whether a body begins as an event stream does; None where it is too short to tell."""
    if len(start) < len(_BOM) and _BOM.startswith(start):
        return None
    text = start.removeprefix(_BOM)
    if text.startswith(_FIELDS):
        return True
    return None if any(field.startswith(text) for field in _FIELDS) else False


class Body:
    """What is known of the body of an answer while it is read.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
    """

    def __init__(self, call: Call[Any], response: Any) -> None:
        self.headers = header_dict(call, response)
        self.key = call.key
        self._call = call
        self._response = response
        self._is_at_end = False
        self._is_closed = False
        self._peeked: deque[bytes] = deque()
        """Bytes that were read to see what they are, and are to be read again."""
        self._usual: float | None = None
        """Bound of the reads before they were given another one."""
        self._is_read = bool(response.is_stream_consumed)
        """Whether a hook of the user's client has read it."""
        encodings = [] if self._is_read else _encodings(self.headers)
        self._inflater = Inflater(encodings) if encodings else None
        self._is_plain = self._inflater is None and not call.deadline.is_set
        """Whether the bytes can be handed on as they come."""
        self._stream = response.extensions.get("network_stream")
        self._is_shared = response.http_version == "HTTP/2"
        """Whether its connection has other streams, which know what belongs to which."""
        hand_on_all_chunks(response)
        self._can_rebound = self._stream is not None and not self._is_read
        """Whether reading can be given another bound: httpcore takes it when an iteration begins. A
        new iteration continues where the last one was. Over HTTP/2 no new one is needed."""
