"""Turns the bytes of a stream into typed events. Sans-I/O.

`SSEDecoder` follows the WHATWG rules (HTML standard, section 9.2). Only LF, CR and CRLF end a line:
Dify sends U+2028, U+2029 and U+0085 as text. Data stays bytes for orjson.

Speed matters here: a text event needs two searches for a line end, one for long numbers, and one
call of orjson. All searches use `find` with one byte: `in` creates an exception each time, and a
search for two bytes takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import starmap
from json import JSONDecodeError
from typing import TypeAlias

import orjson

from .._json import (
    DIGITS,
    JSON,
    MANY,
    SHORT,
    JSONObject,
    check_depth,
    decode_exactly,
    may_be_deep,
    may_be_rounded,
)
from ..events import EVENT_CLASSES
from ..events.base import StreamEvent, UnknownEvent

_KEEP_ALIVE = (b"", b"ping", b"[DONE]")
"""Data without meaning that gateways send between and after events."""

Unreadable: TypeAlias = Callable[[str, bytes], StreamEvent[object]]
"""Makes the event for a message that cannot be read, from the reason and the message."""

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""The largest event by default (bytes). Events of 600 kB have been seen."""

_BOM = b"\xef\xbb\xbf"

_DATA = b"data: "

_LARGE = 1024 * 1024
"""A message with more bytes than this becomes text at once, and its bytes are freed. orjson would
need two more copies; Python's json needs one, but is slower if there are many values."""

Data: TypeAlias = bytes | bytearray | str
"""The data of a message; text if it is large."""

Message: TypeAlias = tuple[Data | None, str]
"""The data lines, joined with LF (None without data, as in Dify's pings), and the event field
(empty without one)."""


class EventTooLargeError(ValueError):
    """A message is larger than `max_event_bytes`."""


class SSEDecoder:
    """Turns the bytes of an event stream into its messages.

    Args:
        max_event_bytes: The largest message (bytes).
        last_event_id: The last ``id`` of the stream before it was opened again.
    """

    def __init__(
        self, max_event_bytes: int = MAX_EVENT_BYTES, last_event_id: str | None = None
    ) -> None:
        self.last_event_id = last_event_id
        """The last ``id`` of the stream."""
        self._max_event_bytes = max_event_bytes
        self._begun = bytearray()  # the unfinished message; it grows without being copied
        self._head: bytes | None = b""  # the start of the stream, while it may be a part of a BOM
        self._after_cr = False

    @property
    def unfinished(self) -> bytes:
        """The bytes after the last empty line. The standard drops them at the end of a stream."""
        return bytes(self._begun)

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that a chunk completes. The rest of the chunk is kept.

        Raises:
            EventTooLargeError: A message is larger than ``max_event_bytes``. The messages before it
                were yielded.
        """
        if self._head is not None or self._after_cr or chunk.find(b"\r") >= 0:
            chunk = self._normalized(chunk)
        start = 0
        if self._begun:
            begun, is_cut = self._begun, self._begun.endswith(b"\n") and chunk.startswith(b"\n")
            end = 0 if is_cut else _end_of_message(chunk, 0)
            if end < 0:
                begun += chunk
                self._check(len(begun) - begun.endswith(b"\n"))
                return
            del begun[len(begun) - is_cut :]  # within the empty line that ends the message
            begun += chunk[:end]
            self._begun = bytearray()
            if message := self._parsed(begun):
                yield message
            start = end + 2 - is_cut
        while (end := chunk.find(b"\n", start)) >= 0:
            if chunk.startswith(b"\n", end + 1) and chunk.startswith(_DATA, start):
                self._check(end - start)  # one line of data, like all events of Dify
                yield chunk[start + len(_DATA) : end], ""
            elif (end := _end_of_message(chunk, end)) < 0:
                break
            elif message := self._parsed(chunk[start:end]):
                yield message
            start = end + 2
        if start < len(chunk) and (rest := chunk[start:].lstrip(b"\n")):
            self._begun += rest
            self._check(len(rest) - rest.endswith(b"\n"))

    def last(self) -> Message | None:
        """The last message, if the stream ended before its empty line; else None."""
        begun, self._begun = self._begun, bytearray()
        return self._parsed(begun.rstrip(b"\n")) if begun else None

    def _parsed(self, message: bytes | bytearray) -> Message | None:
        """Read the lines of a message; None if they have neither data nor an event name."""
        if message.startswith(_DATA) and message.find(b"\n") < 0:  # like all events of Dify
            self._check(size := len(message))
            if size > _LARGE and isinstance(message, bytearray):
                return _as_text(message), ""
            return message[6:], ""
        if message.startswith(b"\n"):  # an empty line before it
            message = message.lstrip(b"\n")
        self._check(len(message))
        data: list[bytes | bytearray] = []
        event: bytes | bytearray = b""
        for line in message.split(b"\n"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
            elif field == b"event":
                event = value
            elif field == b"id" and b"\0" not in value:
                self.last_event_id = value.decode("utf-8", "replace")
        if not data and not event:
            return None
        return b"\n".join(data) if data else None, event.decode("utf-8", "replace")

    def _normalized(self, chunk: bytes) -> bytes:
        """The chunk with LF as its only line end, without the byte order mark of the stream."""
        if self._head is not None:
            chunk = self._head + chunk
            self._head = chunk if _BOM.startswith(chunk) and chunk != _BOM else None
            if self._head is not None:
                return b""  # too short to decide
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")  # the second half of a CRLF cut in two
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _check(self, size: int) -> None:
        if size > self._max_event_bytes:
            raise EventTooLargeError(
                f"one event is larger than max_event_bytes ({self._max_event_bytes} bytes)"
            )


def _end_of_message(chunk: bytes, start: int) -> int:
    """The index of the line end before the next empty line; -1 if there is none."""
    while (end := chunk.find(b"\n", start)) >= 0 and not chunk.startswith(b"\n", end + 1):
        start = end + 1
    return end


def _as_text(message: bytearray) -> Data:
    """The data of a large message of one line; bytes if it is not UTF-8."""
    del message[: len(_DATA)]  # this copies nothing
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return message
    message.clear()
    return text


class EventDecoder:
    """Turns the bytes of a stream into its events.

    Args:
        max_event_bytes: The largest event (bytes).
        unreadable: Makes the event for a message that cannot be read.
        hidden: Removes the API key from bytes.
        last_event_id: The last ``id`` of the stream before it was opened again.
    """

    def __init__(
        self,
        max_event_bytes: int,
        unreadable: Unreadable,
        hidden: Callable[[bytes], bytes],
        last_event_id: str | None = None,
    ) -> None:
        self._messages = SSEDecoder(max_event_bytes, last_event_id)
        self._unreadable = unreadable
        self._hidden = hidden

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream. A future server can continue exactly after it."""
        return self._messages.last_event_id

    @property
    def unfinished(self) -> bytes:
        """The bytes after the last complete event."""
        return self._messages.unfinished

    def feed(self, chunk: bytes) -> Iterator[StreamEvent[object]]:
        """The events that a chunk completes, without pings.

        Raises:
            EventTooLargeError: An event is larger than ``max_event_bytes``. The events before it
                were yielded.
        """
        return filter(None, starmap(self._event, self._messages.feed(chunk)))

    def last(self) -> StreamEvent[object] | None:
        """The last event, if only its empty line is missing; None if it is incomplete."""
        message: Message | None = self._messages.last()
        if message is None or message[0] is None:
            return None
        if isinstance(_decoded(message[0]), _Broken):
            return None
        return self._event(*message)

    def _event(self, data: Data | None, field: str) -> StreamEvent[object] | None:
        """The event of a message; None for a message that only keeps the connection alive.

        Args:
            data: Its data.
            field: Its event field, which Dify uses only for pings.
        """
        if field == "ping":
            return None
        payload = {"event": field} if data is None else _decoded(data)
        if isinstance(payload, _Broken):
            if _bytes(data) in _KEEP_ALIVE:
                return None
            return self._unreadable_event(payload.reason, data)
        name: JSON = payload.get("event")
        if not isinstance(name, str) or not name:
            if not field:
                return self._unreadable_event("it has no name", data)
            payload["event"] = name = field
        if name == "ping":
            return None
        if name == "error" and data is not None:  # servers may show the request in it
            payload = _decoded(self._hidden(_bytes(data)))
            if isinstance(payload, _Broken):  # without the key it is not JSON any more
                return self._unreadable_event(payload.reason, data)
            payload["event"] = name
        return EVENT_CLASSES.get(name, UnknownEvent)(payload)

    def _unreadable_event(self, reason: str, data: Data | None) -> StreamEvent[object]:
        reason = self._hidden(reason.encode("utf-8", "replace")).decode()
        return self._unreadable(reason, self._hidden(_bytes(data)))


class _Broken:
    """A message that is not a JSON object.

    Args:
        reason: What is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason


_NO_OBJECT = _Broken("it is not a JSON object")

_Value: TypeAlias = JSONObject | list[JSON] | str | float | None
"""The JSON types of a message. Only an object can be an event."""


def _bytes(data: Data | None) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data or b"")


def _decoded(data: Data) -> JSONObject | _Broken:
    """The JSON object of a message. Bytes that are not UTF-8 become U+FFFD (WHATWG)."""
    if isinstance(data, str):
        return _decoded_slowly(data)
    is_short = len(data) <= SHORT  # like most messages, which are checked without a call
    if data.translate(DIGITS).find(MANY) >= 0 if is_short else may_be_rounded(data):
        return _decoded_slowly(data)
    try:
        payload: _Value = orjson.loads(data)
        if not is_short and may_be_deep(data):
            check_depth(payload)
    except ValueError:
        return _decoded_slowly(data)  # json can read it, or says what is wrong
    return payload if isinstance(payload, dict) else _NO_OBJECT


def _decoded_slowly(data: Data) -> JSONObject | _Broken:
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    try:
        payload: _Value = decode_exactly(text.removeprefix("\ufeff"))
    except JSONDecodeError as error:
        near = error.doc[max(0, error.pos - 100) : error.pos + 100]
        return _Broken(f"it is not JSON ({error}, near {near!r})")
    except ValueError as error:
        return _Broken(f"it is not JSON ({error})")
    return payload if isinstance(payload, dict) else _NO_OBJECT
