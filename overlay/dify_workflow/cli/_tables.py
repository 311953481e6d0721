"""Tables: the log of runs, and the inputs that an app takes."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from .._fields import Field
from .._inert import headline, json_text
from .._json import JSON
from .._text import clock, duration
from ..models import WorkflowLogs
from ._drawing import STYLES
from ._printing import cell
from .console import is_terminal, output

_LOG_WIDTHS = {"run": 36, "status": 19, "started": 21, "duration": 12, "tokens": 9, "user": 20}
"""Columns that a column of the log needs, those first without which the others say little."""

_LOG_ORDER = ("started", "status", "run", "user", "duration", "tokens", "message")
_MESSAGE_WIDTH = 16
"""Columns below which a message says nothing."""


def show_logs(rows: Iterable[WorkflowLogs]) -> None:
    """Show rows of the log, a line each."""
    columns = log_columns(output.width)
    table = _table(columns)
    for row in rows:
        table.add_row(*_log_cells(row, columns))
    _print(table)


def show_new_logs(rows: Iterable[WorkflowLogs]) -> None:
    """Show rows of the log as they come, a line each, below each other though none is known yet."""
    columns = log_columns(output.width)
    for number, row in enumerate(rows):
        table = _table(columns)
        table.show_header = number == 0
        for column in table.columns:
            column.min_width = _LOG_WIDTHS.get(str(column.header), 0)
        table.add_row(*_log_cells(row, columns))
        _print(table)


def _log_cells(row: WorkflowLogs, columns: list[str]) -> list[Text]:
    run, user = row.workflow_run, row.created_by_end_user
    status = row.status or "deleted"
    cells = {
        "started": Text(clock(row.created_at)),
        "status": Text(cell(status), style=STYLES.get(status, "dim")),
        "run": Text(cell(run.id) if run else ""),
        "user": Text(cell(user.session_id) if user else ""),
        "duration": Text(duration(run.elapsed_time) if run else ""),
        "tokens": Text(f"{run.total_tokens:,}" if run else ""),
        "message": Text(headline(row.message or "")),
    }
    return [cells[name] for name in columns]


def log_columns(width: int) -> list[str]:
    """The columns for which there is room: an id or a status that is cut helps nobody."""
    shown: set[str] = set()
    for name, need in _LOG_WIDTHS.items():
        if need <= width:
            shown.add(name)
            width -= need
    if width >= _MESSAGE_WIDTH:
        shown.add("message")
    return [name for name in _LOG_ORDER if name in shown]


def show_fields(fields: Iterable[Field]) -> None:
    """Show the inputs of an app or the fields of a form, a line each."""
    rows = [
        {
            "name": Text(cell(field.name), style="bold"),
            "kind": Text(cell(field.kind)),
            "required": Text("yes" if field.required else ""),
            "default": Text("" if field.default is None else cell(_shown(field.default))),
            "takes": Text(cell(_bounds(field))),
        }
        for field in fields
    ]
    columns = [
        name
        for name in ("name", "kind", "required", "default", "takes")
        if any(row[name] for row in rows)
    ]
    table = _table(columns)
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    _print(table)


def _table(columns: list[str]) -> Table:
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        column.no_wrap = True
        column.justify = "right" if column.header in {"duration", "tokens"} else "left"
    return table


def _print(table: Table) -> None:
    if is_terminal(sys.stdout):
        output.print(table)
        return
    for line in output.render_lines(table, pad=False):
        sys.stdout.write("".join(segment.text for segment in line).rstrip() + "\n")


def _bounds(field: Field) -> str:
    """What bounds the values of an input."""
    if field.options:
        return ", ".join(field.options)
    if field.takes_files:
        kinds = ", ".join(field.file_types) or "any file"
        most = f", at most {field.longest}" if field.kind == "file-list" and field.longest else ""
        return f"{kinds}{most}"
    is_text = field.kind in {"text-input", "paragraph"}
    return f"at most {field.longest:,} characters" if is_text and field.longest else ""


def _shown(value: JSON) -> str:
    return value if isinstance(value, str) else json_text(value)
