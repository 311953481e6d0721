"""Files on the way to the server: opened, named and typed."""

from __future__ import annotations

import mimetypes
from collections.abc import Generator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, cast
from unicodedata import category

import attrs

from ._payload import Payload, payload_of
from .errors import InvalidRequestError


class Upload(Protocol):
    """An upload of FastAPI or Starlette."""

    @property
    def file(self) -> IO[bytes]:
        """What can be read of it without `await`."""
        ...


FileSource: TypeAlias = str | PathLike[str] | bytes | IO[bytes] | Upload
"""A path, the bytes themselves, a file opened for reading in binary mode, or an upload."""

_ANY_TYPE = "application/octet-stream"


@attrs.frozen(eq=False, repr=False)
class OpenFile:
    """A file that is ready to be sent.

    Args:
        payload: Its bytes; they are read piece by piece.
        name: Name under which the server keeps it.
        content_type: Media type.
    """

    payload: Payload
    name: str
    content_type: str


@contextmanager
def opened(
    source: FileSource, *, filename: str | None = None, content_type: str | None = None
) -> Generator[OpenFile, None, None]:
    """Open a file for sending; what was opened here is closed here.

    Args:
        source: The file, or an upload of FastAPI or Starlette, whose file is taken.
        filename: Its name; by default the path's or the open file's, or one made from the type.
        content_type: Its media type; by default guessed from the name.

    Raises:
        InvalidRequestError: There is no such file, it is not binary, or the server would not take
            its name or type.
    """
    if iscoroutinefunction(getattr(source, "read", None)):
        source, filename, content_type = _file_of_upload(source, filename, content_type)
    name = filename if filename is not None else _own_name(source) or _made_name(content_type)
    if not name or "/" in name or "\\" in name or not _is_text(name):
        raise InvalidRequestError(
            f"The server does not take the file name {name!r}: it must not be empty, nor contain "
            "slashes, backslashes or control characters."
        )
    kind = content_type or mimetypes.guess_type(name)[0] or _ANY_TYPE
    if not kind.isascii() or not kind.isprintable():
        raise InvalidRequestError(f"content_type cannot be {kind!r}; one looks like {_ANY_TYPE}.")
    if isinstance(source, bytes | bytearray | memoryview):
        yield OpenFile(payload_of(BytesIO(source), name), name, kind)
    elif isinstance(source, str | PathLike):
        with _open(Path(source)) as file:
            yield OpenFile(payload_of(file, name), name, kind)
    else:
        if not callable(getattr(source, "read", None)) or hasattr(source, "encoding"):
            raise InvalidRequestError(
                "A file to upload is a path, bytes, or a file opened in binary mode, not "
                f"{type(source).__name__}."
            )
        yield OpenFile(payload_of(cast("IO[bytes]", source), name), name, kind)


def _file_of_upload(
    upload: Any, filename: str | None, content_type: str | None
) -> tuple[FileSource, str | None, str | None]:
    """The file within an upload of a web framework, its name and its media type.

    Raises:
        InvalidRequestError: There is no file within that can be read without `await`.
    """
    file: Any = getattr(upload, "file", None)
    if not callable(getattr(file, "read", None)) or iscoroutinefunction(file.read):
        raise InvalidRequestError(
            f"A {type(upload).__name__} is read with `await`. Give its bytes, its path, or the "
            "file itself, which an upload of FastAPI or Starlette has as `.file`."
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
    """Whether a name is free of control characters and halves of surrogate pairs."""
    return not any(category(character) in {"Cc", "Cs"} for character in name)


def _own_name(source: FileSource) -> str | None:
    if isinstance(source, str | PathLike):
        return Path(source).name
    path = getattr(source, "name", None)
    return Path(path).name if isinstance(path, str) else None


def _made_name(content_type: str | None) -> str:
    return "upload" + (mimetypes.guess_extension(content_type or "") or ".bin")
