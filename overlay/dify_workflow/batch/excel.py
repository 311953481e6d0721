"""Read and write Excel files (.xlsx) row by row."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingModuleSource=false
# openpyxl has no types.

from __future__ import annotations

import math
import re
import warnings
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, BinaryIO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

import attrs

from .._extras import needs
from .._json import JSON
from ..errors import InvalidRequestError
from ..output import Texts, is_formula
from ..timeline.text import counted
from .errors import RowsError

with needs("Excel files need", "excel", "openpyxl"):
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ERROR_CODES
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter
    from openpyxl.utils.datetime import to_excel
    from openpyxl.utils.exceptions import InvalidFileException

LONGEST_CELL = 32_767
"""Maximum number of characters in a cell."""

MOST_ROWS = 1_048_576
"""Maximum number of rows in a sheet, including the row with the names."""

_MOST_COLUMNS = 16_384

_MOST_UNPACKED = 4 << 30
"""Maximum number of bytes of an unpacked file; it is unpacked piece by piece."""

_MOST_HELD = 256 << 20
"""Maximum number of bytes in memory while a sheet is read: texts, styles, and similar parts."""

_LARGEST_PIECE = 32 << 20
"""Maximum number of bytes of a row, and of the parts before the first and after the last row."""

_MOST_TAGS = 1 << 20
"""Maximum number of tags in each of these; a row with 16,384 formulas has 98,304 tags."""

_BLOCK = 1 << 20

_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The first bytes of an .xls file and of an encrypted file."""

_EXACT = 10**15
"""Excel rounds whole numbers from here on."""

_LARGEST_WHOLE = 2**63
"""A number in Excel stays a floating-point number from here on."""

_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z]+\d+:[A-Z]+\d+)"')
_UNCALCULATED = re.compile(
    rb'<(?:\w+:)?c\b(?![^>]* t="str")[^>]*?r="([A-Z]+\d+)"[^>]*>'
    rb"\s*<(?:\w+:)?f\b(?:[^<]*</(?:\w+:)?f>|[^>]*/>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
"""A formula without its value; a formula with an empty text as its value has the type ``str``."""

_HIDDEN = re.compile(rb'<(?:\w+:)?row\b[^>]*? hidden="(?:1|true)"')
_OVERLAP = 4096
"""Bytes at the end of a piece that are searched again with the next one, so that nothing is cut."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0d-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_LONGEST_ESCAPE = len("_x0000_")
_ESCAPED = re.compile("_x00([01][0-9A-Fa-f]|5[Ff])_")

_UNREADABLE = (
    BadZipFile,
    EOFError,
    IndexError,
    InvalidFileException,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    ParseError,
    TypeError,
    ValueError,
    zlib.error,
)
"""Exceptions of openpyxl for files that are damaged or not Excel files."""


@attrs.frozen
class Sheet:
    """A sheet of an Excel file.

    Args:
        name: Its name.
        others: Names of the other sheets that are not hidden.
        hidden_rows: Number of hidden rows, for example filtered rows; they are read, too.
        merged: Its merged cells, as ``"A1:B2"``.
        uncalculated: Cells with a formula whose value is not in the file.
    """

    name: str
    others: tuple[str, ...] = ()
    hidden_rows: int = 0
    merged: tuple[str, ...] = ()
    uncalculated: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"the sheet {self.name!r}"
        if self.others:
            said += f", not {', '.join(map(repr, self.others))}"
        if self.hidden_rows:
            rows = counted(self.hidden_rows, "hidden row")
            said += f"; {rows} {'is' if self.hidden_rows == 1 else 'are'} read, too"
        return said


def sheet_of(path: Path, name: str | None) -> Sheet:
    """The sheet of a file that is read.

    Args:
        path: The file.
        name: Name of the sheet; None for the first one that is not hidden.

    Raises:
        InvalidRequestError: There is no such sheet.
        RowsError: The file is not an Excel file, is damaged, or is too large.
    """
    with _opened(path, has_cells=False) as book:
        every: list[str] = [sheet.title for sheet in book.worksheets]
        if not every:
            raise RowsError(
                f"{path.name} has no sheet that can be read. If it is a Strict Open XML "
                "spreadsheet, save it as Excel Workbook (.xlsx)."
            )
        shown = [title for title in every if book[title].sheet_state == "visible"]
        wanted = (shown or every)[0] if name is None else name
        if wanted not in every:
            has = ", ".join(map(repr, every))
            raise InvalidRequestError(f"{path.name} has no sheet {wanted!r}; it has {has}.")
        sheet = book[wanted]
        with sheet._get_source() as source:  # noqa: SLF001  # rows do not have this
            seen = _seen_in(source, path)
    others = tuple(title for title in shown if title != wanted)
    return attrs.evolve(seen, name=wanted, others=others)


def _seen_in(source: IO[bytes], path: Path) -> Sheet:
    """Read from the XML of a sheet what openpyxl does not report with its rows.

    Raises:
        RowsError: One piece of it, such as a row, is too large for the memory.
    """
    hidden, merged, uncalculated = 0, dict[str, None](), dict[str, None]()
    rest, piece, tags = b"", 0, 0
    while block := source.read(_BLOCK):
        text = rest + block
        if b"<row" in text or b":row" in text:
            piece = tags = 0
        else:
            piece, tags = piece + len(block), tags + block.count(b"<")
        if piece > _LARGEST_PIECE or tags > _MOST_TAGS:
            raise RowsError(f"{path.name} has a row that is too large to be read.")
        if b"mergeCell" in text:
            merged |= dict.fromkeys(found.decode() for found in _MERGED.findall(text))
        if b"<f" in text or b":f" in text:
            uncalculated |= dict.fromkeys(found.decode() for found in _UNCALCULATED.findall(text))
        if b"hidden=" in text:
            hidden += sum(found.end() > len(rest) for found in _HIDDEN.finditer(text))
        rest = text[-_OVERLAP:]
    return Sheet("", (), hidden, tuple(merged), tuple(uncalculated))


def read_sheet(path: Path, sheet: Sheet) -> Iterator[tuple[int, list[JSON], str | None]]:
    """The rows of a sheet with their numbers, and what is wrong with them.

    Dates and times are ISO 8601 texts, of the type `DateText`; numbers are as Excel shows them.

    Raises:
        RowsError: The file is damaged.
    """
    wrong: dict[int, str] = {}
    merged = {place.partition(":")[0]: place for place in sheet.merged}
    for place in sheet.uncalculated:
        said = f"cell {place} has a formula whose value is not in the file"
        wrong.setdefault(_first_row(place), f"{said}; open it in Excel and save it")
    with _opened(path) as book, closing(_cells(book[sheet.name])) as rows:
        for number, cells in enumerate(rows, start=1):
            if number > MOST_ROWS:  # Excel cannot have more; a wrong file might never end
                yield number, [], f"a sheet can have at most {MOST_ROWS:,} rows"
                return
            problem = wrong.get(number) if wrong else None
            for cell in cells:
                if problem is not None or cell.value is None:
                    continue
                if cell.data_type == "e":
                    problem = f"cell {cell.coordinate} has the error {cell.value}"
                elif merged and (region := merged.get(cell.coordinate)):
                    problem = f"the cells {region} are merged; unmerge them and fill each one"
            yield number, [_value(cell, book.epoch) for cell in cells], problem


class DateText(str):
    """A date or time as ISO 8601, with Excel's number for it."""

    __slots__ = ("serial",)
    serial: float


def _cells(sheet: Any) -> Generator[Sequence[Any], None, None]:
    sheet.reset_dimensions()  # some programs write wrong ones
    yield from sheet.iter_rows()


def _first_row(cells: str) -> int:
    """The number of the first row of cells such as ``"A2:B3"``."""
    return int(cells.partition(":")[0].lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


def _value(cell: Any, epoch: datetime) -> JSON:
    value = cell.value
    if isinstance(value, str):
        return _ESCAPED.sub(_unescaped, value) if "_x" in value else value
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= _EXACT):
        # Excel shows 15 digits: people see 0.3, although 0.1 + 0.2 is a little more.
        if not math.isfinite(value):
            return value
        shown = Decimal(f"{float(value):.15g}")
        is_whole = abs(shown) < _LARGEST_WHOLE and shown == shown.to_integral_value()
        return int(shown) if is_whole else float(shown)
    if isinstance(value, datetime) and value.time() == time() and not _shows_time(cell):
        value = value.date()
    if isinstance(value, date | time | timedelta):
        text = DateText(_duration(value) if isinstance(value, timedelta) else value.isoformat())
        serial: float = to_excel(value, epoch)
        text.serial = int(serial) if serial.is_integer() else serial
        return text
    return value


def _shows_time(cell: Any) -> bool:
    return "h" in cell.number_format.lower()


def _duration(value: timedelta) -> str:
    """A duration as Excel shows it, such as ``27:30:00``."""
    minutes, seconds = divmod(round(abs(value).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if value < timedelta(0) else ''}{hours}:{minutes:02}:{seconds:02}"


@contextmanager
def _opened(path: Path, *, has_cells: bool = True) -> Generator[Any, None, None]:
    """The workbook of a file; its sheets are read when they are needed.

    Args:
        path: The file.
        has_cells: Whether cells will be read, which needs all texts of the file.

    Raises:
        RowsError: The file is not an Excel file, is damaged, or is too large; also during its use.
    """
    with path.open("rb") as file:
        try:
            _check_size(file, path.name)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about parts that are not read, such as drop-downs
                reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
                if has_cells:
                    reader.read()
                else:
                    reader.read_manifest()
                    reader.read_workbook()
                    reader.read_worksheets()
            yield reader.wb
        except InvalidRequestError:  # it is a ValueError, too
            raise
        except _UNREADABLE as error:
            file.seek(0)
            if file.read(len(_OLD)) == _OLD:
                what = f"{path.name} has a password or is an old .xls file"
                raise RowsError(f"{what}: save it as .xlsx without a password.") from error
            reason = " ".join(str(error).split()).rstrip(".")
            raise RowsError(
                f"{path.name} cannot be read as an Excel file ({reason}): open it in Excel and "
                "save it as .xlsx."
            ) from error


def _check_size(file: IO[bytes], name: str) -> None:
    """Refuse a file that needs much more memory or disk than its size shows."""
    parts = ZipFile(file).infolist()
    held = [part for part in parts if not part.filename.startswith("xl/worksheets/sheet")]
    for some, most in ((parts, _MOST_UNPACKED), (held, _MOST_HELD)):
        if (size := sum(part.file_size for part in some)) > most:
            raise RowsError(
                f"{name} is too large: it has {size >> 20:,} MB when unpacked. Save its sheet as "
                ".csv."
            )


# ------------------------------------------------------------------------------------- results


def write_excel(
    file: BinaryIO, columns: Sequence[str], rows: Iterable[Sequence[JSON]], texts: Texts
) -> int:
    """Write rows as a sheet; return the number of rows.

    Args:
        file: The file.
        columns: Names of the columns.
        rows: The rows, with texts, numbers, booleans and None.
        texts: Changes texts that cannot be written, and counts texts that are cut.

    Raises:
        InvalidRequestError: There are more rows or columns than a sheet can have.
    """
    if len(columns) > _MOST_COLUMNS:
        raise InvalidRequestError(
            f"A sheet has at most {_MOST_COLUMNS:,} columns: write a .csv file."
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Results")
    sheet.freeze_panes = "A2"
    for number, name in enumerate(columns, start=1):
        width = min(40, max(12, len(name) + 4))
        sheet.column_dimensions[get_column_letter(number)].width = width
    with _removed_where_it_fails(sheet):
        head = [_text_cell(sheet, texts.fitted(name)) for name in columns]
        for cell in head:
            cell.font = Font(bold=True)
        sheet.append(head)
        count = 0
        for count, row in enumerate(rows, start=1):
            if count >= MOST_ROWS:
                raise InvalidRequestError(
                    f"A sheet has at most {MOST_ROWS:,} rows: write a .csv file."
                )
            sheet.append([_cell(sheet, value, texts) for value in row])
    sheet.auto_filter.ref = f"A1:{get_column_letter(max(1, len(columns)))}{count + 1}"
    book.save(file)
    return count


@contextmanager
def _removed_where_it_fails(sheet: Any) -> Generator[None, None, None]:
    """Remove openpyxl's temporary file if the sheet is not saved."""
    try:
        yield
    except BaseException:
        sheet.close()
        sheet._writer.cleanup()  # noqa: SLF001  # the file would stay until the process ends
        raise


def _cell(sheet: Any, value: JSON, texts: Texts) -> Any:
    """A value as a cell of a sheet."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT:
        value = str(value)
    if not isinstance(value, str):
        return value
    text = _CONTROL.sub(_escape, texts.fitted(value))
    if len(text) > LONGEST_CELL // 2 and _units(text) > LONGEST_CELL:
        text = _shortened(texts.fitted(value))
        texts.shortened += 1
    return _text_cell(sheet, text) if is_formula(text) or text in ERROR_CODES else text


def _units(text: str) -> int:
    """The length of a text as Excel counts it, in units of UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def _shortened(text: str) -> str:
    """The beginning of a text that fits a cell, with a note that the text is cut."""
    end = f" … (cut here: {len(text):,} characters in all)"
    room = LONGEST_CELL
    while True:
        kept = _CONTROL.sub(_escape, text[:room]) + end
        excess = _units(kept) - LONGEST_CELL
        if excess <= 0:
            return kept
        room -= -(-excess // _LONGEST_ESCAPE)


def _text_cell(sheet: Any, text: str) -> Any:
    """A cell that stays text, also when somebody edits it."""
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.quotePrefix = is_formula(text)
    return cell


def _escape(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))
