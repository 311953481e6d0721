"""The bytes of a file on their way to the server."""

from __future__ import annotations

import os
from typing import IO

from .errors import InvalidRequestError


class Payload:
    """A file as httpx reads it when it cannot know its length: piece by piece, from its beginning.

    Args:
        source: The file, opened in binary mode.
        name: Its name, for messages.
        start: What was read of it already.
    """

    def __init__(self, source: IO[bytes], name: str, start: bytes = b"") -> None:
        self._source = source
        self._name = name
        self._start = start

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most this many; none at the end.

        Raises:
            InvalidRequestError: The file cannot be read, or gives something else than bytes.
        """
        if self._start:
            start, self._start = self._start, b""
            return start
        try:
            piece = self._source.read(size)
        except (OSError, ValueError) as error:  # ValueError: it is closed
            raise InvalidRequestError(f"Cannot read the file {self._name}: {error}.") from error
        if not isinstance(piece, bytes | bytearray | memoryview):
            what = type(piece).__name__
            raise InvalidRequestError(f"The file {self._name} gives {what} instead of bytes.")
        return bytes(piece)


class SizedPayload(Payload):
    """A file of known length, of which neither more nor less is sent than was announced.

    Args:
        source: The file, opened in binary mode.
        name: Its name, for messages.
        size: Its length in bytes.
    """

    def __init__(self, source: IO[bytes], name: str, size: int) -> None:
        super().__init__(source, name)
        self._size = size
        self._at = 0

    def tell(self) -> int:
        """How far the file was read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere: httpx asks so for the length, and begins with it."""
        self._at = offset + (self._size if whence == os.SEEK_END else 0)
        self._source.seek(self._at)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most this many; none at the end.

        Raises:
            InvalidRequestError: The file cannot be read, or became shorter.
        """
        left = self._size - self._at
        piece = super().read(left if size < 0 else min(size, left)) if left else b""
        if left and not piece:
            raise InvalidRequestError(f"The file {self._name} became shorter while it was sent.")
        self._at += len(piece)
        return piece


def payload_of(source: IO[bytes], name: str) -> Payload:
    """A file ready to be sent whole, wherever it stands.

    Args:
        source: The file, opened in binary mode.
        name: Its name, for messages.

    Raises:
        InvalidRequestError: It cannot be read.
    """
    if getattr(source, "closed", False):
        raise InvalidRequestError(f"The file {name} is closed.")
    readable = getattr(source, "readable", None)
    if readable is not None and not readable():
        raise InvalidRequestError(f"The file {name} is not open for reading.")
    try:
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
    except (
        AttributeError,
        OSError,
        ValueError,
    ):  # a pipe, or one that is unpacked while it is read
        return Payload(source, name)
    if size:
        return SizedPayload(source, name, size)
    unsized = Payload(source, name)  # empty, or of those that Linux makes up while they are read
    start = unsized.read(1)
    return Payload(source, name, start) if start else SizedPayload(source, name, 0)
