"""Reads all complete HTTP chunks that have arrived together; h11 reads one at a time.

Each event of a stream is a chunk, and each chunk passes through five generators of httpx. Answers
to our requests use the reader below instead. It needs private names of h11 and httpx; if one is
missing, h11's own reader is used. h11's reader also handles everything that is not a complete plain
chunk: a part of a chunk, an extension, an invalid size, the trailer.
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
        in_chunk, discard, in_trailer = _state(self._plain)  # discard: the end of the last chunk
        data: bytearray = buffer._data  # noqa: SLF001  # see the module's docstring
        if in_chunk or in_trailer or not data.startswith(discard):
            return self._plain(buffer)
        pieces: list[bytearray] = []
        end = len(discard)
        while (size := _size(data, end)) is not None:
            start, stop = size.end(), size.end() + int(size[1], 16)
            if stop == start or data[stop : stop + 2] != b"\r\n":
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
