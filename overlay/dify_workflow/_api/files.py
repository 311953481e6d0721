"""Opens and checks files for upload, and reads them piece by piece."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Generator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, cast
from unicodedata import category

import attrs

from ..errors import InvalidRequestError


class Payload:
    """A file that httpx reads piece by piece.

    Args:
        source: The file, opened in binary mode.
        name: Its name, for messages.
        can_rewind: Whether it can be read again from its start.
    """

    def __init__(self, source: IO[bytes], name: str, *, can_rewind: bool) -> None:
        self.can_rewind = can_rewind
        self._source = source
        self._name = name

    def seek(self, _offset: int, _whence: int = os.SEEK_SET) -> int:
        """Go to the start. httpx calls this before it sends the file."""
        if self.can_rewind:
            self._source.seek(0)
        return 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most this many; empty at the end.

        Raises:
            InvalidRequestError: The file cannot be read, or it does not return bytes.
        """
        try:
            piece = self._source.read(size)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            raise InvalidRequestError(f"Cannot read the file {self._name}: {error}.") from error
        if not isinstance(piece, bytes | bytearray | memoryview):
            what = type(piece).__name__
            raise InvalidRequestError(
                f"The file {self._name} returns {what} instead of bytes; open it in binary mode."
            )
        return bytes(piece)


class SizedPayload(Payload):
    """A file of known length. Exactly this many bytes are sent.

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
        """Go to a position. httpx uses this to find the length, before it sends the file."""
        self._at = offset + (self._size if whence == os.SEEK_END else 0)
        self._source.seek(self._at)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most this many; empty at the end.

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
    """A file, ready to be sent from its start.

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
    """The length of a file in bytes; None if it is known only at the end."""
    try:
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        if size == 0 and source.read(1):  # a file in /proc
            source.seek(0)
            return None
    except (OSError, ValueError):  # a compressed file, which has no length
        return None
    return size


class Upload(Protocol):
    """The interface of an ``UploadFile`` of FastAPI or Starlette."""

    @property
    def file(self) -> IO[bytes]:
        """The file in it, which can be read without ``await``."""
        ...


FileSource: TypeAlias = str | PathLike[str] | bytes | IO[bytes] | Upload
"""A file to upload: a path, bytes, a file opened in binary mode, or an ``UploadFile``."""

_ANY_TYPE = "application/octet-stream"


@attrs.frozen(eq=False, repr=False)
class OpenFile:
    """A file that is ready to be sent.

    Args:
        payload: Its bytes, which are read piece by piece.
        name: Name of the file on the server.
        content_type: Media type.
    """

    payload: Payload
    name: str
    content_type: str


@contextmanager
def opened(
    source: FileSource, *, filename: str | None = None, content_type: str | None = None
) -> Generator[OpenFile, None, None]:
    """Open a file to send it. A file that is opened here is also closed here.

    Args:
        source: The file.
        filename: Its name; by default that of the path or the open file, or ``upload`` with an
            extension for the media type.
        content_type: Its media type; by default guessed from the name.

    Raises:
        InvalidRequestError: There is no such file, it is not binary, or its name or media type is
            invalid.
    """
    if iscoroutinefunction(getattr(source, "read", None)):
        source, filename, content_type = _file_of_upload(source, filename, content_type)
    name = filename if filename is not None else _own_name(source) or _made_name(content_type)
    if not name or "/" in name or "\\" in name or not _is_text(name):
        raise InvalidRequestError(
            f"The file name {name!r} is invalid: it must not be empty or contain slashes, "
            "backslashes or control characters. Pass another filename."
        )
    kind = content_type or mimetypes.guess_type(name)[0] or _ANY_TYPE
    if not kind.isascii() or not kind.isprintable():
        raise InvalidRequestError(
            f"content_type must be a media type such as {_ANY_TYPE}, not {kind!r}."
        )
    if isinstance(source, bytes | bytearray | memoryview):
        yield OpenFile(payload_of(BytesIO(source), name), name, kind)
    elif isinstance(source, str | PathLike):
        with _open(Path(source)) as file:
            yield OpenFile(payload_of(file, name), name, kind)
    else:
        if not callable(getattr(source, "read", None)) or hasattr(source, "encoding"):
            raise InvalidRequestError(
                "A file to upload must be a path, bytes, or a file opened in binary mode, not "
                f"{type(source).__name__}."
            )
        yield OpenFile(payload_of(cast("IO[bytes]", source), name), name, kind)


def _file_of_upload(
    upload: Any, filename: str | None, content_type: str | None
) -> tuple[FileSource, str | None, str | None]:
    """The file in an ``UploadFile`` of a web framework, its name and its media type.

    Raises:
        InvalidRequestError: It has no file that can be read without ``await``.
    """
    file: Any = getattr(upload, "file", None)
    if not callable(getattr(file, "read", None)) or iscoroutinefunction(file.read):
        raise InvalidRequestError(
            f"A {type(upload).__name__} cannot be read without `await`. Pass its bytes, its path, "
            "or the file in it (`.file` of an UploadFile of FastAPI or Starlette)."
        )
    name = filename if filename is not None else getattr(upload, "filename", None)
    return file, name, content_type or getattr(upload, "content_type", None)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequestError(f"Cannot read the file {path}: {reason}.") from error


def _is_text(name: str) -> bool:
    """Whether a name has no control characters and no halves of surrogate pairs."""
    return not any(category(character) in {"Cc", "Cs"} for character in name)


def _own_name(source: FileSource) -> str | None:
    if isinstance(source, str | PathLike):
        return Path(source).name
    path = getattr(source, "name", None)
    return Path(path).name if isinstance(path, str) else None


def _made_name(content_type: str | None) -> str:
    return "upload" + (mimetypes.guess_extension(content_type or "") or ".bin")
