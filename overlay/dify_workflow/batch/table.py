"""Write rows as a file: CSV, JSON lines, Excel or Parquet."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from .._json import JSON, JSONObject
from ..errors import InvalidRequestError
from ..output import CSVWriter, Source, Texts, refuse_source
from .records import json_text

logger = logging.getLogger("dify_workflow")

Kinds = dict[str, set[type]]
"""The columns of a table in their order, each with the kinds of its values."""


def check_results_path(path: Path, *sources: Source, escape_formulas: bool = False) -> None:
    """Refuse a file that results cannot be written to.

    Args:
        path: The file.
        sources: Files that it must not be: the rows and the journal.
        escape_formulas: Whether formulas will be escaped in it.

    Raises:
        InvalidRequestError: It is a source, its ending is unknown, or its folder does not exist.
        ImportError: Excel and Parquet need their extras.
    """
    if path.suffix.lower() not in WRITERS:
        raise InvalidRequestError(
            f"Results cannot be written to {path.name}: the name must end in {', '.join(WRITERS)}."
        )
    if escape_formulas and path.suffix.lower() != ".csv":
        raise InvalidRequestError(f"Formulas can be escaped only in .csv, not in {path.name}.")
    if not path.absolute().parent.is_dir():
        raise InvalidRequestError(f"There is no folder {path.parent} to write {path.name} to.")
    refuse_source(path, *sources)
    if (needed := _NEEDED.get(path.suffix.lower())) is not None:
        import_module(needed, __package__)  # so that a missing extra shows before the batch


def warn_of_changes(path: Path, texts: Texts) -> None:
    """Log which texts were changed in a file, or may be a danger there."""
    if texts.formulas and path.suffix.lower() == ".csv":
        logger.warning(
            "write_results: %s: %s like a formula, which a spreadsheet would run. If people open "
            "it in a spreadsheet, write a .xlsx file, or escape formulas (--escape-formulas).",
            path.name,
            "1 text begins" if texts.formulas == 1 else f"{texts.formulas:,} texts begin",
        )
    if texts.halved:
        logger.warning(
            "write_results: %s: %s half of a surrogate pair, which UTF-8 cannot encode; an escape "
            "such as \\ud83d is written instead. A .jsonl file has the text exactly.",
            path.name,
            "1 text has" if texts.halved == 1 else f"{texts.halved:,} texts have",
        )
    if texts.shortened:
        logger.warning(
            "write_results: %s: %s too long for a cell in Excel; the end is left out, and the cell "
            "says so. A .csv or .jsonl file has the whole text.",
            path.name,
            "1 text is" if texts.shortened == 1 else f"{texts.shortened:,} texts are",
        )


def _write_csv(file: BinaryIO, kinds: Kinds, lines: Iterator[JSONObject], texts: Texts) -> int:
    count = 0
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        writer = CSVWriter(text)
        writer.row(map(texts.fitted, kinds))
        for line in lines:
            writer.row([_cell(line[name], texts) for name in kinds])
            count += 1
    finally:
        text.detach()
    return count


def write_json_lines(
    file: BinaryIO, _kinds: Kinds, lines: Iterator[JSONObject], _texts: Texts
) -> int:
    """Write each row as a line of JSON, and return the number of rows."""
    count = 0
    for line in lines:
        file.write(f"{json_text(line)}\n".encode())
        count += 1
    return count


def _write_parquet(file: BinaryIO, kinds: Kinds, lines: Iterator[JSONObject], texts: Texts) -> int:
    from .parquet import write_parquet

    return write_parquet(file, kinds, lines, texts.fitted)


def _write_excel(file: BinaryIO, kinds: Kinds, lines: Iterator[JSONObject], texts: Texts) -> int:
    from .excel import write_excel

    rows = ([_scalar(line[name]) for name in kinds] for line in lines)
    return write_excel(file, list(kinds), rows, texts)


def _scalar(value: JSON) -> JSON:
    """A value as a cell: texts, numbers and booleans unchanged, everything else as JSON."""
    if value is None or isinstance(value, str | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else json_text(value)


def _cell(value: JSON, texts: Texts) -> JSON:
    """A value as a cell of CSV, with booleans as JSON, too."""
    value = json_text(value) if isinstance(value, bool) else _scalar(value)
    return texts.fitted(value) if isinstance(value, str) else value


_NEEDED = {".xlsx": ".excel", ".parquet": ".parquet"}
"""Modules of writers that need an extra."""

WRITERS: dict[str, Callable[[BinaryIO, Kinds, Iterator[JSONObject], Texts], int]] = {
    ".csv": _write_csv,
    ".jsonl": write_json_lines,
    ".ndjson": write_json_lines,
    ".xlsx": _write_excel,
    ".parquet": _write_parquet,
}
"""Writer by the ending of the file's name."""
