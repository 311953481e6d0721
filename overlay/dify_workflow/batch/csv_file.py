"""Read CSV files: encoding and delimiter are detected, or can be given."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import attrs

from .._json import JSON
from ..errors import InvalidRequestError
from .errors import RowsError

_LONGEST_CELL = 1 << 30
"""Maximum number of characters in a cell; documents can exceed the csv module's 131,072."""

_BLOCK = 1 << 20
"""Bytes that are read at a time to detect the encoding."""

_SAMPLE = 100
"""Records that are read to detect the delimiter."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|"}
_PROBLEMS = {
    "unexpected end": 'a quote (") opens a cell, and no quote closes it',
    "expected after": 'there is text after the quote (") that closes a cell; within a cell a quote '
    'is written twice ("")',
}
"""Messages of the csv module about quotes, in words for people."""

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "cp1252 (Western European)",
    "gb18030": "GBK (Chinese)",
}

_GUESSED = frozenset({"cp1252", "gb18030"})
"""Encodings that cannot be detected with certainty."""

_WORD = re.compile(r"[^\W\d_]*[^\x00-\x7f][^\W\d_]*")
_LONGEST_EXAMPLE = 20

_SEP = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
"""The first line that sets the delimiter for Excel."""

_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]")
"""A character of GBK, or a byte that is not one."""

_COMMON = re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]")
"""A common character of GBK: punctuation, or one of the 3,755 characters of its first level."""


@attrs.frozen
class Dialect:
    """How a file is read.

    Args:
        encoding: Name of its encoding.
        delimiter: The character between two cells.
        has_sep: Whether its first line only sets the delimiter.
        example: A word of the file that shows people whether the encoding was guessed correctly;
            empty if it was not guessed.
    """

    encoding: str
    delimiter: str
    has_sep: bool = False
    example: str = ""

    def __str__(self) -> str:
        encoding = _NAMES.get(self.encoding, self.encoding)
        example = f", as in {self.example!r}" if self.example else ""
        delimiter = _DELIMITERS.get(self.delimiter, self.delimiter)
        return f"{encoding}{example}, cells separated by {delimiter}"


def dialect_of(path: Path, delimiter: str | None, encoding: str | None) -> Dialect:
    """Detect how a file must be read, except for what is given.

    Args:
        path: The file.
        delimiter: One character, or ``"tab"``; None to detect it.
        encoding: An encoding that Python knows; None to detect it.

    Raises:
        InvalidRequestError: There is no such encoding, or the delimiter is not one character.
        RowsError: The file is not CSV.
    """
    is_guessed = encoding is None
    encoding = _encoding(path) if encoding is None else _known(encoding)
    example = _example(path, encoding) if is_guessed and encoding in _GUESSED else ""
    if delimiter is not None:
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter.lower(), delimiter)
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise InvalidRequestError(
                f"A delimiter must be one character, or tab, not {delimiter!r}."
            )
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        start = file.readline(16)
    if start.startswith("PK\x03\x04"):
        raise RowsError(f"{path.name} is not CSV. It may be an Excel file: rename it to .xlsx.")
    if said := _SEP.fullmatch(start):
        return Dialect(encoding, delimiter or said[1], has_sep=True, example=example)
    return Dialect(encoding, delimiter or _delimiter(path, encoding), example=example)


def read_csv(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[JSON], None]]:
    """The records of a file with their numbers, as a spreadsheet counts rows.

    Raises:
        RowsError: A line cannot be read.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding=dialect.encoding, newline="") as file:
        records = csv.reader(file, delimiter=dialect.delimiter, strict=True)
        number = 0
        try:
            for number, cells in enumerate(records, start=1):
                if number > 1 or not dialect.has_sep:
                    yield number, cells, None
        except csv.Error as error:
            problem = next((said for sign, said in _PROBLEMS.items() if sign in str(error)), error)
            raise RowsError(f"{path.name}, row {number + 1}: {problem}.") from error
        except UnicodeDecodeError as error:
            name = _NAMES.get(dialect.encoding, dialect.encoding)
            raise RowsError(
                f"{path.name} is not {name} ({error.reason}): give its encoding."
            ) from error


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # refuses codecs that do not encode text
    except LookupError:
        raise InvalidRequestError(f"There is no encoding {encoding!r}.") from None
    return {"utf-8": "utf-8-sig", "gbk": "gb18030", "gb2312": "gb18030"}.get(name, name)


def _encoding(path: Path) -> str:
    """The encoding of a file: from its first bytes, or the first one that fits all of it."""
    with path.open("rb") as file:
        start = file.read(_BLOCK)
    for bom, encoding in _BOMS.items():
        if start.startswith(bom):
            return encoding
    if start[1::2].count(0) > len(start) // 8:
        return "utf-16-le"
    if start[::2].count(0) > len(start) // 8:
        return "utf-16-be"
    if _is_valid(path, "utf-8"):
        return "utf-8"
    return "gb18030" if _is_chinese(path) and _is_valid(path, "gb18030") else "cp1252"


def _example(path: Path, encoding: str) -> str:
    """The first word of a file that looks different in other encodings."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        found = map(_WORD.search, file)
        return next((word[0][:_LONGEST_EXAMPLE] for word in found if word), "")


def _is_valid(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _is_chinese(path: Path) -> bool:
    """Whether bytes above ASCII come in pairs that are common in Chinese texts.

    In Western texts most of these bytes are single. Such a byte and the letter after it can be a
    character of GBK, too, but rarely a common one.
    """
    common = others = 0
    with path.open("rb") as file:
        for line in file:
            for pair in _PAIR.findall(line):
                if _COMMON.fullmatch(pair):
                    common += 1
                else:
                    others += 1
    return common > 3 * others


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter with which all records have the same number of cells, or else the most cells.

    If several fit, commas are preferred to semicolons, tabs and bars; in a .tsv file, tabs are
    preferred.
    """
    best, most = ",", (False, 1)
    csv.field_size_limit(_LONGEST_CELL)
    is_tabbed = path.suffix.lower() == ".tsv"
    for delimiter in sorted(_DELIMITERS, key=lambda each: is_tabbed and each != "\t"):
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            try:
                records = islice(csv.reader(file, delimiter=delimiter), _SAMPLE)
                widths = Counter(len(cells) for cells in records if any(cells))
            except csv.Error:
                continue
        width = widths.most_common(1)[0][0] if widths else 1
        found = (len(widths) == 1, width)
        if width > 1 and found > most:
            best, most = delimiter, found
    return best
