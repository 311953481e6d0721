"""Reads all that has arrived of a chunked body at once; h11 reads one HTTP chunk at a time.

Each event is a chunk, and h11 would pass each one through five generators of httpx. h11's own
reader reads everything else, and all bodies if one of the private names below is missing.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any

import h11

_connection_of = attrgetter("stream._stream._httpcore_stream._stream._connection._h11_state")
"""h11's state of the connection that a response of httpx or httpx2 comes over."""

_state = attrgetter("_bytes_in_chunk", "_bytes_to_discard", "_reading_trailer")
_needed = attrgetter("_reader.read_eof", "_receive_buffer._data", "_receive_buffer._extract")
_LINE_END = b"\r\n"
_size = re.compile(rb"\r\n([0-9A-Fa-f]{1,8})\r\n").match  # end of a chunk, size of the next


class _BulkReader:
    """Reads a chunked body, in place of h11's own reader."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self.read_eof = plain.read_eof

    def __call__(self, buffer: Any) -> Any:
        if not (data := buffer._data):  # noqa: SLF001  # see the module's docstring
            return None
        plain, (left, line_end, in_trailer) = self._plain, _state(self._plain)
        taken = b"" if left else _LINE_END[: 2 - len(line_end)]  # line_end is not read yet
        data = taken + data
        pieces, end = [data[:left]], left
        while (size := _size(data, end)) is not None and (length := int(size[1], 16)):
            start, end = size.end(), size.end() + length
            pieces.append(data[start:end])
        if in_trailer or not (body := b"".join(pieces)):
            return plain(buffer)
        left, line_end = max(0, end - len(data)), b"" if end > len(data) else _LINE_END
        if data.startswith(_LINE_END, end):
            end, line_end = end + 2, b""
        plain._bytes_in_chunk, plain._bytes_to_discard = left, line_end  # noqa: SLF001  # as above
        buffer._extract(min(end, len(data)) - len(taken))  # noqa: SLF001  # as above
        return h11.Data(data=body)


def hand_on_all_chunks(response: Any) -> bool:
    """Use the reader for a response whose body is not read yet; False if that is not possible."""
    try:
        connection = _connection_of(response)
        _needed(connection)
        _state(connection._reader)  # noqa: SLF001  # as above
    except AttributeError:
        return False
    connection._reader = _BulkReader(connection._reader)  # noqa: SLF001  # as above
    return True
