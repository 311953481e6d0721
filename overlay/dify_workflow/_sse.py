"""Server-sent events out of bytes, by the rules of the WHATWG (HTML standard, section 9.2).

Sans-I/O: it is fed the bytes as they arrive, cut anywhere. Lines end at LF, CR or CRLF and nowhere
else (U+2028, U+2029 and U+0085 are text, DIFY.md section 0.10), and data stays bytes for the JSON
decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""Largest event in bytes by default: far above the 600 kB seen, and a machine bears it."""

_BOM = b"\xef\xbb\xbf"

_LF, _CR = b"\n\r"  # numbers: looking for bytes of length one takes five times as long


Message: TypeAlias = tuple[bytes | None, str]
"""What stood between two empty lines: the data lines joined with LF (None where there was none, as
in Dify's pings), and the event field (empty where there was none)."""


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
        # Pieces of the unfinished message, joined once it is whole: adding up bytes piece by
        # piece would copy a message of 20 MB some hundred times.
        self._pieces: list[bytes] = []
        self._size = 0
        self._head: bytes | None = b""  # the start of the stream, while it may be half a BOM
        self._after_cr = False
        self._is_between = False
        """Whether nothing of an unfinished message, line end or byte order mark was seen."""

    @property
    def unfinished(self) -> bytes:
        """What came after the last empty line; the standard drops it at the end of a stream."""
        return b"".join(self._pieces)

    def only(self, chunk: bytes) -> bytes | None:
        """The data of a chunk that is one whole message of one line of data, as Dify sends them.

        Args:
            chunk: Bytes as they arrived; where this gives None, `feed` has to see them.

        Raises:
            EventTooLargeError: The message is larger than ``max_event_bytes``.
        """
        if self._is_between:
            line, _, rest = chunk.partition(b"\n")
            if rest == b"\n" and line[:6] == b"data: " and _CR not in line:
                self._check(len(line))
                return line[6:]
        return None

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Yield the messages that the chunk completes, those before an error first.

        Args:
            chunk: Bytes as they arrived.

        Raises:
            EventTooLargeError: A message, finished or not, is larger than ``max_event_bytes``.
        """
        chunk = self._normalized(chunk)
        if chunk.startswith(b"\n") and self._pieces and self._pieces[-1].endswith(b"\n"):
            chunk = b"\n" + chunk  # the empty line was cut in two: see it as a whole one here
            self._pieces[-1] = self._pieces[-1][:-1]
        *finished, rest = chunk.split(b"\n\n")
        for block in finished:
            whole = self._completed(block) if self._pieces else block.lstrip(b"\n")
            self._check(len(whole))
            if whole[:6] == b"data: " and _LF not in whole:  # all of Dify's but pings
                yield whole[6:], ""
            elif (message := self._parse(whole)) is not None:
                yield message
        if not self._pieces:
            rest = rest.lstrip(b"\n")  # empty lines before a message are nothing
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
            self._check(self._size - rest.endswith(b"\n"))  # it may be half of the empty line
        self._is_between = not self._pieces and not self._after_cr and self._head is None

    def _completed(self, block: bytes) -> bytes:
        """The unfinished message with its end."""
        whole = b"".join((*self._pieces, block))
        self._pieces.clear()
        self._size = 0
        return whole

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
        if _CR in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _check(self, size: int) -> None:
        if size > self.max_event_bytes:
            raise EventTooLargeError(
                f"one event is larger than max_event_bytes ({self.max_event_bytes} bytes)"
            )

    def _parse(self, block: bytes) -> Message | None:
        """Read the lines of a block; None where they carry neither data nor an event name."""
        data: list[bytes] = []
        event = b""
        for line in block.split(b"\n"):
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
