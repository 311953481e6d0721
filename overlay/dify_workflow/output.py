"""Writes files: completely or not at all, and never over a file that is being read. Writes CSV."""

from __future__ import annotations

import csv
import errno
import os
import re
import stat
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import IO, TYPE_CHECKING, BinaryIO, TypeAlias

import attrs

from ._json import JSON, is_text
from .errors import InvalidRequestError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Source: TypeAlias = str | os.PathLike[str] | os.stat_result
"""A file that is read: its path, or the `os.stat_result` of an open file."""

_LONGEST = 50
"""How many characters of a file's name its temporary file has. All of them may be too many."""


@contextmanager
def replacing(place: Path, *, mode: int | None = None) -> Generator[BinaryIO, None, None]:
    """Write a file completely or not at all.

    The data goes to a new temporary file in the same folder, with an unpredictable name. A link
    with that name is not followed. At the end the temporary file replaces the target. After an
    error it is deleted.

    Args:
        place: Path of the file. Something that is not a file, such as a pipe, is written directly.
        mode: Mode of the file; by default that of the file it replaces, or by the umask.

    Yields:
        A binary file to write to.

    Raises:
        OSError: The file cannot be written.

    Example::

        with replacing(Path("report.txt")) as file:
            file.write(b"complete, or not there at all")
    """
    if place.exists() and not place.is_file():
        with place.open("wb") as device:
            yield device
        return
    before = _mode_of(place)
    mode = before if mode is None else mode
    beside = place.with_name(f".{place.name[:_LONGEST]}.{token_hex(8)}.part")
    try:
        with open(
            beside, "xb", opener=partial(os.open, mode=0o666 if mode is None else 0o600)
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            beside.chmod(mode)
        beside.replace(place)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def source_of(file: IO[str] | IO[bytes]) -> list[Source]:
    """The file that an open file object reads; empty for objects without a file (`StringIO`).

    Args:
        file: What is open for reading.
    """
    try:
        return [os.fstat(file.fileno())]
    except (AttributeError, OSError, ValueError):
        return []


def refuse_source(place: Path, *sources: Source) -> None:
    """Refuse to write to a file that is also read.

    Args:
        place: Path of the file to write.
        sources: The files that are read.

    Raises:
        InvalidRequestError: The file to write is one of them, also under another name or link.
    """
    if any(_is_same(place, source) for source in sources):
        raise InvalidRequestError(
            f"{place} is also the file that is read; name another file to write to."
        )


def _is_same(place: Path, source: Source) -> bool:
    try:
        if isinstance(source, os.stat_result):
            return os.path.samestat(place.stat(), source)
        return place.samefile(source)
    except OSError:  # one of them does not exist
        if isinstance(source, os.stat_result):
            return False
        return os.path.realpath(place) == os.path.realpath(source)


def _mode_of(place: Path) -> int | None:
    """The mode of an existing file; None if there is no file.

    Raises:
        OSError: The file is write-protected.
    """
    if not place.exists():
        return None
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    return stat.S_IMODE(place.stat().st_mode)


_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Texts that start with one of these are formulas for spreadsheets (OWASP, CSV injection)."""


class CSVWriter:
    """Writes rows of cells as CSV (RFC 4180), with lines that end in a line feed.

    Args:
        file: The text file to write to.
    """

    def __init__(self, file: SupportsWrite[str]) -> None:
        self._file = file
        # Before Python 3.13 a writer quotes only line ends that are part of its own lineterminator.
        self._writer = csv.writer(self, lineterminator="\r\n")

    def row(self, cells: Iterable[JSON]) -> None:
        """Write a row."""
        self._writer.writerow(cells)

    def write(self, line: str, /) -> None:
        """Write a line of the `csv.writer` to the file."""
        self._file.write(line.removesuffix("\r\n") + "\n")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would read a text as a formula."""
    return text.startswith(_FORMULAS)


def without_formula(text: str) -> str:
    """The text, with a ``'`` in front if a spreadsheet would read it as a formula."""
    return f"'{text}" if is_formula(text) else text


_NUMBER = re.compile(r"[+-][\d.,]+")
"""A number or telephone number, which begins like a formula."""


@attrs.define
class Texts:
    """Changes texts so that they can be written as UTF-8, and counts the changes.

    Args:
        escapes: Whether to escape texts that spreadsheets would run as formulas.
    """

    escapes: bool = False
    halved: int = 0
    shortened: int = 0
    formulas: int = 0

    def fitted(self, text: str) -> str:
        """The text in its written form."""
        if self.escapes:
            text = without_formula(text)
        elif is_formula(text) and not _NUMBER.fullmatch(text):
            self.formulas += 1
        if is_text(text):
            return text
        self.halved += 1
        return text.encode("utf-8", "backslashreplace").decode()
