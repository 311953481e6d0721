"""The log of runs: its rows, and how they are printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from .. import DifyWorkflow
from .._json import JSON
from .._log_cursor import LogBookmark, LogPosition, digest_of, encode
from ..models import WorkflowLogs, WorkflowLogsRequest
from ..output import CSVWriter, without_formula
from ..timeline.inert import headline, inert_line
from ..timeline.text import clock, duration
from .console import cell, command, errors, is_terminal, on_ctrl_c, output, print_json_line, say
from .lines import STYLES
from .render import draw_table, table_of

_SHORT_WALK = 100
"""Maximum number of rows in one answer; for more rows a bar is shown."""

_CSV_COLUMNS = (
    "run_id",
    "status",
    "created_at",
    "finished_at",
    "elapsed_time",
    "total_tokens",
    "total_steps",
    "exceptions_count",
    "user",
    "created_from",
    "error",
    "log_id",
)

_WIDTHS = {"run": 36, "status": 19, "started": 21, "duration": 12, "tokens": 9, "user": 20}
"""Width of each column of the log, the most important column first."""

_ORDER = ("started", "status", "run", "user", "duration", "tokens", "message")
_MESSAGE_WIDTH = 16
"""Minimum width of a message."""

RowWriter: TypeAlias = Callable[[Iterable[WorkflowLogs]], None]
"""Writes rows one by one."""


class LogRows:
    """Rows of the log, newest first, each once; they are read while you iterate.

    Args:
        client: The client.
        request: Which rows, and where to begin; its limit is the number of rows per request.
        most: Maximum number of rows; None for all.

    Raises:
        DifyError: As for `DifyWorkflow.iter_logs`; also while iterating.
    """

    def __init__(
        self, client: DifyWorkflow, request: WorkflowLogsRequest, most: int | None
    ) -> None:
        self._request = request
        self._most = most
        self._pages = client.iter_logs(request, limit=most).pages()
        self._page = next(self._pages, None)
        self._last: WorkflowLogs | None = None

    def __iter__(self) -> Iterator[WorkflowLogs]:
        while self._page is not None:
            for row in self._page:
                self._last = row
                yield row
            following = next(self._pages, None)
            if following is None:
                return
            self._page = following

    @property
    def total(self) -> int:
        """Number of rows that match from the beginning of the log, in the first answer."""
        return self._page.total if self._page else 0

    @property
    def expected(self) -> int:
        """Maximum number of rows to expect."""
        return self.total if self._most is None else min(self._most, self.total)

    @property
    def has_more(self) -> bool:
        """Whether there are rows after the last page that was read."""
        return self._page is not None and self._page.has_more

    @property
    def cursor(self) -> str | None:
        """Text with which to continue after the last row."""
        if self._last is None:
            return self._request.cursor
        if self._page is not None and self._page.last_id == self._last.id:
            return self._page.cursor
        return encode(LogBookmark(LogPosition.of(self._last)), digest_of(self._request))

    @property
    def next_command(self) -> str:
        """The command that lists the following rows; it has absolute times."""
        request = self._request
        options = {
            "--status": request.status,
            "--keyword": request.keyword,
            "--since": request.created_at_after and request.created_at_after.isoformat(),
            "--until": request.created_at_before and request.created_at_before.isoformat(),
            "--cursor": self.cursor,
        }
        given = ((name, value) for name, value in options.items() if value)
        return command("logs", *(word for option in given for word in option))


def print_json(rows: LogRows) -> None:
    """Print an object like the server's answer, with the cursor after its rows."""
    data = [row.raw for row in _awaited(rows)]
    facts = {"has_more": rows.has_more, "total": rows.total, "cursor": rows.cursor}
    print_json_line({"data": data, **facts})


def writer_of(*, as_jsonl: bool, as_csv: bool, escape_formulas: bool) -> RowWriter | None:
    """What writes each row when it is read, as the options say; None for a table for people."""
    if as_jsonl:
        return _write_json_lines
    return partial(_write_csv, escape_formulas=escape_formulas) if as_csv else None


def print_each(rows: LogRows, write: RowWriter) -> None:
    """Print each row when it is read."""
    write(_streamed(rows))


def print_table(rows: LogRows) -> None:
    """Print a table for people, and on stderr which part of the log it is."""
    listed = list(_awaited(rows))
    columns = log_columns(output.width)
    if len(columns) == len(_ORDER):
        table = table_of(columns)
        for row in listed:
            cells = _cells(row)
            table.add_row(*(cells[name] for name in columns))
        draw_table(table)
    else:
        _draw_narrow(listed, columns)
    sys.stdout.flush()
    more = ", there are more" if rows.has_more else ""
    say(f"{len(listed):,} of {rows.total:,} runs{more}")
    if any(row.status == "running" for row in listed):
        say("A stopped run may stay running in the log: servers often do not record its end.")
    if more:
        say(f"To continue: {rows.next_command}")


def follow(rows: Iterable[WorkflowLogs], write: RowWriter | None) -> None:
    """Print each row when it appears; without a writer, as a line of a table for people."""
    say("Waiting for new runs; Ctrl-C ends it.")
    (write or _write_lines)(_flushed(rows))


def log_columns(width: int) -> list[str]:
    """The columns that fit completely: part of an id or status is useless."""
    shown: set[str] = set()
    for name, need in _WIDTHS.items():
        if need <= width:
            shown.add(name)
            width -= need
    if width >= _MESSAGE_WIDTH:
        shown.add("message")
    return [name for name in _ORDER if name in shown]


def _cells(row: WorkflowLogs) -> dict[str, Text]:
    run, user = row.workflow_run, row.created_by_end_user
    status = row.status or "deleted"
    return {
        "started": Text(clock(row.created_at)),
        "status": Text(cell(status), style=STYLES.get(status, "dim")),
        "run": Text(cell(run.id) if run else ""),
        "user": Text(cell(user.session_id) if user else ""),
        "duration": Text(duration(run.elapsed_time) if run else ""),
        "tokens": Text(f"{run.total_tokens:,}" if run else ""),
        "message": Text(headline(row.message or "")),
    }


def _draw_narrow(
    rows: Iterable[WorkflowLogs], columns: Sequence[str], *, has_header: bool = True
) -> None:
    """Draw each row on two lines: the columns that fit, and below them the rest."""
    if has_header:
        header = "".join(f"{name:{_WIDTHS[name]}}" for name in columns)
        output.print(Text(header.rstrip(), style="dim"))
    for row in rows:
        cells = _cells(row)
        line = Text()
        for name in columns:
            line += cells[name]
            line.append(" " * max(_WIDTHS[name] - cells[name].cell_len, 2))
        line.rstrip()
        if cells["tokens"]:
            cells["tokens"].append(" tokens")
        rest = [cells[name] for name in _ORDER if name not in columns and cells[name]]
        below = Text("  ", style="dim") + Text(" · ").join(rest)
        for shown in (line, below) if rest else (line,):
            output.print(shown, no_wrap=True, overflow="ellipsis")


def _flushed(rows: Iterable[WorkflowLogs]) -> Iterator[WorkflowLogs]:
    """The rows; the output of each one is flushed before the next one is awaited."""
    for row in rows:
        yield row
        sys.stdout.flush()


def _write_json_lines(rows: Iterable[WorkflowLogs]) -> None:
    for row in rows:
        print_json_line(row.raw)


def _write_csv(rows: Iterable[WorkflowLogs], *, escape_formulas: bool) -> None:
    """Write a header, and each row as a line of CSV (RFC 4180)."""
    writer = CSVWriter(sys.stdout)
    writer.row(_CSV_COLUMNS)
    for row in rows:
        writer.row(_cell(value, escape_formulas) for value in _csv_row(row))


def _write_lines(rows: Iterable[WorkflowLogs]) -> None:
    """Write rows of a table one by one, without knowing the following ones."""
    for number, row in enumerate(rows):
        columns, is_first = log_columns(output.width), number == 0
        if len(columns) < len(_ORDER):
            _draw_narrow([row], columns, has_header=is_first)
            continue
        table = table_of(columns)
        table.show_header = is_first
        for column in table.columns:
            column.min_width = _WIDTHS.get(str(column.header), 0)
        cells = _cells(row)
        table.add_row(*(cells[name] for name in columns))
        draw_table(table)


def _streamed(rows: LogRows) -> Iterator[WorkflowLogs]:
    """The rows, to be written one by one; Ctrl-C ends after a row and prints how to continue."""
    # In a terminal, the rows themselves show the progress.
    read = rows if is_terminal(sys.stdout) else _awaited(rows)
    try:
        yield from _until_interrupted(read)
    except KeyboardInterrupt:
        say(f"To continue: {rows.next_command}")
        raise


def _until_interrupted(rows: Iterable[WorkflowLogs]) -> Iterator[WorkflowLogs]:
    """The rows up to the first Ctrl-C. It takes effect between two rows, so that none is cut.

    Raises:
        KeyboardInterrupt: After the current row; after a second Ctrl-C, at once.
    """
    pressed = False

    def press() -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    with on_ctrl_c(press):
        for row in rows:
            yield row
            if pressed:
                raise KeyboardInterrupt


def _awaited(rows: LogRows) -> Iterator[WorkflowLogs]:
    """The rows, with a bar on stderr while a person waits for many."""
    if rows.expected <= _SHORT_WALK or not is_terminal(sys.stderr):
        yield from rows
        return
    columns = (TextColumn("Reading the log"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        yield from bar.track(rows, total=rows.expected)


def _csv_row(row: WorkflowLogs) -> list[JSON]:
    run, user = row.workflow_run, row.created_by_end_user
    return [
        run and run.id,
        row.status,
        _iso(row.created_at),
        _iso(row.finished_at),
        run and run.elapsed_time,
        run and run.total_tokens,
        run and run.total_steps,
        run and run.exceptions_count,
        user and user.session_id,
        row.created_from,
        row.message,
        row.id,
    ]


def _cell(value: JSON, escape_formulas: bool) -> JSON:
    """The value unchanged; in a terminal escaped and on one line."""
    if not isinstance(value, str):
        return value
    text = without_formula(value) if escape_formulas else value
    return inert_line(text) if is_terminal(sys.stdout) else text


def _iso(time: int | None) -> str | None:
    """A time in Unix seconds as ISO 8601 in UTC."""
    return None if time is None else f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
