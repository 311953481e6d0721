"""The bytes of a file on their way to the server."""

from __future__ import annotations

import os
from typing import IO

from .errors import InvalidRequestError


class Payload:
    """A file of unknown length, as httpx reads it: piece by piece.

    Args:
        source: The file, opened in binary mode.
        name: Its name, for messages.
        can_rewind: Whether it can be read again from its beginning.
    """

    def __init__(self, source: IO[bytes], name: str, *, can_rewind: bool) -> None:
        self.can_rewind = can_rewind
        self._source = source
        self._name = name

    def seek(self, _offset: int, _whence: int = os.SEEK_SET) -> int:
        """Go to the beginning, which httpx does before it sends the file."""
        if self.can_rewind:
            self._source.seek(0)
        return 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most this many; none at the end.

        Raises:
            InvalidRequestError: The file cannot be read, or gives something else than bytes.
        """
        try:
            piece = self._source.read(size)
        except (OSError, ValueError) as error:  # ValueError: it was closed
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
        super().__init__(source, name, can_rewind=True)
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
    if not _can_rewind(source):
        return Payload(source, name, can_rewind=False)
    size = _size(source)
    if size is None:
        return Payload(source, name, can_rewind=True)
    return SizedPayload(source, name, size)


def _can_rewind(source: IO[bytes]) -> bool:
    try:
        source.seek(0)
    except (AttributeError, OSError, ValueError):  # a pipe, or a socket
        return False
    return True


def _size(source: IO[bytes]) -> int | None:
    """The length of a file in bytes; None where it is known only at its end."""
    try:
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        if size == 0 and source.read(1):  # Linux makes it up while it is read
            source.seek(0)
            return None
    except (OSError, ValueError):  # one that is unpacked while it is read
        return None
    return size
