"""Typed events out of the bytes of a stream. Sans-I/O.

`SSEDecoder` keeps to the rules of the WHATWG (HTML standard, section 9.2). Lines end at LF, CR or
CRLF and nowhere else: Dify sends U+2028, U+2029 and U+0085 as text. Data stays bytes for orjson.

Speed matters here: a text event takes two searches for a line end, a look for long numbers, and one
call of orjson. Searches are for one byte and with `find`, which is fastest: `in` makes an exception
each time, and two bytes take ten times as long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import starmap
from json import JSONDecodeError
from typing import TypeAlias

import orjson

from .._json import JSON, JSONObject, check_depth, decode_exactly, may_be_deep, may_be_rounded
from ..events import EVENT_CLASSES
from ..events.base import StreamEvent, UnknownEvent

logger = logging.getLogger("dify_workflow")

_KEEP_ALIVE = (b"", b"ping", b"[DONE]")
"""Data that gateways send between and behind events; it says nothing."""

Unreadable: TypeAlias = Callable[[str, bytes], StreamEvent[object]]
"""Makes the event for a message that cannot be read, of the reason and what came."""

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""Largest event in bytes by default. Events of 600 kB have been seen."""

_BOM = b"\xef\xbb\xbf"

_DATA = b"data: "

_LARGE = 1024 * 1024
"""Bytes from which on a message becomes text at once, and its bytes are freed: orjson would hold
two copies besides them. Python's json holds one, and takes longer where there are many values."""

Data: TypeAlias = bytes | bytearray | str
"""The data of a message; text where it is large."""

Message: TypeAlias = tuple[Data | None, str]
"""The data lines joined with LF (None where there were none, as in Dify's pings), and the event
field (empty where there was none)."""


class EventTooLargeError(ValueError):
    """A message is larger than the decoder may hold."""


class SSEDecoder:
    """Turns the bytes of an event stream into its messages.

    Args:
        max_event_bytes: Largest message that is held, in bytes.
        last_event_id: The last ``id`` that the stream brought before it was opened again.
    """

    def __init__(
        self, max_event_bytes: int = MAX_EVENT_BYTES, last_event_id: str | None = None
    ) -> None:
        self.last_event_id = last_event_id
        """The last ``id`` that the stream brought."""
        self._max_event_bytes = max_event_bytes
        self._begun = bytearray()  # the unfinished message; it grows without being copied
        self._head: bytes | None = b""  # the start of the stream, while it may be half a BOM
        self._after_cr = False

    @property
    def unfinished(self) -> bytes:
        """What came after the last empty line. The standard drops it at the end of a stream."""
        return bytes(self._begun)

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that a chunk completes. The rest of the chunk is kept.

        Raises:
            EventTooLargeError: A message is larger than ``max_event_bytes``; those before it were
                given.
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
            if is_cut:  # in the empty line that ends the message
                del begun[-1]
            begun += chunk[:end]
            self._begun = bytearray()
            if message := self._parsed(begun):
                yield message
            start = end + 2 - is_cut
        while (end := _end_of_message(chunk, start)) >= 0:
            if message := self._parsed(chunk[start:end]):
                yield message
            start = end + 2
        if rest := chunk[start:].lstrip(b"\n"):
            self._begun += rest
            self._check(len(rest) - rest.endswith(b"\n"))

    def last(self) -> Message | None:
        """The message that the end of the stream has cut off before its empty line, if any."""
        begun, self._begun = self._begun, bytearray()
        return self._parsed(begun.rstrip(b"\n")) if begun else None

    def _parsed(self, message: bytes | bytearray) -> Message | None:
        """Read the lines of a message; None where they carry neither data nor an event name."""
        if message.startswith(_DATA) and message.find(b"\n") < 0:  # as Dify's are
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
                return b""  # too short to tell
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
    """Where the next empty line begins, or rather the line end before it; -1 for nowhere."""
    while (end := chunk.find(b"\n", start)) >= 0 and not chunk.startswith(b"\n", end + 1):
        start = end + 1
    return end


def _as_text(message: bytearray) -> Data:
    """The data of a large message of one line; bytes where it is no UTF-8."""
    del message[: len(_DATA)]  # which copies nothing
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return message
    message.clear()
    return text


class EventDecoder:
    """Turns the bytes of a stream into its events.

    Args:
        max_event_bytes: Largest event in bytes.
        unreadable: Makes the event for a message that cannot be read.
        hidden: Takes the API key out of what is shown.
        last_event_id: The last ``id`` that the stream brought before it was opened again.
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
        """The last ``id`` of the stream, with which a coming server continues exactly there."""
        return self._messages.last_event_id

    @property
    def unfinished(self) -> bytes:
        """What came after the last whole event."""
        return self._messages.unfinished

    def feed(self, chunk: bytes) -> Iterator[StreamEvent[object]]:
        """The events that a chunk completes, without pings.

        Raises:
            EventTooLargeError: An event is larger than ``max_event_bytes``; those before it were
                given.
        """
        return filter(None, starmap(self._event, self._messages.feed(chunk)))

    def last(self) -> StreamEvent[object] | None:
        """The event at the end of a stream that lacks only its empty line; None where it is cut."""
        message: Message | None = self._messages.last()
        if message is None or message[0] is None:
            return None
        if isinstance(_decoded(message[0]), _Broken):
            return None
        return self._event(*message)

    def _event(self, data: Data | None, field: str) -> StreamEvent[object] | None:
        """The event of a message; None for one that only keeps the connection alive.

        Args:
            data: Its data.
            field: Its event field, which Dify gives to pings alone.
        """
        if field == "ping":
            return None
        payload = {"event": field} if data is None else _decoded(data)
        if isinstance(payload, _Broken):
            if (content := _bytes(data)) in _KEEP_ALIVE:
                logger.debug("the stream sent %r, which says nothing", content)
                return None
            return self._unreadable_event(payload.reason, data)
        name: JSON = payload.get("event")
        if not isinstance(name, str) or not name:
            if not field:
                return self._unreadable_event("it has no name", data)
            payload["event"] = name = field
        if name == "ping":
            return None
        if name == "error" and data is not None:  # servers may show in it what they were sent
            payload = _decoded(self._hidden(_bytes(data)))
            if isinstance(payload, _Broken):  # without the key it is no JSON any more
                return self._unreadable_event(payload.reason, data)
            payload["event"] = name
        return EVENT_CLASSES.get(name, UnknownEvent)(payload)

    def _unreadable_event(self, reason: str, data: Data | None) -> StreamEvent[object]:
        reason = self._hidden(reason.encode("utf-8", "replace")).decode()
        return self._unreadable(reason, self._hidden(_bytes(data)))


class _Broken:
    """Stands for a message that is no JSON object.

    Args:
        reason: What is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason


_NO_OBJECT = _Broken("it is no JSON object")

_Value: TypeAlias = JSONObject | list[JSON] | str | float | None
"""What a message may hold; an event is the first of them."""


def _bytes(data: Data | None) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data or b"")


def _decoded(data: Data) -> JSONObject | _Broken:
    """The JSON object of a message; bytes that are not UTF-8 become U+FFFD (WHATWG)."""
    if isinstance(data, str) or may_be_rounded(data):
        return _decoded_slowly(data)
    try:
        payload: _Value = orjson.loads(data)
        if may_be_deep(data):
            check_depth(payload)
    except ValueError:
        return _decoded_slowly(data)  # json may still read it, or says what is wrong
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
