"""Reads all complete HTTP chunks that have arrived together; h11 reads one at a time.

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
_size = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n").match


class _BulkReader:
    """Reads a chunked body, in place of h11's own reader."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self.read_eof = plain.read_eof

    def __call__(self, buffer: Any) -> Any:
        data: bytearray = buffer._data  # noqa: SLF001  # see the module's docstring
        if not data:
            return None
        in_chunk, discard, in_trailer = _state(self._plain)  # discard: the end of the last chunk
        if in_chunk or in_trailer or not data.startswith(discard):
            return self._plain(buffer)
        pieces, end = list[bytearray](), len(discard)
        while (size := _size(data, end)) is not None:
            stop = (start := size.end()) + int(size[1], 16)
            if stop == start or not data.startswith(b"\r\n", stop):
                break
            pieces.append(data[start:stop])
            end = stop + 2
        if not pieces:
            return self._plain(buffer)
        self._plain._bytes_to_discard = b""  # noqa: SLF001  # as above
        buffer._extract(end)  # noqa: SLF001  # as above
        return h11.Data(data=b"".join(pieces))


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
