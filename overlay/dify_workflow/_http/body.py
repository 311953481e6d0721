"""Compressed bodies, inflated a bounded piece at a time. Sans-I/O.

httpx inflates whatever comes at once: a megabyte of gzip can become a gigabyte.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

_PIECE = 1024 * 1024
"""Most bytes that are inflated at a time."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS

_KNOWN = {"gzip", "x-gzip", "deflate"}


class EncodingError(ValueError):
    """A body is encoded in a way that nobody asked for, or is damaged."""


class Inflater:
    """Turns the bytes of a gzip or zlib body into what was compressed."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the bytes inflate to, in pieces of at most 1 MiB.

        Raises:
            EncodingError: The body is damaged.
        """
        while data and not self._decompressor.eof:
            try:
                piece = self._decompressor.decompress(data, _PIECE)
            except zlib.error as error:
                raise EncodingError(f"the compressed body is damaged ({error})") from None
            data = self._decompressor.unconsumed_tail
            if piece:
                yield piece


def inflater_for(headers: Mapping[str, str]) -> Inflater | None:
    """What inflates a body; None where it is not compressed.

    Args:
        headers: Headers of the answer, names in lower case.

    Raises:
        EncodingError: It is encoded more than once, or otherwise than with gzip or zlib.
    """
    encodings = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    encodings = [name for name in encodings if name not in {"", "identity"}]
    if not encodings:
        return None
    if len(encodings) > 1 or encodings[0] not in _KNOWN:
        raise EncodingError(f"the body is encoded as {', '.join(encodings)[:100]}, not as gzip")
    return Inflater()


_BOM = b"\xef\xbb\xbf"
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


def begins_like_events(start: bytes) -> bool | None:
    """Whether a body begins as an event stream does; None where it is too short to tell.

    Args:
        start: Its first bytes.
    """
    if len(start) < len(_BOM) and _BOM.startswith(start):
        return None
    text = start.removeprefix(_BOM)
    if text.startswith(_FIELDS):
        return True
    return None if any(field.startswith(text) for field in _FIELDS) else False
