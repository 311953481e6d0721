"""What is written to files: whole or not at all, never in the place of its sources, and CSV."""

from __future__ import annotations

import csv
import errno
import os
import stat
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import IO, BinaryIO, Protocol, TypeAlias

from ._json import JSON
from .errors import InvalidRequestError

Source: TypeAlias = str | os.PathLike[str] | os.stat_result
"""A file that is read: its path, or what the system says of one that is open."""

_LONGEST = 50
"""Characters of a file's name that its forerunner has, too: all of them may be too many."""


@contextmanager
def replacing(place: Path, *, mode: int | None = None) -> Generator[BinaryIO, None, None]:
    """Give a new file to write, which takes its place when it is whole; else nothing is left of it.

    It is made beside its place under a name that nobody can foresee, and where no file is: a link
    that somebody has put there is not followed. A file that is replaced hands on its mode.

    Args:
        place: Where it goes. What is no file, such as a pipe, is written as it is.
        mode: Its mode; by default that of the file that is replaced, else what the umask leaves.

    Raises:
        OSError: It cannot be written.
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
    """The file behind what is open for reading; a `StringIO`, for one, has none."""
    try:
        return [os.fstat(file.fileno())]
    except (AttributeError, OSError, ValueError):
        return []


def refuse_source(place: Path, *sources: Source) -> None:
    """Refuse to write what would replace a file that is read for it.

    Args:
        place: What is to be written.
        sources: What is read.

    Raises:
        InvalidRequestError: It is one of them, by whichever name or link.
    """
    if any(_is_same(place, source) for source in sources):
        raise InvalidRequestError(f"{place} would replace a file that is read: name another file.")


def _is_same(place: Path, source: Source) -> bool:
    try:
        if isinstance(source, os.stat_result):
            return os.path.samestat(place.stat(), source)
        return place.samefile(source)
    except OSError:  # one of them is not there
        if isinstance(source, os.stat_result):
            return False
        return os.path.realpath(place) == os.path.realpath(source)


def _mode_of(place: Path) -> int | None:
    """The mode of a file that is replaced; None where there is none.

    Raises:
        OSError: It may not be written.
    """
    if not place.exists():
        return None
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    return stat.S_IMODE(place.stat().st_mode)


_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Beginnings of texts that spreadsheets take for formulas (OWASP, CSV injection)."""


class Writable(Protocol):
    """A text file that is open for writing."""

    def write(self, text: str, /) -> object:
        """Write a text."""


class CSVWriter:
    """Writes rows of cells as CSV that every reader takes (RFC 4180); lines end in a line feed.

    Args:
        file: Where to.
    """

    def __init__(self, file: Writable) -> None:
        self._file = file
        # Before Python 3.13 a writer quotes ends of lines only that are its own.
        self._writer = csv.writer(self, lineterminator="\r\n")

    def row(self, cells: Iterable[JSON]) -> None:
        """Write a row."""
        self._writer.writerow(cells)

    def write(self, line: str, /) -> None:
        """Take a line of the writer above."""
        self._file.write(line.removesuffix("\r\n") + "\n")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet takes a text for a formula."""
    return text.startswith(_FORMULAS)


def without_formula(text: str) -> str:
    """The text with a ``'`` before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if is_formula(text) else text
