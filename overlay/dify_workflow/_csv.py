"""CSV that every reader takes (RFC 4180), with lines that end in a line feed."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Protocol

from ._json import JSON

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Beginnings of texts that spreadsheets take for formulas (OWASP, CSV injection)."""


class Writable(Protocol):
    """A text file that is open for writing."""

    def write(self, text: str, /) -> object:
        """Write a text."""


class CSVWriter:
    """Writes rows of cells.

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
