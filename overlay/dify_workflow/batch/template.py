"""A table to fill in, with a column for each input of an app."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingModuleSource=false
# openpyxl has no types.

from __future__ import annotations

import codecs
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from .._extras import needs
from .._json import JSON
from ..errors import InvalidRequestError
from ..inputs import Field
from ..output import CSVWriter

_ROWS = 10_000
"""Rows that have formats and drop-downs."""

_EXAMPLE_TEXT = "Example of "
_EXAMPLE_URL = "https://example.com/"
_INVENTED = (_EXAMPLE_TEXT, _EXAMPLE_URL)
_MOST_NAMED = 12
"""Maximum number of choices in a description; in Excel, the drop-down has all of them."""

_KINDS = {
    "text-input": "a text",
    "paragraph": "a text",
    "number": "a number",
    "checkbox": "TRUE or FALSE",
    "json_object": "a JSON object",
    "file": "a file: its path or address",
    "file-list": "files: their paths or addresses, one on each line",
}


def write_template(path: Path, fields: Sequence[Field]) -> None:
    """Write a table with a column for each input, and an example row.

    In Excel, each name has a note, a select has a drop-down, and text columns keep the typed text,
    such as leading zeros.

    Args:
        path: New file, ``.xlsx`` or ``.csv``.
        fields: The inputs of the app.

    Raises:
        InvalidRequestError: The path has another ending, or the file exists.
        ImportError: Excel needs its extra.
    """
    write = {".xlsx": _write_excel, ".csv": _write_csv}.get(path.suffix.lower())
    if write is None:
        raise InvalidRequestError(f"A template must be a .xlsx or .csv file, not {path.name}.")
    if path.exists():
        raise InvalidRequestError(f"{path} exists; give a new file.")
    try:
        write(path, fields)
    except OSError as error:
        raise InvalidRequestError(f"Cannot write {path}: {error.strerror}.") from error


def described(field: Field) -> str:
    """A description of an input for people, such as ``"Topic: a text, at most 48 characters"``."""
    said = [_KINDS.get(field.kind, field.kind)]
    if field.kind == "select":
        some = ["…"] if len(field.options) > _MOST_NAMED else []
        said = [f"one of: {' | '.join([*field.options[:_MOST_NAMED], *some])}"]
    unit = {"text-input": "characters", "paragraph": "characters", "file-list": "files"}
    if field.longest and field.kind in unit:
        said.append(f"at most {field.longest:,} {unit[field.kind]}")
    if field.file_types:
        said.append(", ".join(field.file_types))
    if not field.required:
        said.append("may be empty")
    label = "" if field.label == field.name else f"{field.label}: "
    return label + "; ".join(said)


def example_row(fields: Sequence[Field]) -> dict[str, JSON]:
    """The cells of the example row, by input; empty if they could be the cells of a real row."""
    row = {field.name: _example(field) for field in fields}
    is_invented = any(str(value).startswith(_INVENTED) for value in row.values())
    return row if is_invented else {}


def _example(field: Field) -> JSON:
    if field.default not in {None, ""} and isinstance(field.default, str | int | float):
        return field.default
    example: dict[str, JSON] = {
        "number": 1,
        "checkbox": True,
        "json_object": "{}",
        "file": f"{_EXAMPLE_URL}file.pdf",
        "file-list": f"{_EXAMPLE_URL}1.pdf\n{_EXAMPLE_URL}2.pdf",
    }
    if field.kind == "select":
        return field.options[0] if field.options else None
    return example.get(field.kind, f"{_EXAMPLE_TEXT}{field.label}"[: field.longest or None])


def _write_csv(path: Path, fields: Sequence[Field]) -> None:
    text = StringIO()
    writer = CSVWriter(text)
    writer.row([field.name for field in fields])
    writer.row([str(value).lower() if value is True else value for value in map(_example, fields)])
    # With a BOM, by which spreadsheets detect UTF-8.
    with path.open("xb") as file:
        file.write(codecs.BOM_UTF8 + text.getvalue().encode())


def _write_excel(path: Path, fields: Sequence[Field]) -> None:
    with needs("Excel files need", "excel", "openpyxl"):
        from openpyxl import Workbook
        from openpyxl.comments import Comment
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter
        from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet, choices = book.worksheets[0], book.create_sheet("Choices")
    sheet.title, sheet.freeze_panes = "Rows", "A2"
    choices.sheet_state = "hidden"
    for number, field in enumerate(fields, start=1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = max(16, len(field.name) + 4)
        head = sheet.cell(1, number)
        _set_text(head, field.name)
        head.font = Font(bold=True)
        head.comment = Comment(described(field), "dify-workflow", height=90, width=260)
        options = list(field.options) if field.kind == "select" else []
        for row, option in enumerate(options, start=1):
            _set_text(choices.cell(row, number), option)
        if field.kind == "checkbox":
            rule = DataValidation(type="list", formula1='"TRUE,FALSE"', allow_blank=True)
        elif options:
            place = f"Choices!${letter}$1:${letter}${len(options)}"
            rule = DataValidation(type="list", formula1=place, allow_blank=not field.required)
        else:
            rule = None
        if rule is not None:
            rule.showErrorMessage = True
            sheet.add_data_validation(rule)
            rule.add(f"{letter}2:{letter}{_ROWS}")
        example = sheet.cell(2, number)
        value = _example(field)
        if isinstance(value, str):
            sheet.column_dimensions[letter].number_format = "@"
            _set_text(example, value)
        else:
            example.value = value
    with path.open("xb") as file:
        book.save(file)


def _set_text(cell: Any, text: str) -> None:
    """Set the text of a cell, which never becomes a formula."""
    cell.value = text
    cell.data_type = "s"
    cell.number_format = "@"
