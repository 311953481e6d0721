"""Hands on all complete HTTP chunks that have arrived at once; h11 hands on one at a time.

Each event is a chunk, which goes from h11 through five generators of httpx. The answers to our
requests get a reader of ours, by the private names below: where one is missing, h11's own stays.
That is also given what is no plain chunk: a part, an extension, a broken size, the trailer.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any

import h11

_connection_of = attrgetter("stream._stream._httpcore_stream._stream._connection._h11_state")
"""What h11 knows of the connection that a response of httpx, or of httpx2, comes over."""

_state = attrgetter("_bytes_in_chunk", "_bytes_to_discard", "_reading_trailer")
_needed = attrgetter("_reader.read_eof", "_receive_buffer._data", "_receive_buffer._extract")
_size = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n").match


class _BulkReader:
    """Reads a chunked body in the place of h11's own reader."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self.read_eof = plain.read_eof

    def __call__(self, buffer: Any) -> Any:
        data: bytearray = buffer._data  # noqa: SLF001  # the module's docstring says why
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
    """Let a response whose body is not read yet hand on all chunks at once, and say if it does."""
    try:
        connection = _connection_of(response)
        _needed(connection)
        _state(connection._reader)  # noqa: SLF001  # as above
    except AttributeError:
        return False
    connection._reader = _BulkReader(connection._reader)  # noqa: SLF001  # as above
    return True
