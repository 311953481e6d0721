"""Server-sent events out of bytes, by the rules of the WHATWG (HTML standard, section 9.2).

Sans-I/O: it is fed the bytes as they arrive, cut anywhere. Lines end at LF, CR or CRLF and nowhere
else (U+2028, U+2029 and U+0085 are text, DIFY.md section 0.10), and data stays bytes for the JSON
decoder.
"""

from __future__ import annotations

from io import BytesIO
from typing import TypeAlias

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""Largest event in bytes by default: far above the 600 kB seen, and a machine bears it."""

_BOM = b"\xef\xbb\xbf"

LF, CR = b"\n\r"  # numbers: looking for bytes of length one takes five times as long

_LITTLE = 64 * 1024
"""Bytes of a message that are rather copied than looked at as part of a large one."""

Data: TypeAlias = bytes | bytearray
"""What came, and large messages are not copied."""

Message: TypeAlias = tuple[Data | None, str]
"""What a message says: the data lines, joined with LF (None where there was none, as in Dify's
pings), and the event field (empty where there was none)."""


class EventTooLargeError(ValueError):
    """A message is larger than the decoder may hold."""


class SSEDecoder:
    """Turns the bytes of an event stream into its messages.

    Args:
        max_event_bytes: Largest message that is held, in bytes.
        last_event_id: The last ``id`` that the stream brought before it was taken up again.
    """

    def __init__(
        self, max_event_bytes: int = MAX_EVENT_BYTES, last_event_id: str | None = None
    ) -> None:
        self.max_event_bytes = max_event_bytes
        self.last_event_id = last_event_id
        """The last ``id`` that the stream brought."""
        self._begun = bytearray()  # the unfinished message: it grows without being copied
        self._head: bytes | None = b""  # the start of the stream, while it may be half a BOM
        self._after_cr = False
        self.is_between = False
        """Whether nothing of an unfinished message, line end or byte order mark was seen."""
        self.are_lines = False
        """Whether each message that `split` gave last is known to be one line and not too large."""
        self._is_line = True  # what was begun, as far as is known

    @property
    def unfinished(self) -> bytes:
        """What came after the last empty line; the standard drops it at the end of a stream."""
        return bytes(self._begun)

    @property
    def begun_line(self) -> bytes | None:
        """What was begun of a message, where it is part of a line and little; else None."""
        is_little = len(self._begun) <= _LITTLE
        return bytes(self._begun) if self._is_line and is_little else None

    def begin_anew(self) -> None:
        """Take that the message that was begun has come to its end, and nothing behind it."""
        self._begun, self._is_line = bytearray(), True
        self._after_cr, self.is_between = False, True

    def split(self, chunk: bytes) -> list[Data]:
        """The messages that the chunk completes, as they came; the rest of it is kept.

        Each ends with the line end of its last line, and without the empty line behind it.

        Args:
            chunk: Bytes as they arrived.
        """
        if not self.is_between or CR in chunk:
            chunk = self._normalized(chunk)
            if self._begun.endswith(b"\n") and chunk.startswith(b"\n"):
                chunk = b"\n" + chunk  # the empty line was cut in two: see it as a whole one here
                del self._begun[-1]
        if LF not in chunk:  # the start or the midst of a large message
            self._keep(chunk)
            return []
        are_small = len(self._begun) + len(chunk) <= self.max_event_bytes
        lines = BytesIO(chunk).readlines()  # takes a fifth of the time of bytes.split
        ends = lines[1::2]
        are_lines = ends.count(b"\n") == len(ends)
        messages: list[Data]
        if are_lines:  # each is followed by an empty one
            messages = [*lines[::2]]
            rest = messages.pop() if len(lines) > len(ends) * 2 else b""
        else:
            messages = [part + b"\n" for part in chunk.split(b"\n\n")]
            rest = messages.pop()[:-1]
        self.are_lines = are_lines and are_small and self._is_line
        if messages and self._begun:
            self._begun += messages[0]
            is_little = len(self._begun) <= _LITTLE
            # Bytes among others are compared with them in a fifth of the time.
            messages[0] = bytes(self._begun) if is_little else self._begun
            self._begun = bytearray()
        if messages:
            self._is_line = True
        if rest or not self.is_between:
            self._is_line = self._is_line and LF not in rest
            self._keep(rest)
        return messages

    def parse(self, message: Data) -> Message | None:
        """Read the lines of a message; None where they carry neither data nor an event name.

        Args:
            message: One that `split` gave.

        Raises:
            EventTooLargeError: It is larger than ``max_event_bytes``.
        """
        size = len(message) - 1
        self._check(size - message.startswith(b"\n", 0, size))  # of an empty line before it
        if message[:6] == b"data: " and message.find(b"\n") == size:  # as Dify's are
            return message[6:-1], ""
        data: list[Data] = []
        event: Data = b""
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

    def check(self) -> None:
        """See that what has come of the next message can still be held.

        Raises:
            EventTooLargeError: It is larger than ``max_event_bytes`` already.
        """
        self._check(len(self._begun) - self._begun.endswith(b"\n"))  # half of the empty line, maybe

    def _keep(self, rest: Data) -> None:
        """Keep the beginning of a message, or more of it."""
        self._begun += rest if self._begun else rest.lstrip(b"\n")  # empty lines before are nothing
        self.is_between = not self._begun and not self._after_cr and self._head is None

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
        if CR in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _check(self, size: int) -> None:
        if size > self.max_event_bytes:
            raise EventTooLargeError(
                f"one event is larger than max_event_bytes ({self.max_event_bytes} bytes)"
            )
