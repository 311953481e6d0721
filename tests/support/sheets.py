"""Excel sheets to read and write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openpyxl import Workbook


def saved(path: Path, *sheets: tuple[str, list[list[Any]]], hidden: str = "") -> Path:
    """An Excel file with these sheets."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path
