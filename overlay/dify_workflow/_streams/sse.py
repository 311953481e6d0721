"""Server-sent events out of bytes, by the rules of the WHATWG (HTML standard, section 9.2).

Sans-I/O: it is fed the bytes as they arrive, cut anywhere. Lines end at LF, CR or CRLF and nowhere
else: Dify sends U+2028, U+2029 and U+0085 as text. Data stays bytes for the JSON decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""Largest event in bytes by default. Events of 600 kB have been seen."""

_BOM = b"\xef\xbb\xbf"

_LARGE = 64 * 1024
"""Bytes from which on a message is looked at in place rather than copied."""

Data: TypeAlias = bytes | bytearray | memoryview
"""The data of a message. A large one is a view of the buffer in which it arrived."""

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

        Args:
            chunk: Bytes as they arrived.

        Raises:
            EventTooLargeError: A message is larger than ``max_event_bytes``; those before it were
                given.
        """
        if self._head is not None or self._after_cr or b"\r" in chunk:
            chunk = self._normalized(chunk)
        begun = self._begun
        if begun:
            # The empty line that ends a message may be cut in two.
            is_cut = begun.endswith(b"\n") and chunk.startswith(b"\n")
            end = 0 if is_cut else chunk.find(b"\n\n")
            if end < 0:
                begun += chunk
                self._check(len(begun) - begun.endswith(b"\n"))
                return
            if is_cut:
                del begun[-1]
            else:
                begun += chunk[:end]
            self._begun = bytearray()
            if message := self._parsed(begun if len(begun) > _LARGE else bytes(begun)):
                yield message
            chunk = chunk[1 if is_cut else end + 2 :]
        *parts, rest = chunk.split(b"\n\n")
        for part in parts:
            if part and (message := self._parsed(part)):
                yield message
        if rest := rest.lstrip(b"\n"):
            self._begun += rest
            self._check(len(rest) - rest.endswith(b"\n"))

    def last(self) -> Message | None:
        """The message that the end of the stream has cut off before its empty line, if any."""
        begun, self._begun = self._begun, bytearray()
        return self._parsed(begun.rstrip(b"\n")) if begun else None

    def _parsed(self, message: bytes | bytearray) -> Message | None:
        """Read the lines of a message; None where they carry neither data nor an event name."""
        if message[:1] == b"\n":  # an empty line before it
            message = message.lstrip(b"\n")
        self._check(len(message))
        if message[:6] == b"data: " and b"\n" not in message:  # as Dify's are
            return (message[6:] if len(message) <= _LARGE else memoryview(message)[6:]), ""
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
